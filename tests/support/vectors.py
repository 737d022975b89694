"""The sessions of the protocol page: read from its vectors.txt, and played with a server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Iterator

import attrs

from tests.support.processes import PASSWORD, ServerProcess
from tests.support.rawclient import RawClient

PAGES = Path(__file__).parents[2] / "docs" / "protocol"

SHARE = {
    "notes/a.txt": (b"two words\n", 1714560000123456, 0o644),
    "notes/b.txt": (b"one\n", 1714560000000000, 0o600),
}

ENDS = (("--", "closed"), ("--", "cut"))
"""The steps that end a connection."""

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
            if step in ENDS:
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
        name, phase = re.fullmatch(r"([a-z-]+) \((plain|unauthenticated|authenticated)\)", head).groups()  # type: ignore[union-attr]
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
    """Create the files that the store has before each session."""
    for name in os.listdir(server.root):
        if name != ".homeftp":
            path = server.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    os.mkdir(server.path("notes"))
    for name, (content, mtime_us, mode) in SHARE.items():
        path = server.path(name)
        Path(path).write_bytes(content)
        os.chmod(path, mode)
        os.utime(path, ns=(mtime_us * 1000, mtime_us * 1000))
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
            assert payload.startswith(raw(text)), (payload, text)
            payload = payload[len(raw(text)) :]
            continue
        assert not payload, f"{payload!r} before {text}"
        if kind == "<-":
            response, payload = client.response()
            assert fits(response, json.loads(text)), f"\n{json.dumps(response)}\ninstead of\n{text}"
        elif text == "TLS":
            client.wrap()
        elif text == "cut":
            client.cut()
        else:
            assert (kind, text) == ("--", "closed"), (kind, text)
            assert client.at_end(), "the connection goes on"
    assert not payload and not unsent, (payload, unsent)


@attrs.define
class Player:
    """Plays sessions with one server. Logging in takes a while: an authenticated client plays the next session too."""

    server: ServerProcess
    client: RawClient | None = None

    def outcome(self, session: Session) -> str:
        """What went otherwise than the session says; "" if nothing did."""
        lay_share(self.server)
        try:
            for steps in session.connections():
                play(self._client(session.phase), steps)
                if session.phase != "authenticated" or steps[-1] in ENDS:
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
            if phase == "authenticated":
                self.client.login("ann", PASSWORD)
        return self.client

    def leave(self) -> None:
        """Close the connection, if there is one."""
        client, self.client = self.client, None
        if client is not None:
            client.socket.close()
