"""The digests of a directory, held against a second program for them, and the orders that are refused."""

from __future__ import annotations

import hashlib
from typing import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.treedigest import TreeDigester
from homeftp.model import Entry, TreeDigest
from tests.support.repeatable import REPEATABLE

Tree = dict[str, "Tree | bytes"]

EMPTY = "sha256:" + hashlib.sha256(b"").hexdigest()
MTIME_US, MODE = 1_714_560_000_123_456, 0o640


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def reference(tree: Mapping[str, object]) -> tuple[str, str]:
    """Both digests, by recursion."""
    content, full = "", ""
    for name in sorted(tree, key=str.encode):
        child = tree[name]
        if isinstance(child, bytes):
            content += f"file {len(child)} {sha(child)} {name}\n"
            full += f"file {len(child)} {sha(child)} {MTIME_US} {MODE} {name}\n"
        else:
            assert isinstance(child, dict)
            inner, inner_full = reference(child)
            content += f"directory {inner} {name}\n"
            full += f"directory {inner_full} {0o750} {name}\n"
    return sha(content.encode()), sha(full.encode())


def entries(tree: Mapping[str, object], prefix: str = "") -> list[Entry]:
    """In the order of a listing."""
    found = []
    for name in sorted(tree, key=str.encode):
        child = tree[name]
        if isinstance(child, bytes):
            found.append(Entry(prefix + name, "file", len(child), MTIME_US, MODE, sha(child)))
        else:
            assert isinstance(child, dict)
            found += [Entry(prefix + name, "directory", 0, MTIME_US, 0o750), *entries(child, f"{prefix}{name}/")]
    return found


def digest(listed: list[Entry]) -> TreeDigest:
    digester = TreeDigester()
    for entry in listed:
        digester.add(entry)
    return digester.digest()


names = st.text("ab-.é𝄞", min_size=1, max_size=3)
trees = st.recursive(
    st.dictionaries(names, st.binary(max_size=3), max_size=4),
    lambda inner: st.dictionaries(names, inner | st.binary(max_size=3), max_size=4),
    max_leaves=12,
)


class DigestTests(SynchronousTestCase):
    """`TreeDigester`."""

    @settings(REPEATABLE)
    @given(trees)
    def test_reference(self, tree: Tree) -> None:
        """Both digests are those of the definition, whatever the tree."""
        found = digest(entries(tree))
        self.assertEqual((found.content, found.full), reference(tree))

    @settings(REPEATABLE)
    @given(trees, trees)
    def test_equal(self, first: Tree, second: Tree) -> None:
        """Two trees have the same digests where they are the same, and only there."""
        ours, other = digest(entries(first)), digest(entries(second))
        self.assertEqual(ours.content == other.content, first == second)
        self.assertEqual(ours.full == other.full, first == second)

    def test_empty(self) -> None:
        """An empty directory has the hash of nothing; one that has an empty directory is another."""
        found = digest([])
        self.assertEqual((found.content, found.full, found.files, found.directories), (EMPTY, EMPTY, 0, 0))
        holds = digest([Entry("a", "directory", 0, MTIME_US, 0o755)])
        self.assertNotEqual(holds.content, EMPTY)
        self.assertEqual(holds.directories, 1)

    def test_metadata(self) -> None:
        """Times and modes are in the full digest alone; those of a directory's time are in neither."""
        before = entries({"d": {"a": b"1"}})
        directory, file = before
        for changed, differs in (
            ([Entry("d", "directory", 0, 5, 0o750), file], False),
            ([Entry("d", "directory", 0, MTIME_US, 0o700), file], True),
            ([directory, Entry("d/a", "file", 1, 5, MODE, sha(b"1"))], True),
            ([directory, Entry("d/a", "file", 1, MTIME_US, 0o600, sha(b"1"))], True),
            ([directory, Entry("d/a", "file", 1, None, None, sha(b"1"))], True),
        ):
            self.assertEqual(digest(changed).content, digest(before).content)
            self.assertEqual(digest(changed).full != digest(before).full, differs, changed)

    def test_kept_modes(self) -> None:
        """A mode counts as a store keeps it: always readable for the server."""
        for kind, lacking, kept in (("file", 0o044, 0o444), ("directory", 0o055, 0o755)):
            hash = sha(b"") if kind == "file" else None
            pair = [digest([Entry("a", kind, 0, 1, mode, hash)]).full for mode in (lacking, kept)]  # type: ignore[arg-type]
            self.assertEqual(pair[0], pair[1])

    def test_counts(self) -> None:
        """Files, directories and bytes; what is skipped or damaged is counted, and a damaged file equals no copy."""
        digester = TreeDigester()
        digester.add(Entry("a", "file", 3, MTIME_US, MODE, damaged=sha(b"abc")))
        digester.skip(2)
        found = digester.digest()
        self.assertEqual((found.files, found.size, found.damaged, found.skipped), (1, 3, 1, 2))
        self.assertNotEqual(found.content, digest(entries({"a": b"abc"})).content)

    def test_known_directory(self) -> None:
        """A directory that has its digests counts as what it holds; so does the top itself."""
        listed = entries({"a": b"1", "d": {"x": b"2", "y": {"z": b"3"}}, "e": b"4"})
        inner = digest([structs.replace(each, name=each.name[2:]) for each in listed if each.name.startswith("d/")])
        short = [
            structs.replace(each, digests=inner if each.name == "d" else None)
            for each in listed
            if not each.name.startswith("d/")
        ]
        self.assertEqual(digest(short), digest(listed))
        digester = TreeDigester()
        digester.add(Entry("", "directory", digests=inner))
        self.assertEqual((digester.files, digester.digest()), (2, inner))

    def test_wrong_order(self) -> None:
        """What is not in the order of a listing raises, and so does a file without a hash."""
        a, d, inner = Entry("a", "file", 0, hash=EMPTY), Entry("d", "directory"), Entry("d/x", "file", 0, hash=EMPTY)
        digest([a, d, inner])
        for wrong in ([d, a], [a, a], [inner], [d, inner, inner], [d, Entry("e", "directory"), inner]):
            self.assertRaises(ValueError, digest, wrong)
        self.assertRaises(ValueError, digest, [Entry("a", "file", 0)])
