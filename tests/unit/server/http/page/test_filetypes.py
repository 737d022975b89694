"""What a browser is told of a file's type."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.page.filetypes import PDF, TEXT, shown_type, type_headers


class FileTypeTests(SynchronousTestCase):
    """`shown_type` and `type_headers`."""

    def test_shown(self) -> None:
        """Pictures, audio, video and PDF have their types, by the end of the name in any case."""
        for name, found in (
            ("a.JPG", "image/jpeg"),
            ("b.c.mp3", "audio/mpeg"),
            ("c.pdf", PDF),
            ("film.mp4", "video/mp4"),
        ):
            self.assertEqual(shown_type(name), found)

    def test_runs_nothing(self) -> None:
        """Whatever could run something in a page is text, or is saved."""
        for name in ("a.html", "a.htm", "a.xhtml", "a.xml", "a.js", "a.mjs", "a.php"):
            self.assertEqual(shown_type(name), TEXT)
        for name in (
            "a.swf",
            "a.exe",
            "a",
            "html",
            "a.html ",
            "a.wasm",
            "a.mhtml",
            "a.jar",
            "a.docx",
            ".htaccess",
            "a.",
        ):
            self.assertIsNone(shown_type(name))

    def test_sandbox(self) -> None:
        """Every type comes with a sandbox, except PDF, which browsers show in a program of their own."""
        for content_type in ("image/svg+xml", TEXT, None):
            policy = dict(type_headers(content_type))["Content-Security-Policy"]
            self.assertTrue(policy.endswith("; sandbox"))
            self.assertNotIn("script", policy)
        self.assertNotIn("sandbox", dict(type_headers(PDF))["Content-Security-Policy"])
