"""The status codes: their numbers are part of the protocol."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.status import Status

NUMBERS = {
    0: "OK",
    10: "SAME",
    11: "METADATA_DIFFERS",
    12: "CONTENT_DIFFERS",
    13: "CONTENT_AND_METADATA_DIFFER",
    14: "ABSENT",
    20: "BAD_REQUEST",
    21: "UNKNOWN_REQUEST_TYPE",
    22: "TOO_LARGE",
    30: "TLS_REQUIRED",
    31: "LOGIN_REQUIRED",
    32: "LOGIN_FAILED",
    33: "FORBIDDEN",
    40: "NOT_FOUND",
    41: "BAD_ENDPOINT",
    42: "FILETYPE_NOT_ALLOWED",
    43: "WRONG_KIND",
    44: "CHANGED",
    45: "CONTENT_MISMATCH",
    46: "DAMAGED",
    50: "INTERNAL",
    51: "BUSY",
    52: "NO_SPACE",
    53: "TIMEOUT",
    54: "SHUTTING_DOWN",
}


class StatusTests(SynchronousTestCase):
    """The table, and which statuses refuse."""

    def test_numbers(self) -> None:
        """A released number never changes its meaning."""
        self.assertEqual({int(status): status.name for status in Status}, NUMBERS)

    def test_refused(self) -> None:
        """OK and the results of a comparison are answers; everything from 20 on is a refusal."""
        self.assertEqual({int(status) for status in Status if not status.refused}, {0, 10, 11, 12, 13, 14})
