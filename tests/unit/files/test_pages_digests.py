"""The digests of a directory: what is hashed, and how far it is."""

from __future__ import annotations

from functools import partial
from typing import AsyncIterator, Callable, Iterator, Sequence

from msgspec import structs
from twisted.internet.error import ConnectionLost

from homeftp.config import LISTING_PAGE, Limits
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet, parse
from homeftp.errors import Changed, Damaged, Forbidden, NotFound, Refusal, WrongKind
from homeftp.files.pages import HASHED_TOGETHER, REPORTED_FILES, TreeSteps
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.treedigest import TreeDigester
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry, ListingPage, TreeDigest, TreeProgress
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import STEP_ITEMS
from tests.support.filestores import FilesTestCase

A, D = parse("a"), parse("d")


class ForgetfulStore(MemoryStore):
    """A store whose listings have no hashes."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.on_open: Callable[[Endpoint], None] = lambda endpoint: None

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        for page in super().list(endpoint, recursive, hidden):
            yield structs.replace(page, entries=tuple(structs.replace(entry, hash=None) for entry in page.entries))

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        found = super().stat_many(endpoints)
        return [structs.replace(each, hash=None) if isinstance(each, Entry) else each for each in found]

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return [catch(self._open_one, endpoint, inline) for endpoint in endpoints]

    def _open_one(self, endpoint: Endpoint, inline: int) -> IOpenFile:
        self.opened.append(str(endpoint))
        self.on_open(endpoint)
        (file,) = super().open_many([endpoint], inline)
        if isinstance(file, Exception):
            raise file
        return UnhashedFile(file) if isinstance(file, BytesFile) and file.content is None else file


class UnhashedFile(BytesFile):
    """A large file, which is hashed in two steps."""

    def __init__(self, file: BytesFile) -> None:
        super().__init__(structs.replace(file.entry, hash=None), file.read(0, file.entry.size))

    def hash_steps(self) -> Iterator[str | None]:
        """Its hash, in the second step."""
        yield None
        yield hash_bytes(self.read(0, self.entry.size))


async def collect(steps: AsyncIterator[TreeProgress | TreeDigest]) -> Sequence[TreeProgress | TreeDigest]:
    """All steps."""
    return [step async for step in steps]


class TreeTests(FilesTestCase):
    """`Files.tree_digest`."""

    def lay_all(self, store: MemoryStore) -> None:
        """A page and a bit of files, one of them large, and a file elsewhere."""
        self.store = store
        self.files = self.factory.files(store, login=self.login)
        contents = {f"d/{number:05}": str(number).encode() for number in range(LISTING_PAGE + HASHED_TOGETHER)}
        contents["d/z/large"] = b"x" * 1_000_000
        self.lay({**contents, "a": b"elsewhere"})
        self.size = sum(map(len, contents.values()))

    def expected(self) -> TreeDigest:
        """The digests by the store itself."""
        digester = TreeDigester()
        for page in MemoryStore.list(self.store, D, True):
            for entry in page.entries:
                digester.add(entry)
        return digester.digest()

    def test_known(self) -> None:
        """Where all hashes are known nothing is read; the digests come last."""
        self.lay_all(MemoryStore())
        *progress, digest = self.result_of(collect(self.files.tree_digest(D)))
        self.assertEqual(digest, self.expected())
        assert isinstance(digest, TreeDigest)
        self.assertEqual((digest.files, digest.directories), (LISTING_PAGE + HASHED_TOGETHER + 1, 1))
        self.assertEqual(progress, [TreeProgress(0, 0), TreeProgress(LISTING_PAGE, 0)])

    def test_directories(self) -> None:
        """The digests of larger directories beneath are told once, when they are complete; small ones are not."""
        store = self.store = MemoryStore()
        self.files = self.factory.files(store, login=self.login)
        sizes = {"d/few": REPORTED_FILES - 1, "d/many": REPORTED_FILES, "d/page": LISTING_PAGE, "d/x/y": REPORTED_FILES}
        self.lay({f"{name}/{number:04}": name.encode() for name, size in sizes.items() for number in range(size)})
        steps = self.result_of(collect(self.files.tree_digest(D)))
        told = [each for step in steps if isinstance(step, TreeProgress) for each in step.directories]
        self.assertEqual([name for name, _ in told], ["many", "page", "x/y", "x"])
        for name, digests in told:
            (*_, expected) = self.result_of(collect(self.files.tree_digest(D.at(name))))
            self.assertEqual(digests, expected, name)

    def test_steps(self) -> None:
        """A step adds no more than `STEP_ITEMS` files to the digests."""
        entries = [Entry(f"{number:04}", "file", 1, 0, 0o644, hash_bytes(b"x")) for number in range(LISTING_PAGE)]
        tree = TreeSteps(partial(iter, [ListingPage(tuple(entries))]))
        added = [tree.files for _ in tree.steps()]
        self.assertEqual(added, [0, *range(STEP_ITEMS, LISTING_PAGE + 1, STEP_ITEMS)])

    def test_skipped_directories(self) -> None:
        """A directory in which something is skipped is not told, nor is one around it; the control is beside it."""
        names = [f"{directory}/{number:02}" for directory in ("a/b", "c") for number in range(REPORTED_FILES)]
        entries = [Entry(name, "directory") for name in ("a", "a/b", "c")] + [
            Entry(name, "file", 1, 0, 0o644, hash_bytes(b"x")) for name in names
        ]
        entries.sort(key=lambda entry: entry.name)
        for skipped, expected in (("a/b/link", ["c"]), ("a/b", ["c"]), ("link", ["a/b", "a", "c"])):
            steps = TreeSteps(partial(iter, [ListingPage(tuple(entries), ((skipped, "no"),))]))
            self.assertEqual([list(each.entries) for each in steps.steps() if each.entries], [entries])
            self.assertEqual((steps.digest().skipped, [name for name, _ in steps.take_directories()]), (1, expected))
            self.assertEqual(steps.take_directories(), ())

    def test_unknown(self) -> None:
        """Files without a hash are read, each once; the digests are the same, and the steps say how much was read."""
        self.lay_all(store := ForgetfulStore())
        *progress, digest = self.result_of(collect(self.files.tree_digest(D)))
        self.assertEqual(digest, self.expected())
        self.assertEqual(len(store.opened), LISTING_PAGE + HASHED_TOGETHER + 1)
        self.assertEqual(len(set(store.opened)), len(store.opened))
        assert isinstance(progress[-1], TreeProgress)
        self.assertEqual(progress[-1].size, self.size)

    def test_removed(self) -> None:
        """A file that is removed after it was listed does not count."""
        self.lay_all(store := ForgetfulStore())

        def remove(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                list(store.remove(endpoint, None, False))

        store.on_open = remove
        *_, digest = self.result_of(collect(self.files.tree_digest(D)))
        assert isinstance(digest, TreeDigest)
        self.assertEqual(digest, self.expected())
        self.assertEqual(digest.files, LISTING_PAGE + HASHED_TOGETHER)

    def test_refused(self) -> None:
        """What is not there, or is a file, is refused; and one file that cannot be hashed refuses all."""
        self.lay_all(store := ForgetfulStore())
        self.error_of(NotFound, collect(self.files.tree_digest(parse("none"))))
        self.error_of(WrongKind, collect(self.files.tree_digest(A)))

        def busy(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                raise Changed("it is being changed")

        store.on_open = busy
        self.error_of(Changed, collect(self.files.tree_digest(D)))

    def refuse_one(self, refusal: Refusal) -> TreeDigest:
        """The digests where one file is refused when it is opened, and its hash stays unknown."""
        self.lay_all(store := ForgetfulStore())

        def refuse(endpoint: Endpoint) -> None:
            if endpoint.name == "00007":
                raise refusal

        store.on_open = refuse
        *_, digest = self.result_of(collect(self.files.tree_digest(D)))
        assert isinstance(digest, TreeDigest)
        self.assertNotEqual(digest.content, self.expected().content)
        return digest

    def test_not_comparable(self) -> None:
        """A file that the server may not read, or that is a link by now, counts as skipped; it refuses nothing."""
        for refusal in (Forbidden("no permission"), WrongKind("a symbolic link")):
            digest = self.refuse_one(refusal)
            self.assertEqual((digest.skipped, digest.files), (1, LISTING_PAGE + HASHED_TOGETHER))

    def test_revoked(self) -> None:
        """A login that is revoked while files are hashed gets no digest, and no further file is opened for it."""
        self.lay_all(store := ForgetfulStore())

        def revoke(endpoint: Endpoint) -> None:
            self.login.revoked = True

        store.on_open = revoke
        self.error_of(Forbidden, collect(self.files.tree_digest(D)))
        self.assertLessEqual(len(store.opened), HASHED_TOGETHER)
        self.assertGreater(len(store.opened), 0, "the control")

    def test_damaged(self) -> None:
        """A file that cannot be read counts as damaged, also where that is not marked."""
        digest = self.refuse_one(Damaged("its disk has not kept it"))
        self.assertEqual((digest.damaged, digest.files), (1, LISTING_PAGE + HASHED_TOGETHER + 1))

    def test_client_gone(self) -> None:
        """The hashing of a large file ends when the client has gone, and no listing stays under way."""
        self.lay_all(ForgetfulStore())
        for _ in range(2 * Limits().account_listings):
            self.error_of(ConnectionLost, collect(self.files.tree_digest(parse("d/z"), lambda: True)))
        self.result_of(collect(self.files.tree_digest(parse("d/z"))))
