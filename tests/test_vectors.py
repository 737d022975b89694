"""The protocol page, held against codec and server: its sessions, its tables, its client, and openssl by hand."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import attrs
from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadRequest
from homeftp.identity import server_name
from homeftp.wire import codec
from tests.processes import PASSWORD, ServerProcess
from tests.rawclient import RawClient

PAGES = Path(__file__).parents[1] / "docs" / "protocol"

SHARE = {
    "notes/a.txt": (b"two words\n", 1714560000123456, 0o644),
    "notes/b.txt": (b"one\n", 1714560000000000, 0o600),
}

SENDS = ("->", ">>", ">*")
"""What a step begins with in which the client sends."""


@attrs.frozen
class Session:
    """One session of vectors.txt."""

    name: str
    phase: str
    steps: tuple[tuple[str, str], ...]
    """What each line begins with, and the rest of it."""

    def connections(self) -> Iterator[list[tuple[str, str]]]:
        """The steps of each connection."""
        steps: list[tuple[str, str]] = []
        for step in self.steps:
            steps.append(step)
            if step == ("--", "closed"):
                yield steps
                steps = []
        if steps:
            yield steps


def sessions() -> list[Session]:
    """All of vectors.txt."""
    found = []
    text = (PAGES / "vectors.txt").read_text(encoding="utf-8")
    for part in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        head, *lines = part.splitlines()
        name, phase = re.fullmatch(r"([a-z-]+) \((plain|stranger|member)\)", head).groups()  # type: ignore[union-attr]
        steps = tuple((line[:2], line[3:]) for line in lines if line)
        found.append(Session(name, phase, steps))
    return found


def raw(text: str) -> bytes:
    """Bytes as vectors.txt writes them."""
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


def sent(kind: str, text: str) -> bytes:
    """What the client sends in one step."""
    if kind == "->":
        return text.encode() + b"\n"
    if kind == ">*":
        count, _, repeated = text.partition(" ")
        return raw(repeated) * int(count)
    return raw(text)


def fits(got: Any, expected: Any) -> bool:
    """Whether a value is the expected one, in which "…" stands for anything."""
    if isinstance(expected, str) and "…" in expected:
        pattern = ".*".join(map(re.escape, expected.split("…")))
        return expected == "…" or (isinstance(got, str) and re.fullmatch(pattern, got, re.DOTALL) is not None)
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(fits(got[key], value) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(fits, got, expected))
    return type(got) is type(expected) and bool(got == expected)


def lay_share(server: ServerProcess) -> None:
    """Make the share what it is before each session."""
    for name in os.listdir(server.root):
        if name != ".homeftp":
            path = server.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    os.mkdir(server.path("notes"))
    for endpoint, (content, mtime_us, mode) in SHARE.items():
        Path(server.path(endpoint)).write_bytes(content)
        os.chmod(server.path(endpoint), mode)
        os.utime(server.path(endpoint), ns=(mtime_us * 1000, mtime_us * 1000))
    os.chmod(server.path("notes"), 0o755)
    os.utime(server.path("notes"), ns=(1714560000 * 10**9, 1714560000 * 10**9))


def play(client: RawClient, steps: list[tuple[str, str]]) -> None:
    """One connection of a session; raises AssertionError at the first step that goes otherwise."""
    unsent, payload = b"", b""
    for kind, text in steps:
        if kind in SENDS:
            unsent += sent(kind, text)
            continue
        with contextlib.suppress(ConnectionError):  # it may close before it has read all of what it refuses
            client.socket.sendall(unsent)
        unsent = b""
        if kind == "<<":
            assert payload == raw(text), (payload, text)
            payload = b""
            continue
        assert not payload, f"{payload!r} before {text}"
        if kind == "<-":
            response, payload = client.response()
            assert fits(response, json.loads(text)), f"\n{json.dumps(response)}\ninstead of\n{text}"
        elif text == "TLS":
            client.wrap()
        else:
            assert (kind, text) == ("--", "closed"), (kind, text)
            assert client.at_end(), "the connection goes on"
    assert not payload and not unsent, (payload, unsent)


@attrs.define
class Player:
    """Plays sessions with one server. Logging in takes a while, so a member goes on to the next session."""

    server: ServerProcess
    client: RawClient | None = None

    def outcome(self, session: Session) -> str:
        """What went otherwise than the session says; "" if nothing did."""
        lay_share(self.server)
        try:
            for steps in session.connections():
                play(self._client(session.phase), steps)
                if session.phase != "member" or steps[-1] == ("--", "closed"):
                    self.leave()
        except (AssertionError, OSError, EOFError) as error:
            self.leave()
            return f"{session.name}: {steps[0]}: {type(error).__name__} {error}"
        return ""

    def _client(self, phase: str) -> RawClient:
        if self.client is None:
            self.client = RawClient(self.server.ports[0], self.server.ca_file)
            if phase != "plain":
                self.client.start_tls()
            if phase == "member":
                self.client.login("ann", PASSWORD)
        return self.client

    def leave(self) -> None:
        """Close the connection, if there is one."""
        client, self.client = self.client, None
        if client is not None:
            client.socket.close()


class CodecTests(SynchronousTestCase):
    """Every line of the sessions, through the codec alone."""

    def test_requests(self) -> None:
        """A request is decoded and, encoded again, is the same; a malformed one is refused as the page says."""
        for session in sessions():
            for steps in session.connections():
                if session.name.startswith("malformed"):
                    line = b"".join(sent(*step) for step in steps if step[0] in SENDS).partition(b"\n")[0]
                    with self.assertRaises(BadRequest) as caught:
                        codec.decode_request(line)
                    expected = json.loads(steps[-2][1])
                    self.assertTrue(fits(caught.exception.message, expected["message"]), f"{line[:200]!r}")
                    continue
                for kind, text in steps:
                    if kind == "->" and text.startswith("{"):
                        self.check_request(text)

    def check_request(self, text: str) -> None:
        """One request's line."""
        request = codec.decode_request(text.encode())
        body = json.loads(bytes(request.body))
        encoded = codec.encode_request(request.request_type, body, id=request.id, content_length=request.content_length)
        meant = json.loads(text)
        known = {name: meant[name] for name in ("request_type", "id", "body", "content_length") if meant.get(name)}
        self.assertEqual(json.loads(encoded), known)

    def test_responses(self) -> None:
        """A response is decoded and, encoded again, is the same."""
        for session in sessions():
            for kind, text in session.steps:
                if kind == "<-":
                    response = codec.decode_response(text.encode())
                    encoded = codec.encode_response(
                        response.status,
                        response.message,
                        response.body,
                        id=response.id,
                        content_length=response.content_length,
                        more=response.more,
                    )
                    self.assertEqual(json.loads(encoded), json.loads(text))


class SessionTests(SynchronousTestCase):
    """Every example of the protocol page, run."""

    def test_server(self) -> None:
        """A real server, over real TLS, answers each session as the page has it, its messages included."""
        server = ServerProcess()
        self.addCleanup(server.end)
        player = Player(server)
        self.addCleanup(player.leave)
        members_first = sorted(sessions(), key=lambda session: session.phase)
        wrong = [outcome for outcome in map(player.outcome, members_first) if outcome]
        self.assertEqual("\n".join(wrong), "")


class ExampleTests(SynchronousTestCase):
    """The programs of the page, run."""

    def run_program(self, *command: object, input: str = "") -> str:
        """A program's output; it ends well."""
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_programs(self) -> None:
        """The client of ssl and socket does all it says; openssl shows who the server is, and talks to it by hand."""
        loopback = "tcp:0:interface=127.0.0.1"
        server = ServerProcess(listen=("--listen", loopback, "--listen-tls", loopback))
        self.addCleanup(server.end)
        plain, tls = server.ports
        examples = PAGES / "examples"
        self.assertEqual(
            self.run_program(
                *(sys.executable, "-I", examples / "client.py", "127.0.0.1", plain, server.ca_file, "ann"),
                input=PASSWORD + "\n",
            ).splitlines(),
            ["stored hello.txt", "hello.txt: the same", "Hello, home!", "1000 times the same", "goodbye"],
        )

        fingerprint, name = self.run_program("sh", examples / "identity.sh", server.ca_file).splitlines()
        self.assertEqual(fingerprint, server.fingerprint)
        ca = x509.load_pem_x509_certificate(Path(server.ca_file).read_bytes())
        self.assertEqual(name, server_name(ca))

        lay_share(server)
        (session,) = (session for session in sessions() if session.name == "by-hand")
        typed = b"".join(sent(kind, text) for kind, text in session.steps if kind in SENDS)
        shown = self.run_program(
            *("sh", examples / "by-hand.sh", f"127.0.0.1:{tls}", server.ca_file, name), input=typed.decode()
        )
        expected = [text for kind, text in session.steps if kind in ("<-", "<<")]
        self.assertEqual(len(shown.splitlines()), len(expected), shown)
        for line, text in zip(shown.splitlines(), expected, strict=True):
            fitting = (
                fits(json.loads(line), json.loads(text)) if text.startswith("{") else line == text.removesuffix("\\n")
            )
            self.assertTrue(fitting, f"{line}\ninstead of\n{text}")
