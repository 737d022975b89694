"""The contract of `IHistory`: what names had, put back many at a time, and removed for good."""

from __future__ import annotations

from homeftp.endpoint import ROOT, FolderSet, parse
from homeftp.errors import BadRequest, Changed, NotFound, WrongKind
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces.store import IHistory, IStore
from homeftp.model import ABSENT, Entry
from homeftp.testing.contract.case import ContractCase, sha

_ALWAYS = 2**62
"""A time after all others: microseconds since 1970."""


class HistoryContract(ContractCase):
    """The history. A store has one where its capabilities have versions."""

    def history_store(self) -> tuple[IStore, IHistory] | None:
        """A store and its history; None where it has none, as its capabilities say."""
        store = self.store()
        history = store.history()
        self.assertEqual(history is not None, store.capabilities.versions)
        return None if history is None else (store, history)

    def timelines(self, history: IHistory, path: str = "", since_us: int = 0) -> dict[str, Timeline]:
        """The timelines beneath a path."""
        return {each.name: each for page in history.timelines(parse(path), since_us) for each in page}

    def test_timelines(self) -> None:
        """Files and versions are one sorted list: each name once, its versions the oldest first."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for content in (b"1", b"22", b"333"):
            self.write(store, "d/b.txt", content)
            self.write(store, "d/gone/c.txt", content)
        self.write(store, "d/a.txt", b"1")
        self.remove(store, "d/gone", recursive=True)
        found = self.timelines(history, "d")
        self.assertEqual(list(found), ["", "a.txt", "b.txt", "gone/c.txt"])
        self.assertEqual([each.size for each in found["b.txt"].versions], [1, 2])
        self.assertEqual([each.size for each in found["gone/c.txt"].versions], [1, 2, 3])
        self.assertEqual([each.current and each.current.size for each in found.values()], [0, 1, 3, None])
        for path, timeline in found.items():
            kept = sorted(each.at_us for each in self.kept(store, f"d/{path}") if not each.name) if path else []
            self.assertEqual([each.at_us for each in timeline.versions], kept)
        last = found["gone/c.txt"].versions[-1].at_us
        self.assertEqual([len(each.versions) for each in self.timelines(history, "d", last).values()], [0, 0, 0, 1])
        self.assertEqual(list(self.timelines(history, "d/a.txt")), [""])
        self.assertEqual(self.timelines(history, "none"), {})

    def test_limits(self) -> None:
        """A depth limits how far it looks down; what is hidden does not exist."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for path in ("d/a.txt", "d/e/b.txt"):
            self.write(store, path, b"1")
            self.write(store, path, b"2")

        def names(depth: int | None, *hidden: tuple[str, ...]) -> list[str]:
            pages = history.timelines(parse("d"), depth=depth, hidden=FolderSet(frozenset(hidden)))
            return [each.name for page in pages for each in page]

        self.assertEqual(names(0), [""])
        self.assertEqual(names(1), ["", "a.txt", "e"])
        self.assertEqual(names(None), ["", "a.txt", "e", "e/b.txt"])
        self.assertEqual(names(None, ("d", "E")), ["", "a.txt"])

    def test_at(self) -> None:
        """Before anything was made nothing was there; now there is what is there now."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        self.write(store, "a.txt", b"1")
        self.write(store, "a.txt", b"2")
        timeline = self.timelines(history, "a.txt")[""]
        self.assertIs(timeline.at(_ALWAYS), timeline.current)
        for made_us in (timeline.made_us, timeline.versions[0].made_us):
            self.assertTrue(made_us is None or 0 < made_us < _ALWAYS)
        if timeline.made_us is not None and timeline.versions[0].made_us is not None:
            self.assertIsNone(timeline.at(0))
        self.assertEqual(timeline.at(timeline.versions[0].at_us), timeline.versions[0])

    def test_put_back(self) -> None:
        """A version that was put back was there until its time, and again since it came back, but not in between.

        Where it replaced a file, there is no time between the two at which nothing was there.
        """
        if (made := self.history_store()) is None:
            return
        store, history = made
        self.write(store, "a.txt", b"1")
        self.write(store, "a.txt", b"22")
        times = [each.at_us for each in self.timelines(history, "a.txt")[""].versions]
        for _ in range(3):  # one content takes the place of the other
            store.restore(parse("a.txt"), None, None)
            times.append(self.timelines(history, "a.txt")[""].versions[-1].at_us)
        self.remove(store, "a.txt")
        times.append(self.timelines(history, "a.txt")[""].versions[-1].at_us)
        store.restore(parse("a.txt"), times[-1], ABSENT)
        timeline = self.timelines(history, "a.txt")[""]
        self.assertEqual([each.version_us for each in timeline.restored], [times[0], times[1], times[2], times[4]])
        self.assertEqual(sorted({*times, *(each.at_us for each in timeline.restored)}, reverse=True)[1], times[-1])
        found = [timeline.at(at_us) for at_us in times]
        self.assertEqual([each and each.size for each in found], [1, 2, 1, 2, 1])
        self.assertNotIn(None, [timeline.at(each.at_us - 1) for each in timeline.restored[:3]])
        self.assertIsNone(timeline.at(times[-1] + 1))
        self.assertEqual(self.timelines(history, "a.txt", times[-1])[""].restored, timeline.restored[-1:])
        self.assertIs(timeline.at(_ALWAYS), timeline.current)

    def test_same_put_back(self) -> None:
        """A content that is put back where it is already was there all the time since it came."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for number, content in enumerate((b"1", b"22", b"1")):
            self.write(store, "a.txt", content, mtime_us=number)
        first, second = self.timelines(history, "a.txt")[""].versions
        store.restore(parse("a.txt"), first.at_us, sha(b"1"))
        timeline = self.timelines(history, "a.txt")[""]
        self.assertNotIn(None, [timeline.at(each.at_us - 1) for each in timeline.restored])
        found = timeline.at(second.at_us + 1)
        self.assertEqual(found and found.size, 1)

    def test_open_version(self) -> None:
        """A version is read like a file, and stays what it is; there is none of another time."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        self.write(store, "d/a.txt", b"content")
        self.write(store, "d/a.txt", b"newer")
        (version,) = self.kept(store, "d/a.txt")
        file = history.open_version(parse("d/a.txt"), version.at_us)
        try:
            self.assertEqual((file.read(0, 100), file.entry.size), (b"content", 7))
            self.assertEqual([each for each in file.hash_steps() if each is not None], [sha(b"content")])
            self.assertEqual(file.close_verified(sha(b"content")).hash, sha(b"content"))
        finally:
            file.close()
        self.assertEqual(self.content(store, "d/a.txt"), b"newer")
        self.assert_refused(NotFound, history.open_version, parse("d/a.txt"), version.at_us + 1)
        self.assert_refused(NotFound, history.open_version, parse("none.txt"), version.at_us)

    def test_revert(self) -> None:
        """Versions are put back and other files become versions, each on its condition, and each by itself."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for path in ("d/a.txt", "d/b.txt", "d/e/c.txt"):
            self.write(store, path, b"then")
            self.write(store, path, b"now")
        self.remove(store, "d/e", recursive=True)
        self.write(store, "d/new.txt", b"new")
        at = {each.name: each.at_us for each in self.kept(store) if each.size == 4}
        results = history.revert(
            [
                Reversion(parse("d/a.txt"), at["d/a.txt"], sha(b"now")),
                Reversion(parse("d/b.txt"), at["d/b.txt"], sha(b"other")),
                Reversion(parse("d/e/c.txt"), at["d/e/c.txt"], ABSENT),
                Reversion(parse("d/new.txt"), None, sha(b"new")),
                Reversion(parse("d/none.txt"), at["d/a.txt"], ABSENT),
            ]
        )
        self.assertEqual([type(each) for each in results], [Entry, Changed, Entry, type(None), NotFound])
        for refused in results:
            if isinstance(refused, Changed | NotFound):
                self.assert_for_people(refused)
        self.assertEqual(
            self.tree(store),
            {"d": None, "d/a.txt": b"then", "d/b.txt": b"now", "d/e": None, "d/e/c.txt": b"then"},
        )
        kept = sorted((each.name, each.size) for each in self.kept(store))
        self.assertEqual(kept, [("d/a.txt", 3), ("d/b.txt", 4), ("d/e/c.txt", 3), ("d/new.txt", 3)])
        self.assertEqual(history.revert([]), [])

    def test_revert_directories(self) -> None:
        """Only files are put back or removed: a directory stays, and so does the root."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        self.write(store, "d.txt/a.txt", b"1")
        self.write(store, "b.txt", b"1")
        self.write(store, "b.txt", b"2")
        (version,) = self.kept(store, "b.txt")
        results = history.revert(
            [
                Reversion(parse("d.txt"), None),
                Reversion(ROOT, None),
                Reversion(ROOT, version.at_us),
                Reversion(parse("b.txt"), version.at_us),
            ]
        )
        self.assertEqual([type(each) for each in results], [WrongKind, BadRequest, WrongKind, Entry])
        for refused in results:
            if isinstance(refused, BadRequest | WrongKind):
                self.assert_for_people(refused)
        self.assertEqual(self.tree(store), {"d.txt": None, "d.txt/a.txt": b"1", "b.txt": b"1"})

    def test_revert_kinds(self) -> None:
        """In one call a file goes, and one beneath its name comes back, no younger than it was."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        self.write(store, "p.txt/a.txt", b"then")
        self.remove(store, "p.txt", recursive=True)
        self.write(store, "p.txt", b"now")
        then = self.timelines(history)["p.txt/a.txt"].versions[0]
        results = history.revert(
            [Reversion(parse("p.txt"), None, sha(b"now")), Reversion(parse("p.txt/a.txt"), then.at_us, ABSENT)]
        )
        self.assertEqual([type(each) for each in results], [type(None), Entry])
        self.assertEqual(self.tree(store), {"p.txt": None, "p.txt/a.txt": b"then"})
        self.assertEqual(self.timelines(history)["p.txt/a.txt"].made_us, then.made_us)

    def test_discard(self) -> None:
        """Versions go for good, and nothing else; one that is not there is refused by itself."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for content in (b"1", b"22", b"333"):
            self.write(store, "d/a.txt", content)
        newer, older = self.kept(store, "d/a.txt")
        path = parse("d/a.txt")
        results = history.remove_versions([VersionId(path, older.at_us), VersionId(path, newer.at_us + 1)])
        self.assertEqual([results[0], type(results[1])], [1, NotFound])
        self.assertEqual([each.at_us for each in self.kept(store, "d/a.txt")], [newer.at_us])
        self.assertEqual(history.remove_versions([VersionId(path, newer.at_us)]), [2])
        self.assertEqual(self.kept(store), [])
        self.assertEqual(self.tree(store), {"d": None, "d/a.txt": b"333"})

    def test_discard_restored(self) -> None:
        """That something was put back is told as long as its file has a version, and not once the last is discarded."""
        if (made := self.history_store()) is None:
            return
        store, history = made
        for name in ("a.txt", "b.txt"):
            for content in (b"1", b"22", b"333"):
                self.write(store, name, content)
            store.restore(parse(name), None, None)
        newer, older = self.kept(store, "a.txt")
        for version, left in ((newer, 1), (older, 0)):
            self.assertEqual(len(history.remove_versions([VersionId(parse("a.txt"), version.at_us)])), 1)
            found = [len(self.timelines(history)[name].restored) for name in ("a.txt", "b.txt")]
            self.assertEqual(found, [left, 1])
