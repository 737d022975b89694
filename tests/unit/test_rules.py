"""The rules of CONTRIBUTING for tests that a program can check, each with a control that shows that it notices."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import homeftp.client.errors
import homeftp.errors
from tests.support.imports import dotted, kept, modules, nodes

TESTS = Path(__file__).parents[1]

SLEEPS = {"support/waiting.py"}
"""The modules that may sleep: each wait there has a deadline, or is the pace of a slow peer."""

SKIPS = {"support/mounts.py", "support/needs.py", "unit/test_needs.py"}
"""The modules that know how a test is skipped: `needs` fails it where nothing may be skipped."""

WAYS_TO_SKIP = frozenset({"SkipTest", "skipTest", "skipIf", "skipUnless", "unittest.skip"})

PATCHES = ("patch", "patch.object", "mock.patch", "mock.patch.object", "self.patch")

ERRORS = frozenset(
    name
    for module in (homeftp.errors, homeftp.client.errors)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, Exception)
)
"""The names of the exceptions whose messages people see, behind "homeftp: "."""

DECLARATIONS = frozenset(
    (
        "__main__ accounts/state/interface audit/interface history/writer interfaces/deferredwork"
        " interfaces/files interfaces/frontend interfaces/history interfaces/immediate interfaces/importing"
        " interfaces/links interfaces/observing interfaces/storefactory interfaces/storefiles interfaces/traffic"
        " interfaces/usage interfaces/workers syscalls/filesystems server/http/context server/http/dav/locks/interface"
        " server/http/dav/properties/interface server/json/context wire/events"
    ).split()
)
"""Modules that only declare: there is nothing in them to be tested."""


def unmirrored() -> set[str]:
    """The modules of homeftp without a test file of their own in the same place below tests/unit."""
    package = TESTS.parent / "homeftp"
    found = set()
    for path in package.rglob("*.py"):
        module = path.relative_to(package)
        if path.name != "__init__.py" and not (TESTS / "unit" / module.with_name(f"test_{path.name}")).exists():
            found.add(module.with_suffix("").as_posix())
    return found


@functools.cache
def sources() -> tuple[tuple[str, str], ...]:
    """Every module of the tests: its path below `tests`, and its source; parsed where a rule may find something."""
    paths = sorted(TESTS.rglob("*.py"))
    found = tuple((path.relative_to(TESTS).as_posix(), path.read_text(encoding="utf-8")) for path in paths)
    with kept():
        for _, source in found:
            if re.search("sleep|skip|patch|given", source):
                nodes(source)
    return found


def sleeps(source: str) -> list[int]:
    """The lines that call `time.sleep`, or import it by name."""
    if "sleep" not in source:
        return []  # most modules need not be parsed
    found = []
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [node.lineno for each in node.names if each.name == "sleep"]
        elif isinstance(node, ast.Attribute) and dotted(node) == "time.sleep":
            found.append(node.lineno)
    return sorted(found)


def skips(source: str) -> list[int]:
    """The lines that name a way to skip a test, however it is imported."""
    if "skip" not in source.lower():
        return []
    found = set()
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom):
            words = [each.name for each in node.names]
        elif isinstance(node, ast.Attribute):
            words = [node.attr, dotted(node)]
        else:
            continue
        if WAYS_TO_SKIP.intersection(words):
            found.add(node.lineno)
    return sorted(found)


def private_patches(source: str) -> list[str]:
    """The private names that a module patches, each with the name that it belongs to."""
    if "patch" not in source:
        return []
    found = []
    for node in nodes(source):
        if isinstance(node, ast.Call) and dotted(node.func) in PATCHES and node.args:
            # either "module.name", or an object and a name
            first, *others = node.args
            is_path = isinstance(first, ast.Constant)
            words = [first] if is_path else [first, *others[:1]]
            name = ".".join(str(word.value) if isinstance(word, ast.Constant) else ast.unparse(word) for word in words)
            if re.search(r"\._[a-z]\w*$", name):
                found.append(".".join(name.split(".")[-2:]))
    return found


def generic_tuples(source: str) -> list[str]:
    """The classes that are a NamedTuple and generic at the same time."""
    if "NamedTuple" not in source:
        return []
    return [
        node.name
        for node in nodes(source)
        if isinstance(node, ast.ClassDef) and len(node.bases) > 1 and "NamedTuple" in map(dotted, node.bases)
    ]


def capitalized(source: str) -> list[str]:
    """The messages of exceptions that begin with a capital letter, unless that is a header's or an abbreviation's."""
    found = []
    for node in nodes(source):
        if isinstance(node, ast.Call) and node.args and dotted(node.func).rpartition(".")[2] in ERRORS:
            first = node.args[0]
            if isinstance(first, ast.JoinedStr):
                first = first.values[0]
            if isinstance(first, ast.Constant) and re.match(r"[A-Z][a-z]*(?![\w-])", str(first.value)):
                found.append(str(first.value))
    return found


def unrepeatable(source: str) -> list[str]:
    """The tests with random input whose settings are not those of `tests.support.repeatable`, or made from them."""
    if "given" not in source:
        return []
    found = []
    for node in nodes(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            words = [ast.unparse(each) for each in node.decorator_list]
            if any(word.startswith("given(") for word in words) and not any("REPEATABLE" in word for word in words):
                found.append(node.name)
    return found


class RuleTests(SynchronousTestCase):
    """What every test keeps to."""

    def test_sleeps(self) -> None:
        """No test sleeps: it has a clock, or it waits for something with a deadline."""
        self.assertEqual({path for path, source in sources() if sleeps(source)}, SLEEPS)

    def test_skips(self) -> None:
        """No test is skipped but by `needs`: it would be skipped silently where nothing may be skipped."""
        self.assertEqual({path for path, source in sources() if skips(source)}, SKIPS)

    def test_patches(self) -> None:
        """No test patches a private name."""
        found = {path: private_patches(source) for path, source in sources()}
        self.assertEqual({path: names for path, names in found.items() if names}, {})

    def test_mirror(self) -> None:
        """Every module has a test file of its own, except those that only declare."""
        self.assertEqual(unmirrored(), DECLARATIONS)

    def test_generic_tuples(self) -> None:
        """No NamedTuple has another base: Python 3.10 cannot import such a class, and mypy does not say so."""
        self.assertEqual([f"{module}: {name}" for module, source in modules() for name in generic_tuples(source)], [])
        self.assertEqual(generic_tuples("class A(NamedTuple, Generic[T]): ...\nclass B(NamedTuple): ..."), ["A"])

    def test_messages(self) -> None:
        """A message begins in lower case, because it stands behind "homeftp: "; a header keeps its spelling."""
        headers = {"Depth is 0, 1 or infinity", "Overwrite is T or F"}
        self.assertEqual({each for _, source in modules() for each in capitalized(source)}, headers)
        source = "OperatorError(f'The {x}')\nerrors.NotFound('It is')\nBusy('not UTF-8')\nBusy(f'{x}')\nBusy('X-A: b')"
        self.assertEqual(capitalized(source), ["The ", "It is"])

    def test_repeatable(self) -> None:
        """Random input is the same in each run, and may be slow on a slow machine."""
        found = {path: unrepeatable(source) for path, source in sources()}
        self.assertEqual({path: names for path, names in found.items() if names}, {})
        source = "@given(x)\ndef test_a(): ...\n@REPEATABLE\n@given(x)\ndef test_b(): ...\n"
        self.assertEqual(unrepeatable(source), ["test_a"])

    def test_breaches_are_noticed(self) -> None:
        """The control: a sleep, a skip and a private patch are found however they are written; a public one is none."""
        self.assertEqual(sleeps("import time\ntime.sleep(1)\nfrom time import sleep\n"), [2, 3])
        self.assertEqual(sleeps("mock.patch('time.sleep')\n"), [])
        ways = ("from unittest import SkipTest", "raise unittest.SkipTest", "self.skipTest('x')", "@unittest.skip('x')")
        for source in (*ways[:3], f"{ways[3]}\ndef f(): ..."):
            self.assertEqual(skips(source), [1], source)
        self.assertEqual(skips("digester.skip(2)\n"), [])
        source = (
            "self.patch(Audit, '_write', 1)\nmock.patch('homeftp.audit._x', 2)\npatch.object(A, '_b')\n"
            "self.patch(os, 'open', 3)\nmock.patch('os.write', half)\nmock.patch('homeftp.x.y')\n"
        )
        self.assertEqual(private_patches(source), ["Audit._write", "audit._x", "A._b"])
