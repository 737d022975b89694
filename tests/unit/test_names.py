"""One name for one thing: class names are unique in the package, and identifiers use the field's terms."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from typing import Iterable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imports import PACKAGE, modules, nodes

OLD_WORDS = frozenset(
    (
        "advertising arrival choices door dress entrance fragments glimpse heard house jail judge landing leaving"
        " outlet room settle shelf shelved shelves siblings sparing standing stranger sweep told tools trail undone"
        " welcome whoever"
    ).split()
)
"""Words of the private language that the code once had."""

OLD_PROSE = re.compile(
    r"\b(jail\w*|shel(f|ves|ved)|entrance|(?<!news )fragments?|whoever|nobody|burnt|lets? go|landings?|dress|glimpses?"
    r"|trails?|strangers?|keepers?|sparing|meddl\w+|gone on with|goes? on with|that which|cuts? off|rooms?|houses?"
    r"|(come|came|comes|coming) in|settle[sd]?|the share(?!'s root\b))\b",
    re.IGNORECASE,
)
"""The same in docstrings, comments and messages. The protocol's vectors pin the messages with "the share's root"."""

VAGUE_SUBJECT = re.compile(r"(what|who|whose|those|all that|that which|of|so many)\b", re.IGNORECASE)
"""Openings of a docstring that describe a thing instead of naming it."""

DEFINITION = re.compile(r"^ *(?:async )?(?:def|class) (\w+)", re.MULTILINE)
"""Finds the names of classes, functions and methods, without parsing: there are many tests."""

PROSE_TOKENS = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
"""Python 3.12 has a token of its own for the text of an f-string."""

CODE_WORDS = "crypto.codewords"
"""Pairing codes consist of ordinary words of every kind."""

ARGPARSE_CHOICES = "choices"
"""The keyword and attribute of argparse for the values that an argument may have."""


def class_names(source: str) -> Iterator[str]:
    """The names of all classes in a module, nested ones too."""
    return (node.name for node in nodes(source) if isinstance(node, ast.ClassDef))


def shared(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The class names that several modules have, with these modules."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, source in sources:
        for name in class_names(source):
            found[name].append(module)
    return {name: found_in for name, found_in in found.items() if len(found_in) > 1}


def identifiers(source: str) -> Iterator[str]:
    """All names that a module defines or uses."""
    for node in nodes(source):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                yield name
            case ast.Attribute(attr=name) if name != ARGPARSE_CHOICES:
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=str(name)) if name != ARGPARSE_CHOICES:
                yield name


def old_words(names: Iterable[str]) -> set[str]:
    """The words of the private language in some names, in the plural too."""
    words = (word.lower() for name in set(names) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))
    return {form for word in words for form in (word, word.removesuffix("s")) if form in OLD_WORDS}


def defined(module: str, source: str) -> list[str]:
    """The names of a module, and of the classes, functions and methods in it."""
    return [module, *DEFINITION.findall(source)]


def old_prose(source: str) -> set[str]:
    """The words of the private language in a module's docstrings, messages and comments."""
    if not OLD_PROSE.search(" ".join(source.split())):  # takes a tenth of the time that the tokens take
        return set()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        found[0].lower()
        for token in tokens
        if token.type in PROSE_TOKENS
        for found in OLD_PROSE.finditer(" ".join(token.string.split()))
    }


def vague_docstrings(source: str) -> set[str]:
    """The strings of a module that document something, also an attribute, and do not begin by naming a thing."""
    texts = (
        node.value.value.strip()
        for node in nodes(source)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    return {text for text in texts if VAGUE_SUBJECT.match(text)}


class NamesTests(SynchronousTestCase):
    """The names of the whole package."""

    def test_class_names_are_unique(self) -> None:
        """No two modules define classes of the same name."""
        self.assertEqual(shared(modules()), {})

    def test_words(self) -> None:
        """No identifier has a word of the private language."""
        found = {f"homeftp.{module}": sorted(old_words(identifiers(source))) for module, source in modules()}
        self.assertEqual({module: words for module, words in found.items() if words}, {})

    def test_words_of_tests(self) -> None:
        """No module, class, function or method of the tests and the benchmarks has one in its name."""
        paths = [path for folder in ("tests", "benchmarks") for path in sorted((PACKAGE.parent / folder).rglob("*.py"))]
        found = {str(path): old_words(defined(path.stem, path.read_text(encoding="utf-8"))) for path in paths}
        self.assertLessEqual(
            {"test_names.py", "attacks.py"}, {path.name for path in paths}, "the control: both are read"
        )
        self.assertEqual({path: words for path, words in found.items() if words}, {})

    def test_prose(self) -> None:
        """No docstring, message or comment has one, except the list of words for pairing codes."""
        found = {f"homeftp.{module}": old_prose(source) for module, source in modules() if module != CODE_WORDS}
        self.assertEqual({module: words for module, words in found.items() if words}, {})

    def test_docstrings(self) -> None:
        """Each docstring begins with the thing that it describes, or with what a function does."""
        found = {f"homeftp.{module}": vague_docstrings(source) for module, source in modules()}
        self.assertEqual({module: texts for module, texts in found.items() if texts}, {})


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
            self.assertEqual(old_words(identifiers(source)), {"landing"}, source)
        self.assertEqual(old_words(identifiers("choices = add(choices=1)")), {"choices"})
        self.assertEqual(old_words(identifiers("outlets = 1")), {"outlet"})
        self.assertEqual(old_words(identifiers("add(choices=1); islanding = mushroom = 'landing'")), set())

    def test_words_of_tests(self) -> None:
        """A word in the name of a module, a class, a function or a method."""
        for module, source in (
            ("landing", ""),
            ("strangers", ""),
            ("a", "class LandingTests:\n    pass"),
            ("a", "class A:\n    async def landing(self): pass"),
            ("a", "def f():\n    def landing(): pass"),
        ):
            self.assertEqual(len(old_words(defined(module, source))), 1, source)
        self.assertEqual(old_words(defined("a", "landing = 1\ndef islanding(): pass")), set())

    def test_prose(self) -> None:
        """A word in a docstring, a comment, a message or an f-string, also across lines; not in a name or a word."""
        for source in (
            '"""Whoever\nis there."""',
            "x = 1  # for whoever",
            "raise E('whoever asks')",
            "raise E(f'{x}: whoever')",
        ):
            self.assertEqual(old_prose(source), {"whoever"}, source)
        self.assertEqual(old_prose('"""A part that is cut\n    off."""'), {"cut off"})
        self.assertEqual(old_prose('nobody = NoBody("mushrooms", "the share\'s root")'), set())

    def test_docstrings(self) -> None:
        """A vague subject in a docstring of a module, a class, a function or an attribute; not in other strings."""
        for source in (
            '"""What it does."""',
            'class A:\n    """Those that are left."""',
            'def f():\n    """Who did it."""',
            'x = 1\n"""All that is left."""',
            'x = 1\n"""Of the disk."""',
        ):
            self.assertEqual(len(vague_docstrings(source)), 1, source)
        self.assertEqual(
            vague_docstrings('"""Whatever."""\nx = "what happened"\n"""The rest of what is left."""'), set()
        )
