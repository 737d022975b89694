"""The settings: frozen, complete, and with limits that fit together."""

from __future__ import annotations

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp import config
from homeftp.config import ClientTimeouts, Limits, Retention, Settings


class SettingsTests(SynchronousTestCase):
    """What an owner or an application sets."""

    def test_frozen(self) -> None:
        """No setting changes under a running server."""
        for made in (Limits(), Retention(), ClientTimeouts(), Settings(root="/srv", state="/var")):
            name = structs.fields(made)[0].name
            self.assertRaises(AttributeError, setattr, made, name, None)

    def test_retention(self) -> None:
        """The space for versions is a part of the disk, or a size."""
        for retention, expected in (
            (Retention(), 200),
            (Retention(percent=12.5), 125),
            (Retention(percent=None, size=7), 7),
            (Retention(percent=None), 0),
        ):
            self.assertEqual(retention.most(1000), expected)


class LimitTests(SynchronousTestCase):
    """Limits that depend on each other."""

    def test_pieces(self) -> None:
        """A small file fits into a piece, a piece into a streamed one, and many of those into the memory for all."""
        self.assertLess(config.SMALL_FILE, config.PIECE)
        self.assertLess(config.PIECE, config.STREAM_PIECE)
        self.assertLessEqual(4 * config.STREAM_PIECE, config.STREAM_MEMORY)

    def test_lines(self) -> None:
        """The longest path fits into a request's line, with every byte of it escaped in three."""
        self.assertLess(3 * 4096, config.MAX_REQUEST_LINE)

    def test_connections(self) -> None:
        """One address, and clients that never log in, leave connections for others."""
        limits = Limits()
        self.assertLess(limits.connections_per_address, limits.connections)
        self.assertLess(limits.unauthenticated, limits.connections)
        self.assertLess(limits.tls_seconds, limits.login_seconds)
