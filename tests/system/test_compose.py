"""The containers of docs/cluster, as far as their file tells: no test starts them."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Iterator
from urllib.parse import urlsplit

import yaml
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.parser import build_parser
from homeftp.config import Limits
from homeftp.tap import Options
from tests.support.engines import SeaweedFS, weed
from tests.support.imports import PACKAGE

COMPOSE = PACKAGE.parent / "docs" / "cluster" / "compose.yml"


class ComposeTests(SynchronousTestCase):
    """The containers of docs/cluster. No test starts them: what can be read in the file is checked."""

    def setUp(self) -> None:
        with open(COMPOSE, encoding="utf-8") as file:
            self.compose = yaml.safe_load(file)
        self.services: dict[str, dict[str, Any]] = self.compose["services"]

    def test_references(self) -> None:
        """Whatever a service names exists: secrets, volumes, and the services that it waits for."""
        for name, service in self.services.items():
            self.assertLessEqual(set(service.get("secrets", ())), set(self.compose["secrets"]), name)
            volumes = {each.partition(":")[0] for each in service.get("volumes", ())}
            self.assertLessEqual(volumes, set(self.compose["volumes"]), name)
            for other, wanted in service.get("depends_on", {}).items():
                if wanted["condition"] == "service_healthy":
                    self.assertIn("healthcheck", self.services[other], name)
        ports = [port.partition(":")[0] for service in self.services.values() for port in service.get("ports", ())]
        self.assertEqual(ports, ["8421", "8422", "8423"])

    def test_commands(self) -> None:
        """Our parsers take each command; a server has the engines that the tables were made for."""
        servers = 0
        for service in self.services.values():
            words = shlex.split(service.get("command", ""))
            if words[:2] == ["homeftp", "serve"]:
                servers += 1
                options = Options()
                options.parseOptions(words[2:])
                self.assertEqual((options.settings.root, options.settings.objects), self.engines)
                self.assertEqual(options.settings.metrics, ("tcp:9421",))
                self.assertIn("127.0.0.1:9421/health", service["healthcheck"]["test"][-1])
                self.assertGreater(int(service["stop_grace_period"].rstrip("s")), Limits().shutdown_seconds)
        self.assertEqual(servers, 3)

    @property
    def engines(self) -> tuple[str, str]:
        """The URLs of the database and the bucket for which the tables are made."""
        words = shlex.split(self.services["init"]["command"])
        found = build_parser(["cluster"]).parse_args(words[1:])
        self.assertEqual((words[0], found.action), ("homeftp", "init"))
        self.assertEqual(urlsplit(found.database).hostname, "database")
        return found.database, found.objects

    def test_health(self) -> None:
        """The health check of a server is a program that fails where the server is not healthy, and not otherwise."""
        *command, program = self.services["first"]["healthcheck"]["test"]
        self.assertEqual(command, ["CMD", "python", "-c"])
        for status, code in ((200, 0), (503, 1)):
            with answering(status) as port:
                done = subprocess.run(
                    [sys.executable, "-c", program.replace(":9421", f":{port}")], capture_output=True, check=False
                )
            self.assertEqual(done.returncode, code, done.stderr)

    def test_telemetry(self) -> None:
        """SeaweedFS sends its makers statistics unless it is told not to, and it is."""
        described = subprocess.run([weed(), "server", "-h"], capture_output=True, text=True, check=False)
        self.assertRegex(described.stdout + described.stderr, r"-master\.telemetry\n.*\(default true\)")
        self.assertIn("-master.telemetry=false", shlex.split(self.services["objects"]["command"]))

    def test_objects(self) -> None:
        """The bucket is healthy when its gateway answers: the tables are made then, and that needs it."""
        port = urlsplit(self.services["first"]["environment"]["AWS_ENDPOINT_URL"]).port
        shell, program = self.services["objects"]["healthcheck"]["test"]
        url = program.split()[-1]
        self.assertEqual((shell, urlsplit(url).netloc), ("CMD-SHELL", f"127.0.0.1:{port}"))
        server = SeaweedFS()
        self.addCleanup(server.stop)
        with urllib.request.urlopen(url.replace(f":{port}", f":{server.port}"), timeout=10) as answer:
            self.assertEqual(answer.status, 200)


@contextlib.contextmanager
def answering(status: int) -> Iterator[int]:
    """A web server that answers one request with this status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        yield server.server_port
    finally:
        thread.join()
        server.server_close()
