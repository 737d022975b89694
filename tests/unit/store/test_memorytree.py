"""The tree of the store in memory: order, names and space."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import NAME_COST, PARTIAL_UPLOAD_SECONDS, Retention
from homeftp.endpoint import parse
from homeftp.errors import NoSpace, WrongKind
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SERVER, WriteRequest
from homeftp.store.memorytree import MemoryTree, sort


class TreeTests(SynchronousTestCase):
    """A tree whose clock stands until it is set."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1_000_000_000

    def tree(self, **options: object) -> MemoryTree:
        return MemoryTree(StoreOptions(**options), lambda: self.now)  # type: ignore[arg-type]

    def put(self, tree: MemoryTree, path: str, content: bytes = b"") -> None:
        endpoint = parse(path)
        tree.nodes[endpoint.parts] = tree.new("file", WriteRequest(endpoint=endpoint), content)

    def test_order(self) -> None:
        """A directory is followed by what is beneath it, whatever characters sort before the slash."""
        names = [("a", "x"), ("a-b",), ("a",), ("a", "x", "y"), ("Z",), ("é",)]
        self.assertEqual(sort(iter(names)), [("Z",), ("a",), ("a", "x"), ("a", "x", "y"), ("a-b",), ("é",)])

    def test_missing(self) -> None:
        """The directories on the way that do not exist; a file on the way is none."""
        tree = self.tree()
        tree.nodes[("a",)] = tree.new("directory", WriteRequest(endpoint=parse("a")))
        self.assertEqual([str(each) for each in tree.missing(parse("a/b/c"))], ["a/b", "a/b/c"])
        self.put(tree, "a/f")
        for path in ("a/f", "a/f/g"):
            self.assertRaises(WrongKind, tree.missing, parse(path))

    def test_tags(self) -> None:
        """A node that changes has a tag that none had before."""
        tree = self.tree()
        self.put(tree, "a")
        before = tree.nodes[("a",)].tag
        after = tree.set_metadata(parse("a"), None, 0o600)
        self.assertNotEqual(after.tag, before)
        self.assertEqual((after.mode, after.mtime_us), (0o600, self.now))

    def test_same_moment(self) -> None:
        """Versions of the same microsecond have times of their own."""
        tree = self.tree()
        self.put(tree, "a")
        for _ in range(3):
            tree.keep_version(parse("a"), tree.nodes[("a",)])
        self.assertEqual(list(tree.versions[("a",)]), [self.now, self.now + 1, self.now + 2])

    def test_expire(self) -> None:
        """Versions and partial uploads go when they were kept long enough, and not before."""
        tree = self.tree(retention=Retention(seconds=60))
        self.put(tree, "a")
        tree.keep_version(parse("a"), tree.nodes[("a",)])
        request = WriteRequest(endpoint=parse("b"), size=9, hash="x")
        tree.keep_partial(request, None, b"part")
        kept = []
        day = int(PARTIAL_UPLOAD_SECONDS)
        for seconds in (60, 61, day, day + 1):
            self.now = 1_000_000_000 + seconds * 1_000_000
            tree.expire()
            kept.append((len(tree.versions[("a",)]), len(tree.arrived(parse("b"), "x", 9, None, None))))
        self.assertEqual(kept, [(1, 4), (0, 4), (0, 4), (0, 0)])

    def test_evicted(self) -> None:
        """The oldest version is removed first, then partial uploads; never more than is needed, nor in vain."""
        tree = self.tree(quota=100_000, retention=Retention(protected_seconds=0))
        for number in range(3):
            self.put(tree, f"{number}", bytes(20_000))
            tree.keep_version(parse(f"{number}"), tree.nodes.pop((f"{number}",)))
            self.now += 1
        tree.keep_partial(WriteRequest(endpoint=parse("p"), size=99_000, hash="x"), None, bytes(20_000))
        self.assertEqual(tree.space(SERVER).free, 20_000)
        self.assertRaises(NoSpace, tree.reserve, parse("n"), 100_001, SERVER)
        self.assertEqual(tree.space(SERVER).free, 20_000)
        tree.reserve(parse("n"), 30_000, SERVER)
        self.assertEqual((tree.space(SERVER).free, tree.versions[("0",)]), (40_000, {}))
        tree.reserve(parse("n"), 100_000, SERVER)
        self.assertEqual(tree.space(SERVER).free, 100_000)
        self.assertIsNone(self.tree().space(SERVER).free)

    def test_cost(self) -> None:
        """A file counts with the directories that are missing on the way to it, and a name with a least number."""
        tree = self.tree(quota=100_000)
        tree.nodes[("a",)] = tree.new("directory", WriteRequest(endpoint=parse("a")))
        self.put(tree, "a/f")
        self.assertEqual(tree.space(SERVER).free, 100_000 - 2 * NAME_COST)
        self.assertEqual([tree.cost(parse("a/g"), size) for size in (0, 4096, 4097)], [NAME_COST, NAME_COST, 4097])
        self.assertEqual(tree.cost(parse("a/b/c"), 5000), 5000 + NAME_COST)
