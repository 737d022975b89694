"""A small server of S3 on loopback: it keeps objects in memory, and refuses or says nothing where a test wants that."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")


class FakeS3:
    """One bucket. Close it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.silent = threading.Event()
        """While it is set nothing is answered."""
        self.asked = 0
        """How many requests came."""
        self.refused = 0
        """How many of them were refused."""
        self._refusal: tuple[int, str] | None = None
        self._times = 0.0
        self._closed = threading.Event()

        class Handler(_Handler):
            """For this bucket."""

            s3 = self

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status: int | None, code: str = "", *, times: float = float("inf")) -> None:
        """Refuse the next requests with this status; None: no more."""
        self._refusal = None if status is None else (status, f"<Error><Code>{code}</Code></Error>" if code else "")
        self._times = times

    def refusal(self) -> tuple[int, str] | None:
        """That of the request that has just come; waits while nothing is answered."""
        self.asked += 1
        while self.silent.is_set() and not self._closed.wait(0.02):
            pass
        if self._refusal is None or self._times <= 0:
            return None
        self._times -= 1
        self.refused += 1
        return self._refusal

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    s3: FakeS3

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        with contextlib.suppress(OSError):  # the client has given up
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"ETag": '"0"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    def _refuses(self) -> bool:
        refusal = self.s3.refusal()
        if refusal is not None:
            self._answer(refusal[0], refusal[1].encode())
        return refusal is not None

    def do_PUT(self) -> None:
        """Keep an object."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._refuses():
            self.s3.objects[self.path] = content
            self._answer(200)

    def do_GET(self) -> None:
        """A range of an object."""
        if self._refuses():
            return
        content, wanted = self.s3.objects.get(self.path), _RANGE.fullmatch(self.headers.get("Range", ""))
        if content is None or wanted is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        start, last = int(wanted[1]), int(wanted[2])
        part = content[start : last + 1]
        self._answer(206, part, Content_Range=f"bytes {start}-{start + len(part) - 1}/{len(content)}")
