"""Nothing of one front end or of one backend is in the contract between them, nor in what every backend shares."""

from __future__ import annotations

import ast
import re
from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

from homeftp.testing.contract.case import NOT_FOR_PEOPLE
from tests.support.imports import modules, nodes

SHARED = re.compile(r"model|interfaces\.(store|storefiles|usage)|store\.(policy(\..*)?|memory\w*|buffers|readonly)")
"""The modules of the contract, and those above the backends."""

POSIX = re.compile(r"\b(stat_result|st_\w+|\w*ctime\w*|inode|fd|dir_fd|fsync|openat2?|errno)\b")
JSON = re.compile(
    r"\b(rel_endpoint|if_hash|if_to|meta_data|content_length|json)\b"
    r"|\bmsgspec(?!$|\.(?:Struct|field)\b| import structs$)\S*",  # its structs are values, and no more
    re.MULTILINE,
)

RAISED = re.compile(r"[A-Z]\w+")


def leaks(source: str) -> list[str]:
    """The words of a file system, or of the JSON protocol, in a module's code and docstrings."""
    return [found.group() for pattern in (POSIX, JSON) for found in pattern.finditer(source)]


def messages(source: str) -> Iterator[str]:
    """The constant parts of every message of an exception that a module makes: `Refused("…")`."""
    for node in nodes(source):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.func, ast.Name):
            continue
        if RAISED.fullmatch(node.func.id) and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


class SeamTests(SynchronousTestCase):
    """The contract, the rules above the backends, and the reference backend."""

    def test_no_leaks(self) -> None:
        """No descriptor, no stat of a file system and no parameter of the wire is in them."""
        checked = [(name, source) for name, source in modules() if SHARED.fullmatch(name)]
        self.assertGreater(len(checked), 14)
        self.assertEqual([(name, leak) for name, source in checked for leak in leaks(source)], [])

    def test_messages(self) -> None:
        """No message of a store has a parameter of the wire, or a word that only its programmers know."""
        found = []
        count = 0
        for name, source in modules():
            if name.startswith("store"):
                for message in messages(source):
                    count += 1
                    found += [(name, message) for word in NOT_FOR_PEOPLE if word in message]
        self.assertGreater(count, 60)
        self.assertEqual(found, [])

    def test_they_are_noticed(self) -> None:
        """The control: such words are found, in code, docstrings and messages, and only there."""
        source = (
            'def f(found: os.stat_result, if_hash: str):\n  "Its ctime."\n  raise Changed(f"{a}: leave if_hash out")\n'
        )
        self.assertEqual(sorted(set(leaks(source))), ["ctime", "if_hash", "stat_result"])
        self.assertEqual(leaks("stats = statistics, refd, json_like, offset\n"), [])
        self.assertEqual(
            leaks("import msgspec\nfrom msgspec import structs\nclass A(msgspec.Struct, frozen=True): ...\n"), []
        )
        decoding = "from msgspec import Meta\nmsgspec.convert(value, kind)\nmsgspec.Raw()\n"
        self.assertEqual(leaks(decoding), ["msgspec", "msgspec.convert(value,", "msgspec.Raw()"])
        self.assertEqual(list(messages(source)), [": leave if_hash out"])
