"""The contract of reading while others write: what was opened or listed first stays whole."""

from __future__ import annotations

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import ROOT, parse
from homeftp.testing.contract.case import ContractCase, request


class SnapshotsContract(ContractCase):
    """Reading while others write."""

    def test_snapshot(self) -> None:
        """An open file keeps its content when the file is replaced, moved or removed."""
        store = self.store()
        for name in ("replaced.txt", "moved.txt", "removed.txt"):
            self.write(store, name, b"first" * 1000)
        files = [store.open(parse(name)) for name in ("replaced.txt", "moved.txt", "removed.txt")]
        self.write(store, "replaced.txt", b"other")
        self.move(store, "moved.txt", "elsewhere.txt")
        self.write(store, "moved.txt", b"new")
        self.remove(store, "removed.txt")
        for file in files:
            self.assertEqual((file.entry.size, file.read(0, 9999)), (5000, b"first" * 1000))
            file.close()

    def test_list_while_changing(self) -> None:
        """A file that exists during the whole listing is listed exactly once, though others come and go."""
        store = self.store()
        lasting = [f"{number:04}.txt" for number in range(LISTING_PAGE + 20)]
        store.write_many([(request(name, size=1), b"x") for name in [*lasting, "0000a.txt", "0001a.txt", "0500a.txt"]])
        pages = store.list(ROOT, False)
        seen = [entry.name for entry in next(pages).entries]
        for name in ("0000a.txt", "0001a.txt", "0500a.txt"):
            self.remove(store, name)
        self.write(store, "0000b.txt", b"")
        self.write(store, "9999.txt", b"")
        seen += [entry.name for page in pages for entry in page.entries]
        self.assertEqual([name for name in seen if name in set(lasting)], lasting)
        self.assertEqual(len(seen), len(set(seen)))
