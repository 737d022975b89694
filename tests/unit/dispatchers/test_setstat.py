"""SETSTAT: metadata travels alone."""

from __future__ import annotations

from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.endpoint import parse
from homeftp.model import PathLock
from homeftp.status import Status
from homeftp.wire.messages import SetstatBody
from tests.support.inmemory import Server
from tests.support.verbs import VerbTestCase, digest

TIME = 1_714_560_000_123_456


class SetstatTests(VerbTestCase):
    """`SetstatDispatcher`."""

    def make_server(self) -> Server:
        """One with the request."""
        return Server.make(extra=[SetstatDispatcher()])

    def setUp(self) -> None:
        super().setUp()
        meta_data = [["mtime_us", 1_000_000], ["mode", 0o644]]
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": "d/a", "meta_data": meta_data}, b"1").status, 0)

    def set(self, path: str, *meta_data: list[object], **fields: str) -> tuple[int, object]:
        """The status of a request, and the metadata in its answer."""
        answer = self.ask("SETSTAT", {"rel_endpoint": path, "meta_data": list(meta_data), **fields})
        return answer.status, (answer.body or {}).get("meta_data")

    def test_file(self) -> None:
        """Time and mode change alone or together; the content stays."""
        self.assertEqual(self.set("d/a", ["mode", 0o600]), (0, [["mtime_us", 1_000_000], ["mode", 0o600]]))
        self.assertEqual(self.set("d/a", ["mtime_us", TIME]), (0, [["mtime_us", TIME], ["mode", 0o600]]))
        both = [["mtime_us", 5_000_000], ["mode", 0o640]]
        self.assertEqual(self.set("d/a", *both), (0, both))
        self.assertEqual(self.read("d/a"), b"1")

    def test_directory(self) -> None:
        """So do those of a directory."""
        status, meta_data = self.set("d", ["mtime_us", TIME], ["mode", 0o700])
        self.assertEqual((status, meta_data), (0, [["mtime_us", TIME], ["mode", 0o700]]))

    def test_condition(self) -> None:
        """With a hash only the file with that content is changed."""
        self.assertEqual(self.set("d/a", ["mode", 0o600], if_hash=digest(b"2"))[0], Status.CHANGED)
        self.assertEqual(self.set("d/a", ["mtime_us", TIME])[1], [["mtime_us", TIME], ["mode", 0o644]])
        self.assertEqual(self.set("d/a", ["mode", 0o600], if_hash=digest(b"1"))[0], Status.OK)

    def test_refused(self) -> None:
        """What does not exist, the root, nothing to set, a size, and impossible values are refused."""
        for path, meta_data, status in (
            ("none", ["mode", 0o600], Status.NOT_FOUND),
            ("", ["mode", 0o600], Status.FORBIDDEN),
            ("d/a", ["size", 1], Status.BAD_REQUEST),
            ("d/a", ["mode", 0o4755], Status.BAD_REQUEST),
        ):
            self.assertEqual(self.set(path, meta_data)[0], status, path)
        self.assertEqual(self.set("d/a")[0], Status.BAD_REQUEST)
        self.assertEqual(self.set("d/a", ["mtime_us", 1_000_000])[1], [["mtime_us", 1_000_000], ["mode", 0o644]])

    def test_path_lock(self) -> None:
        """It changes its endpoint."""
        self.assertEqual(SetstatDispatcher().path_lock(SetstatBody(parse("a"))), PathLock(parse("a"), changes=True))
