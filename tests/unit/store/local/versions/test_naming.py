"""The names of versions: each is found again by its path and its time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.versions.naming import (
    folder_of,
    original_of,
    restored_mark,
    restored_version,
    start_of,
    time_of,
    version_path,
)

NOON = 1_764_158_400_000_000
"""2025-11-26 12:00:00 UTC."""

LAST = 253_402_300_799_999_999
"""The end of the year 9999."""


class NamingTests(SynchronousTestCase):
    """Paths and times."""

    def test_path(self) -> None:
        """A version lies in the folder of its day, below the folders of its file."""
        self.assertEqual(
            version_path((b"photos", b"a.jpg"), NOON + 123_456),
            ((b"2025-11-26", b"photos"), b".homeftp-12.00.00.123456-a.jpg"),
        )
        long = b"n" * 250
        self.assertEqual(
            version_path((b"d", long), NOON), ((b"2025-11-26", b"d", long), b".homeftp-12.00.00.000000"), "a long name"
        )

    def test_back(self) -> None:
        """The path of the file and the time are in the name of its version, and in its folder."""
        for names in ((b"a",), (b"d", b"a"), (b"d", b"n" * 250), (b"d", b"a-b.c")):
            for at_us in (NOON, NOON + 1, NOON - 12 * 3600 * 10**6):
                folder, file = version_path(names, at_us)
                self.assertEqual((original_of(folder, file), time_of(folder, file)), (names, at_us))
                self.assertEqual((folder[1:], start_of(folder[0])), (folder_of(names), NOON - 12 * 3600 * 10**6))

    def test_order(self) -> None:
        """In one folder the names of versions have the order of their times."""
        times = [NOON - 1, NOON, NOON + 999_999, NOON + 10**6, NOON + 3600 * 10**6]
        files = [version_path((b"d", b"z" if number % 2 else b"a"), at_us)[1] for number, at_us in enumerate(times)]
        self.assertEqual(sorted(files), files)

    def test_marks(self) -> None:
        """The text of a link says which version was put back; that of any other link says nothing of that."""
        forged = b"homeftp restored the version of "
        for text, expected in (
            (restored_mark(NOON), NOON),
            (restored_mark(LAST), LAST),
            (restored_mark(LAST + 1), None),
            (restored_mark(10**18 - 1), None),
            (restored_mark(-1), None),
            (forged + b"9" * 19, None),
            (forged, None),
            (b"/etc/passwd", None),
        ):
            self.assertEqual(restored_version(text), expected, text)
        self.assertEqual(version_path((b"a",), LAST), ((b"9999-12-31",), b".homeftp-23.59.59.999999-a"))

    def test_others(self) -> None:
        """Other names are no versions."""
        day = (b"2025-11-26",)
        for name in (b"README", b".homeftp-99-a", b".homeftp-12.00.00.00000-a", b".homeftp-12.00.00.000000-"):
            self.assertEqual((original_of(day, name), time_of(day, name)), (None, None))
        self.assertIsNone(start_of(b"2025-13-01"))
        self.assertIsNone(time_of((b"x",), b".homeftp-12.00.00.000000-a"))
