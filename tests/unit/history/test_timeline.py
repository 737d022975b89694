"""The rule of what a name had at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.history.timeline import Restoration, Timeline
from homeftp.model import Entry, Version


def version(at_us: int, made_us: int | None) -> Version:
    return Version("", at_us, made_us=made_us)


class TimelineTests(SynchronousTestCase):
    """`Timeline.at`."""

    def test_replaced(self) -> None:
        """Each content was there from when it was made until it was replaced, and still at that moment."""
        first, second, now = version(20, 10), version(30, 20), Entry("", "file")
        timeline = Timeline(name="a", current=now, made_us=30, versions=(first, second))
        found = {time: timeline.at(time) for time in (9, 10, 20, 21, 30, 31)}
        self.assertEqual([found[10], found[20]], [first, first])
        self.assertIs(found[21], second)
        self.assertIs(found[30], second)
        self.assertIs(found[31], now)
        self.assertIsNone(found[9])

    def test_gap(self) -> None:
        """Between its removal and the next file of that name there was nothing."""
        timeline = Timeline(name="a", versions=(version(20, 10), version(40, 30)))
        self.assertEqual([timeline.at(time) is None for time in (15, 25, 35, 45)], [False, True, False, True])

    def test_put_back(self) -> None:
        """A version that was put back is what was there before it was replaced."""
        again = Entry("", "file")
        timeline = Timeline(name="a", current=again, made_us=10, versions=(version(30, 20),))
        self.assertIs(timeline.at(15), again)
        self.assertEqual(timeline.at(25), timeline.versions[0])
        self.assertIs(timeline.at(35), again)

    def test_gap_before_restoration(self) -> None:
        """A version that was put back was there before its time, and not until it came back."""
        now = Entry("", "file")
        timeline = Timeline(name="a", current=now, made_us=10, restored=(Restoration(30, 20),))
        self.assertEqual([timeline.at(time) for time in (9, 10, 20, 21, 29, 30)], [None, now, now, None, None, now])

    def test_back_and_forth(self) -> None:
        """Two contents that took turns were there in turns."""
        one, two = version(50, 10), Entry("", "file")
        restored = (Restoration(31, 20), Restoration(41, 30), Restoration(51, 41))
        timeline = Timeline(name="a", current=two, made_us=20, versions=(version(40, 10),), restored=restored[:2])
        self.assertEqual([timeline.at(time) for time in (15, 25, 35, 45)], [timeline.versions[0], two] * 2)
        timeline = Timeline(name="a", current=two, made_us=19, versions=(one,), restored=restored[:1])
        self.assertEqual([timeline.at(time) for time in (15, 35, 50, 51)], [one, one, one, two])

    def test_many_restorations(self) -> None:
        """A later restoration may show that a span was shorter than it seemed; what became of it is followed."""
        now = Entry("", "file")
        restored = (Restoration(50, 40), Restoration(70, 20), Restoration(90, 80))
        timeline = Timeline(name="a", current=now, made_us=10, versions=(version(60, 30),), restored=restored)
        found = {time: timeline.at(time) for time in (15, 25, 35, 45, 55, 65, 75, 85, 95)}
        self.assertEqual([time for time, each in found.items() if each is now], [15, 75, 95])
        self.assertEqual([time for time, each in found.items() if each is timeline.versions[0]], [35, 55])

    def test_marked_twice(self) -> None:
        """Of two restorations of one version the later one counts: a power cut took back the other."""
        now = Entry("", "file")
        timeline = Timeline(name="a", current=now, made_us=10, restored=(Restoration(30, 20), Restoration(40, 20)))
        self.assertEqual([timeline.at(time) for time in (15, 35, 45)], [now, None, now])

    def test_moved_away(self) -> None:
        """What came back and has neither a version nor its place any more was there, but is not here."""
        timeline = Timeline(name="a", versions=(version(60, 45),), restored=(Restoration(30, 20),))
        self.assertEqual([timeline.at(time) for time in (15, 25, 35, 50)], [None, None, None, timeline.versions[0]])

    def test_rewritten(self) -> None:
        """A version that was written again after it was replaced was there before, as far as anybody knows."""
        timeline = Timeline(
            name="a", current=Entry("", "file"), made_us=30, versions=(version(20, 10), version(30, 99))
        )
        found = [timeline.at(time) for time in (5, 15, 25, 35)]
        self.assertEqual(found, [timeline.versions[1], *timeline.versions, timeline.current])

    def test_unknown(self) -> None:
        """What nobody knows the making of was always there."""
        now = Entry("", "file")
        self.assertIs(Timeline(name="a", current=now).at(0), now)
        self.assertEqual(Timeline(name="a", versions=(version(20, None),)).at(0), version(20, None))
        self.assertIsNone(Timeline(name="a").at(0))

    def test_file_at(self) -> None:
        """Of two files of which one is beneath the other's name it is the one made last, or else removed first."""
        now = Entry("", "file")
        kept, put_back = Timeline(name="a", versions=(version(30, 20),)), Timeline(name="a", current=now, made_us=10)
        self.assertEqual([kept.file_at(25), put_back.file_at(25)], [(20, -30), (10, -(2**62))])
        unknown = [Timeline(name="a", versions=(version(30, made_us),)) for made_us in (None, 99)]
        self.assertEqual([each.file_at(25) for each in unknown], [(0, -30)] * 2)
        self.assertEqual(Timeline(name="a", current=now).file_at(25), (0, -(2**62)))
        directory = Timeline(name="a", current=Entry("", "directory"), made_us=10)
        self.assertEqual([kept.file_at(15), directory.file_at(25)], [None, None])

    def test_absent_at(self) -> None:
        """A name can be given as one at which nothing was; what is there now stays."""
        whole = Timeline(name="a", current=Entry("", "file"), made_us=10, versions=(version(30, 20),))
        absent = whole.absent_at(25)
        self.assertEqual([absent.at(time) for time in (5, 15, 25)], [None, None, None])
        self.assertIs(absent.current, whole.current)
