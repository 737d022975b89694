"""`homeftp raw`: a session that a person types."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.processes import environment
from tests.support.serving import ServedCase


class RawTests(ServedCase):
    """raw."""

    def raw(self, typed: bytes) -> tuple[int, bytes]:
        said = subprocess.run(
            [sys.executable, "-m", "homeftp", "raw", "nas"],
            input=typed,
            env=environment(HOMEFTP_HOME=self.home),
            capture_output=True,
            timeout=60,
        )
        return said.returncode, said.stdout

    def test_piped(self) -> None:
        """Lines go out as typed, answers and payloads come back as they are, in order."""
        content = b"\x00\xff\n{}\n" * 5
        push = {"request_type": "PUSH", "id": "p", "content_length": len(content)}
        get = {"request_type": "GET", "id": 7, "body": {"rel_endpoint": f"{self.there}/a"}}
        typed = json.dumps({**push, "body": get["body"]}).encode() + b"\n" + content + b"\r\n"
        status, said = self.raw(typed + json.dumps(get).encode() + b"\r\n")
        self.assertEqual(status, 0)
        first, head, rest = said.split(b"\n", 2)
        self.assertEqual(json.loads(first)["id"], "p")
        self.assertEqual(json.loads(head)["content_length"], len(content))
        self.assertEqual(rest[: len(content)], content)
        self.assertEqual(json.loads(rest[len(content) :])["id"], 7)

    def test_refused(self) -> None:
        """A refusal is shown and ends with 3; so does a line that is no request."""
        for typed in (b'{"request_type": "NOPE"}\n{"request_type": "HELLO"}', b"nonsense\n"):
            status, said = self.raw(typed)
            self.assertEqual(status, 3)
            self.assertIn(json.loads(said.splitlines()[0])["status"], (20, 21))

    def test_goodbye(self) -> None:
        """QUIT is answered, and the end of it is no failure."""
        self.assertEqual(self.raw(b'{"request_type": "QUIT"}\n')[0], 0)

    def test_terminal(self) -> None:
        """At a terminal answers are laid out, text is shown, and of other content its size."""
        self.lay_there("text", b"two words\n\x1b[31m")
        self.lay_there("data", b"\x00\xff" * 1000)
        line = '{"request_type": "GET", "body": {"rel_endpoint": "%s/%s"}}\n'
        status, shown = self.at_terminal(
            "raw",
            "nas",
            says=[
                ("Ctrl-D", line % (self.there, "text")),
                ('"message": "sent', line % (self.there, "data")),
                ('data"', "\x04"),
            ],
        )
        self.assertEqual(status, 0, shown)
        self.assertIn('  "status": 0,\n', shown)
        self.assertIn("two words\n\\x1b[31m\n", shown)
        self.assertIn("(2,000 bytes)\n", shown)
