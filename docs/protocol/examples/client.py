"""A client of the homeftp protocol, with nothing but Python's ssl and socket.

python3 client.py HOST PORT CA_FILE USER < PASSWORD_FILE
"""

import base64
import hashlib
import io
import json
import socket
import ssl
import sys
from typing import Any, Iterable, Iterator

MAX_LINE = 256 * 1024
SMALL = 64 * 1024  # a payload up to this may be sent whole before answers are read
Response = dict[str, Any]


class Refused(Exception):
    """A response with a status of 20 or more."""


def element(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at `at` begins and ends."""
    size, at = der[at + 1], at + 2
    if size > 127:  # then the size itself has size - 128 bytes
        at, size = at + size - 128, int.from_bytes(der[at : at + size - 128], "big")
    return at, at + size


def server_name(ca_pem: str) -> str:
    """The name that the server's certificate bears: the CA's public key decides it."""
    der = ssl.PEM_cert_to_DER_cert(ca_pem)
    at, _ = element(der, 0)  # into the certificate
    at, _ = element(der, at)  # into what is signed of it
    for _ in range(6):  # past version, serial number, algorithm, issuer, validity and subject
        _, at = element(der, at)
    _, end = element(der, at)
    digest = hashlib.sha256(der[at:end]).digest()[:20]
    return f"server.{base64.b32encode(digest).decode().lower()}.homeftp.internal"


def hash_of(content: bytes) -> str:
    """The hash of a content, as requests name it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Client:
    """A connection, logged in."""

    def __init__(self, host: str, port: int, ca_pem: str, username: str, password: str) -> None:
        self._received = b""
        self._socket: socket.socket = socket.create_connection((host, port), timeout=60)
        self.send("STARTTLS")
        if self.response()["status"] != 0 or self._received:  # bytes behind the answer are not the server's
            raise ConnectionError("the server does not go on to TLS")
        context = ssl.create_default_context(cadata=ca_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["homeftp/1"])
        self._socket = context.wrap_socket(self._socket, server_hostname=server_name(ca_pem))
        self.ask("LOGIN", {"username": username, "password": password})

    def send(self, request_type: str, body: Response | None = None, payload: bytes = b"") -> None:
        """One request."""
        request = {"request_type": request_type, "body": body or {}, "content_length": len(payload)}
        self._socket.sendall(json.dumps(request).encode() + b"\n" + payload)

    def receive(self) -> None:
        """More bytes."""
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data

    def response(self) -> Response:
        """The next line; a refusal is raised."""
        while b"\n" not in self._received:
            if len(self._received) > MAX_LINE:
                raise ConnectionError("the server's line has no end")
            self.receive()
        line, _, self._received = self._received.partition(b"\n")
        response: Response = json.loads(line)
        if response["status"] >= 20:
            raise Refused(f"{response['status']}: {response['message']}")
        return response

    def payload(self, response: Response) -> Iterator[bytes]:
        """The bytes behind a line, piece by piece."""
        missing = response.get("content_length", 0)
        while missing:
            if not self._received:
                self.receive()
            piece, self._received = self._received[:missing], self._received[missing:]
            missing -= len(piece)
            yield piece

    def ask(self, request_type: str, body: Response | None = None, payload: bytes = b"") -> Response:
        """The last response to one request."""
        self.send(request_type, body, payload)
        return self.response()

    def get(self, rel_endpoint: str) -> Iterator[bytes]:
        """A file, piece by piece. It may be kept when all pieces have come without an exception."""
        self.send("GET", {"rel_endpoint": rel_endpoint})
        digest = hashlib.sha256()
        for piece in self.payload(self.response()):
            digest.update(piece)
            yield piece
        if self.response()["body"]["hash"] != f"sha256:{digest.hexdigest()}":
            raise ConnectionError("what came is not the file")

    def push_batch(self, rel_endpoint: str, files: dict[str, bytes]) -> list[Response]:
        """Store small files by their names in a folder, all in one request; returns those that were refused."""
        payload = b""
        for name, content in files.items():
            entry = {"name": name, "content_length": len(content), "hash": hash_of(content)}
            payload += json.dumps(entry).encode() + b"\n" + content
        if len(payload) > SMALL:  # the server may answer before it has read a larger one: read meanwhile, or divide it
            raise ValueError("too much for one batch")
        self.send("PUSH", {"rel_endpoint": rel_endpoint, "kind": "batch"}, payload)
        refused: list[Response] = []
        while (response := self.response()).get("more"):
            refused += response["body"].get("refused", [])
        return refused

    def get_batch(self, rel_endpoint: str, names: list[str]) -> Iterator[tuple[Response, bytes]]:
        """Small files by their names in a folder, each with its entry; a refused one has a status, and no content."""
        lines = b"".join(json.dumps({"name": name}).encode() + b"\n" for name in names)
        self.send("GET", {"rel_endpoint": rel_endpoint, "batch": True}, lines)
        while (response := self.response()).get("more"):
            run = io.BytesIO(b"".join(self.payload(response)))
            while line := run.readline():
                entry: Response = json.loads(line)
                content = run.read(entry.get("content_length", 0))
                if entry["name"] not in names or entry.get("hash", hash_of(content)) != hash_of(content):
                    raise ConnectionError("what came is not what was asked for")
                yield entry, content

    def pipeline(self, requests: Iterable[tuple[str, Response]], window: int = 64) -> Iterator[Response]:
        """The answers to many requests with one response each, of which `window` are under way at once."""
        waiting = 0
        for request_type, body in requests:
            if waiting == window:
                yield self.response()
                waiting -= 1
            self.send(request_type, body)
            waiting += 1
        for _ in range(waiting):
            yield self.response()


def main(host: str, port: str, ca_file: str, username: str) -> None:
    """Push a file, compare it, fetch it, and compare it a thousand times more; then push and fetch two at once."""
    with open(ca_file, encoding="ascii") as file:
        client = Client(host, int(port), file.read(), username, sys.stdin.readline().rstrip("\n"))
    content = b"Hello, home!\n"
    known = {"rel_endpoint": "hello.txt", "hash": hash_of(content)}
    print(client.ask("PUSH", known, content)["message"])
    print(client.ask("CMP", known)["message"])
    print(b"".join(client.get("hello.txt")).decode(), end="")
    statuses = [response["status"] for response in client.pipeline([("CMP", known)] * 1000)]
    print(f"{statuses.count(10)} times the same")
    refused = client.push_batch("small", {"one.txt": b"one", "two.txt": b"two", "con": b"no system's name"})
    print(*(f"{entry['name']} is refused: {entry['status']}" for entry in refused))
    for entry, small in client.get_batch("small", ["two.txt", "three.txt", "one.txt"]):
        print(entry["name"], small.decode() if "hash" in entry else entry["status"])
    print(client.ask("QUIT")["message"])


if __name__ == "__main__":
    main(*sys.argv[1:])
