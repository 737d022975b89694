"""The pages of the architecture, held against the code: their diagrams, and the names that they mention."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any, Collection, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imports import modules, parse, statements, walk

DOCS = Path(__file__).parents[2] / "docs"

FOREIGN = frozenset(
    (
        "ConnectionLost Deferred HostnameEndpoint LineReceiver MaxStartups Photo Photos RecursionError RuntimeError"
        " SSLSocket Tax"
    ).split()
)
"""What the pages mention besides the classes of homeftp."""


def load_importgraph() -> Any:
    """The module of the documentation that reads and compares the diagrams."""
    path = DOCS / "_extensions" / "importgraph.py"
    spec = importlib.util.spec_from_file_location("importgraph", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.parse = parse
    return module


importgraph = load_importgraph()


def pages(*folders: str) -> Iterator[tuple[str, str]]:
    """The pages of these folders: path and text."""
    for folder in folders:
        for path in sorted((DOCS / folder).glob("*.rst")):
            yield path.relative_to(DOCS).as_posix(), path.read_text(encoding="utf-8")


def diagrams(kind: str, text: str) -> list[str]:
    """The contents of a page's diagrams of one kind."""
    return re.findall(rf"^\.\. {kind}::\n\n((?:   .*\n)+)", text, re.MULTILINE)


def classes(mentioned: Collection[str]) -> dict[str, set[str]]:
    """The classes of homeftp and, of those that are mentioned, the names of their members and of what they extend."""
    definitions: dict[str, list[ast.ClassDef]] = {}
    for _, source in modules():
        for node in statements(parse(source)):
            if isinstance(node, ast.ClassDef):
                definitions.setdefault(node.name, []).append(node)

    @functools.cache
    def members(name: str) -> set[str]:
        found: set[str] = set()
        for definition in definitions.get(name, ()):
            for each in walk(definition):
                if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
                    found.add(each.attr)
            for each in definition.body:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(each.name)
                elif isinstance(each, ast.AnnAssign):
                    found.add(ast.unparse(each.target))
            found.update(*(members(each.id) for each in definition.bases if isinstance(each, ast.Name)))
        return found

    return {name: members(name) if name in mentioned else set() for name in definitions}


def unknown_names(text: str, known: dict[str, set[str]]) -> list[str]:
    """The classes and their members that a text mentions in double backticks, and that do not exist."""
    wrong = []
    for name, member in re.findall(r"``([A-Z][A-Za-z]*[a-z][A-Za-z]*)(?:\.(\w+))?(?:\([^`]*\))?``", text):
        if name not in FOREIGN and (name not in known or (member and member not in known[name])):
            wrong.append(f"{name}.{member}" if member else name)
    return wrong


class DiagramTests(SynchronousTestCase):
    """The arrows of the pages are those of the code."""

    def setUp(self) -> None:
        """Have what the diagrams are compared with parsed once, with all the rest."""
        modules()

    def test_layers(self) -> None:
        """No import runs back up, and each arrow of a diagram is an import, and the other way round."""
        graph = importgraph.module_imports()
        found = 0
        for page, text in pages("architecture"):
            for content in diagrams("layers", text):
                boxes = importgraph.layers(content)
                self.assertEqual(importgraph.layer_faults(boxes, graph), [], page)
                names = [name for names in boxes.values() for name in names]
                imports = importgraph.merged(importgraph.grouped(graph, names), boxes)
                self.assertEqual(importgraph.difference(importgraph.layer_arrows(boxes, graph), imports), [], page)
                found += 1
        self.assertGreater(found, 0)

    def test_every_package_is_drawn(self) -> None:
        """The first diagram has a box for each module, but for the helpers of tests."""
        boxes = importgraph.layers(diagrams("layers", dict(pages("architecture"))["architecture/index.rst"])[0])
        names = [name for names in boxes.values() for name in names]
        undrawn = {name for name in importgraph.module_imports() if importgraph.group_of(name, names) is None}
        self.assertEqual({name for name in undrawn if not name.startswith("testing")}, {""})

    def test_journeys(self) -> None:
        """Each step of a journey is a call that the code makes."""
        steps = [
            step
            for _, text in pages("architecture")
            for content in diagrams("journey", text)
            for step in importgraph.journey(content)
        ]
        self.assertGreater(len(steps), 0)
        self.assertEqual([fault for step in steps for fault in importgraph.step_faults(step)], [])

    def test_journeys_have_sentences(self) -> None:
        """Each step has a sentence with its number, in the list that follows the diagram."""
        told = 0
        for page, text in pages("architecture"):
            for content in diagrams("journey", text):
                steps = len(importgraph.journey(content))
                listed = re.search(r"(?m)^1\. (?:.+\n)+", text[text.index(content) :])
                assert listed is not None
                numbers = [int(number) for number in re.findall(r"(?m)^(\d+)\. ", listed[0])]
                self.assertEqual(numbers, list(range(1, steps + 1)), page)
                told += 1
        self.assertGreater(told, 0)

    def test_wrong_diagrams_are_noticed(self) -> None:
        """The control: arrows that are missing, too many or backwards, and steps without a call, are found."""
        graph = {"cli": {"server", "wire"}, "server": {"wire"}, "wire": set()}
        self.assertEqual(importgraph.reduced(graph), {"cli": {"server"}, "server": {"wire"}, "wire": set()})
        self.assertEqual(importgraph.difference({"cli": {"server"}, "server": {"wire"}}, graph), [])
        self.assertEqual(
            importgraph.difference({"cli": {"server"}, "wire": {"server"}}, graph),
            [
                "wire -> server is drawn, and no import",
                "cli -> wire is an import, and not drawn",
                "server -> wire is an import, and not drawn",
            ],
        )
        boxes = importgraph.layers("wire: wire\nabove: server\nnowhere: nowhere\n")
        self.assertEqual(importgraph.layer_faults(boxes, graph), ["nowhere is no module", "above -> wire runs back up"])
        self.assertEqual(importgraph.circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}), ["a", "b"])
        for line, fault in (
            ("errors -> status: Status", []),
            ("status -> errors: Refusal", ["status does not import errors", "status does not use Refusal"]),
            ("errors -> status: Nothing", ["Nothing is not in status", "errors does not use Nothing"]),
            ("errors -> nowhere: Status", ["nowhere is no module"]),
            (
                "errors => status: IStore.stat",
                ["status does not implement IStore", "errors does not use stat"],
            ),
        ):
            (step,) = importgraph.journey(line)
            self.assertEqual(importgraph.step_faults(step), fault)


class NameTests(SynchronousTestCase):
    """What the pages mention exists. tests/system/test_docs.py does the same for files."""

    def test_classes(self) -> None:
        """Each class, and each member of one, that a page mentions exists."""
        folders = ("architecture", "client", "decisions", "owner", "plugins", "protocol", "reference")
        texts = dict(pages(*folders))
        known = classes({word for text in texts.values() for word in re.findall(r"\w+", text)})
        wrong = {page: unknown_names(text, known) for page, text in texts.items()}
        self.assertEqual({page: names for page, names in wrong.items() if names}, {})

    def test_unknown_names_are_noticed(self) -> None:
        """The control: an unknown class and an unknown member are found; words that are no class are none."""
        text = "``Box`` ``Safe`` ``Box.write`` ``Box.gone`` ``Box(store)`` ``STARTTLS`` ``if_hash``"
        self.assertEqual(unknown_names(text, {"Box": {"write"}}), ["Safe", "Box.gone"])
