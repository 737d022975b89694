"""One name for one thing: class names are unique in the package, and identifiers use the field's terms."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import Iterable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imports import modules

SHARED_CLASS_NAMES = frozenset({"Request", "_Transport", "_Written"})
"""Class names that several modules still have. None is added; each goes when its second class is renamed."""

OLD_WORDS = frozenset(
    (
        "arrival choices door dress entrance fragments glimpse heard house jail judge landing leaving outlet"
        " room settle shelf shelved shelves siblings sparing standing stranger sweep told tools trail undone welcome"
        " whoever"
    ).split()
)
"""Words of the private language that the code once had."""

STILL_USED: dict[str, str] = {
    "choices": "cli",
    "heard": "cli client.connection",
    "leaving": "store",
    "outlet": "testing",
    "room": "store",
    "siblings": "store",
    "sweep": "store",
    "told": "dispatchers store testing",
}
"""The packages that still use a word. None is added; the line goes with the last use."""


def class_names(source: str) -> Iterator[str]:
    """The names of all classes in a module, nested ones too."""
    return (node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))


def shared(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The class names that several modules have, with these modules."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, source in sources:
        for name in class_names(source):
            found[name].append(module)
    return {name: found_in for name, found_in in found.items() if len(found_in) > 1}


def identifiers(source: str) -> Iterator[str]:
    """All names that a module defines or uses."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name


def old_words(source: str) -> set[str]:
    """The words of the private language in a module's identifiers."""
    words = (word for name in set(identifiers(source)) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))
    return {word.lower() for word in words} & OLD_WORDS


class NamesTests(SynchronousTestCase):
    """The names of the whole package."""

    def test_class_names_are_unique(self) -> None:
        """No two modules define classes of the same name, but for those that are known."""
        found = shared(modules())
        self.assertEqual({name: found[name] for name in found if name not in SHARED_CLASS_NAMES}, {})

    def test_words(self) -> None:
        """No identifier has a word of the private language, but in the packages that are known to."""
        found = []
        for module, source in modules():
            for word in sorted(old_words(source)):
                known = STILL_USED.get(word, "").split()
                if not any(f"{module}.".startswith(f"{package}.") for package in known):
                    found.append(f"homeftp.{module}: {word}")
        self.assertEqual(found, [])


class ControlTests(SynchronousTestCase):
    """The checks notice."""

    def test_class_names(self) -> None:
        """A second class of the same name, also a nested one."""
        source = "class Outer:\n    class Entry: pass"
        self.assertEqual(shared([("a", "class Entry: pass"), ("b", source)]), {"Entry": ["a", "b"]})

    def test_words(self) -> None:
        """A word in a variable, an attribute, an argument, a keyword, a function or a class; not in another word."""
        for source in (
            "landing = 1",
            "x.landing_path",
            "def f(_landing): pass",
            "f(landing=1)",
            "def landing(): pass",
            "class LandingCase: pass",
        ):
            self.assertEqual(old_words(source), {"landing"}, source)
        self.assertEqual(old_words("islanding = mushroom = outlets = 'landing'"), set())
