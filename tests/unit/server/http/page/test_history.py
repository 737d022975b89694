"""Versions, deleted files, and putting them back."""

from __future__ import annotations

from typing import Any, AsyncGenerator

from homeftp.endpoint import ROOT, parse
from homeftp.errors import NotFound
from homeftp.server.http.page.history import WantedVersion, list_deleted, list_versions, restore
from tests.support.filestores import FilesTestCase


async def collected(values: AsyncGenerator[dict[str, Any], None], key: str) -> list[Any]:
    return [each async for value in values for each in value[key]]


class HistoryTests(FilesTestCase):
    """The history of a store in memory."""

    def versions(self, name: str) -> list[Any]:
        return self.result_of(collected(list_versions(self.files, parse(name)), "versions"))

    def deleted(self, name: str = "") -> list[str]:
        found = self.result_of(collected(list_deleted(self.files, parse(name)), "files"))
        return [each.name for each in found]

    def remove(self, name: str) -> None:
        self.result_of(self.files.remove(parse(name), recursive=True))

    def restore(self, name: str, at_us: int | None = None) -> dict[str, Any]:
        return self.result_of(restore(self.files, parse(name), WantedVersion(at_us)))

    def test_versions(self) -> None:
        """The versions of a file are its own, not those of what is beneath a folder of that name."""
        for content in (b"1", b"22", b"333"):
            self.lay({"d/a.txt": content, "d/b.txt": content})
        self.assertEqual([each.size for each in self.versions("d/a.txt")], [2, 1])
        self.assertEqual(self.versions("d"), [])

    def test_restore_version(self) -> None:
        """A version is put back by its time; what was there becomes a version."""
        for content in (b"1", b"22", b"333"):
            self.lay({"a.txt": content})
        self.assertEqual(self.restore("a.txt", self.versions("a.txt")[1].at_us), {"restored": 1, "refused": 0})
        self.assertEqual(self.content("a.txt"), b"1")
        self.assertEqual([each.size for each in self.versions("a.txt")], [3, 2])

    def test_deleted(self) -> None:
        """Each file that is gone is listed once, those that are there are not."""
        for content in (b"1", b"22"):
            self.lay({"a.txt": content, "d/b.txt": content, "kept.txt": content})
        self.remove("a.txt")
        self.remove("d")
        self.assertEqual(self.deleted(), ["a.txt", "d/b.txt"])
        self.assertEqual(self.deleted("d"), ["b.txt"])

    def test_undo(self) -> None:
        """What was deleted last at a path comes back: a file, or a folder with all that it held."""
        self.lay({"a.txt": b"1", "d/b.txt": b"2", "d/e/c.txt": b"3"})
        self.remove("a.txt")
        self.remove("d")
        self.assertEqual(self.restore("a.txt"), {"restored": 1, "refused": 0})
        self.assertEqual(self.restore("d"), {"restored": 2, "refused": 0})
        self.assertEqual([self.content(name) for name in ("a.txt", "d/b.txt", "d/e/c.txt")], [b"1", b"2", b"3"])
        self.assertEqual(self.deleted(), [])

    def test_nothing(self) -> None:
        """Where nothing was deleted nothing can be put back."""
        for name in ("a.txt", "d/a.txt"):
            self.error_of(NotFound, restore(self.files, parse(name), WantedVersion()))
        self.error_of(NotFound, restore(self.files, ROOT, WantedVersion()))
