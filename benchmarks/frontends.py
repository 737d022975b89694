"""What homeftp's front ends cost beside the usual servers of their protocols, in processor seconds of the server.

    python benchmarks/frontends.py --size 1024 --rounds 3

HTTPS: one large file down and up by curl, beside nginx with the same certificate and cipher, and small files over one
connection. It takes nginx and curl (.ci/run installs them). Both servers are on loopback, and in each round one comes
after the other, so that a busy machine disturbs both. nginx writes what it receives without a flush and without a
hash; homeftp's upload is durable, hashed and in the audit log.

SFTP: one large file, and 2,000 small ones, beside OpenSSH's server (sftpfrontend.py). It takes sshd and rclone.

What homeftp keeps of the files of a round is removed at its end.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import sftpfrontend
from measuring import Cost, processor_seconds, run
from programs import free_versions, homeftp_server, listening, pair, reserved_port, started

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import Cost as PasswordCost
from homeftp.accounts.passwords import hash_password

MIB = 1 << 20
NAME, PASSWORD = "ann", "a password for measuring"
AUTHORIZATION = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
SMALL = 4096
LEAST = 0.01
"""Seconds of a processor that can be measured."""

CIPHER = "TLS_AES_128_GCM_SHA256"

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0; sendfile on; keepalive_requests 1000000;
    client_body_temp_path {folder}/nginx-body; default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port} ssl; root {folder}/nginx-root;
        ssl_certificate {folder}/nginx.pem; ssl_certificate_key {folder}/nginx.key; ssl_protocols TLSv1.3;
        location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"""


class HttpServer(NamedTuple):
    """One server: its process, the URL below which files are, and the folder that it serves."""

    name: str
    process: int
    port: int
    prefix: str
    root: Path

    def url(self, file: str) -> str:
        """The URL of a file."""
        return f"https://127.0.0.1:{self.port}{self.prefix}{file}"


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[HttpServer]:
    """nginx with a certificate of the same kind as homeftp's."""
    port, root = reserved_port(), folder / "nginx-root"
    root.mkdir()
    key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-keyout", str(folder / "nginx.key"), "-out", str(folder / "nginx.pem"), "-subj", "/CN=localhost"]
    subprocess.run([*key, *files], check=True, capture_output=True)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    # As root it gives up its rights only in processes of its own, which it has none of here.
    with started(["nginx", "-c", str(config), "-p", str(folder)], folder / "nginx.out") as process:
        listening(port, folder / "nginx.out", "")
        yield HttpServer("nginx", process, port, "/", root)


@contextlib.contextmanager
def homeftp_https(folder: Path) -> Iterator[HttpServer]:
    """homeftp with one account that has a password."""
    state, root = folder / "state", folder / "share"
    state.mkdir(mode=0o700)
    root.mkdir(exist_ok=True)
    database = AccountDatabase(str(state))
    database.open()
    database.add_account(NAME, hash_password(PASSWORD, PasswordCost(n=2, r=1, p=1)))
    database.close()
    port, https = reserved_port(), reserved_port()
    listen = f"--https=tcp:{https}:interface=127.0.0.1"
    with homeftp_server(folder, port, listen, "--no-announce") as process:
        pair(folder, port, NAME)
        yield HttpServer("homeftp", process, https, "/dav/", root)


def curl(*arguments: str) -> list[str]:
    """A command that gives its password without being asked, and uses one cipher."""
    options = ["--tls13-ciphers", CIPHER, "--insecure", "--silent", "--show-error", "--fail"]
    return ["curl", *options, "--header", f"Authorization: Basic {AUTHORIZATION}", *arguments]


def get(server: HttpServer) -> Cost:
    """One large file down."""
    return run(curl("--output", "/dev/null", server.url("large")), server.process)


def put(server: HttpServer, source: Path) -> Cost:
    """One large file up."""
    try:
        return run(curl("--upload-file", str(source), server.url("new")), server.process)
    finally:
        run(curl("--request", "DELETE", server.url("new")), server.process)


def small(server: HttpServer, requests: int) -> float:
    """Requests for small files in one second of the server's processor, over one connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    head = f"GET {server.prefix}small HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {AUTHORIZATION}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as plain, context.wrap_socket(plain) as connection:
        _ask(connection, head)  # the login
        before = processor_seconds(server.process)
        for _ in range(requests):
            _ask(connection, head)
        return requests / max(LEAST, processor_seconds(server.process) - before)


def _ask(connection: ssl.SSLSocket, request: bytes) -> None:
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < SMALL:
        piece = connection.recv(64 * 1024)
        if not piece:
            sys.exit(f"the server closed the connection: {answer[:200]!r}")
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        sys.exit(f"the server answered {answer[:200]!r}")


def make_source(folder: Path, size: int) -> Path:
    """A large file."""
    source = folder / "source"
    with source.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return source


def https(folder: Path, source: Path, requests: int, rounds: int) -> dict[str, dict[str, float]]:
    """The medians of all rounds: processor seconds for each GiB, and small files a second."""
    size = source.stat().st_size
    steps: dict[str, Callable[[HttpServer], float]] = {
        "GET, s/GiB": lambda server: get(server).server * (1 << 30) / size,
        "PUT, s/GiB": lambda server: put(server, source).server * (1 << 30) / size,
        "4 KiB GETs, 1/s": lambda server: small(server, requests),
    }
    found: dict[str, dict[str, list[float]]] = {step: {} for step in steps}
    with nginx(folder) as one, homeftp_https(folder) as other:
        for server in (one, other):
            shutil.copyfile(source, server.root / "large")
            (server.root / "small").write_bytes(os.urandom(SMALL))
        for number in range(rounds + 1):
            for step, measure in steps.items():
                for server in (one, other):
                    value = measure(server)
                    if number:  # the first round warms up
                        found[step].setdefault(server.name, []).append(value)
            free_versions()
    return {step: {name: statistics.median(values) for name, values in each.items()} for step, each in found.items()}


def main() -> None:
    """Measure, and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file (default 1024)")
    parser.add_argument("--requests", type=int, default=5000, help="small files of a round (default 5000)")
    parser.add_argument("--files", type=int, default=2000, help="small files by SFTP (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are shown (default 3)")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    parser.add_argument("--only", choices=("https", "sftp"), help="measure only this front end")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [name for name in ("curl", "nginx", "openssl") if options.only != "sftp" and not shutil.which(name)]
    missing += sftpfrontend.missing() if options.only != "https" else []
    if missing:
        sys.exit(f"install what has {', '.join(missing)} first")
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder) as name:
        source = make_source(Path(name), options.size * MIB)
        if options.only != "sftp":
            found.update(https(Path(name), source, options.requests, options.rounds))
        if options.only != "https":
            found.update(sftpfrontend.sftp(Path(name), source, options.rounds, options.files))
    if options.json:
        print(json.dumps(found))
        return
    for step, values in found.items():
        shown = "  ".join(f"{server} {value:10.2f}" for server, value in values.items())
        other = next(value for server, value in values.items() if server != "homeftp")
        print(f"{step:18} {shown}   ratio {values['homeftp'] / max(LEAST, other):.2f}")


if __name__ == "__main__":
    main()
