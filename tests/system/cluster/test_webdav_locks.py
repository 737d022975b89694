"""A lock of WebDAV that was made at one server of a cluster holds at each of them."""

from __future__ import annotations

import signal
import time

from homeftp.cluster.database import Database
from tests.support.davcases import EXCLUSIVE
from tests.support.davservers import LOADED, PROMISED_SECONDS, DavServersCase
from tests.support.waiting import wait_until
from tests.support.webserver import WebServer


class WebDavLocksTests(DavServersCase):
    """Two servers, which each writes through."""

    def lock(self, server: WebServer, path: str = "d.odt") -> str:
        """The token of a lock that one server gives."""
        self.assertEqual(self.ask(server, "LOCK", path, EXCLUSIVE, Timeout="Second-600"), 200)
        return self.token

    def test_held(self) -> None:
        """Who has no token changes nothing through any server; who has it writes, renews and unlocks through any."""
        token = self.lock(self.first)
        for method, body, headers in (
            ("PUT", b"second", {}),
            ("DELETE", b"", {}),
            ("LOCK", EXCLUSIVE, {}),
            ("MOVE", b"", {"Destination": "/dav/moved.odt"}),
        ):
            self.assertEqual(self.ask(self.second, method, body=body, **headers), 423, method)
        self.assertEqual(self.ask(self.second, "LOCK", If=f"({token})"), 200)
        self.assertEqual(self.ask(self.second, "PUT", body=b"third", If=f"({token})"), 204)
        self.assertEqual(self.ask(self.second, "UNLOCK", Lock_Token=token), 204)
        self.assertEqual(self.ask(self.first, "PUT", body=b"fourth"), 204)
        self.assertEqual(self.ask(self.first, "UNLOCK", Lock_Token=token), 409)
        # what is moved or removed through one server loses its locks at each
        token = self.lock(self.first)
        self.assertEqual(self.ask(self.second, "MOVE", If=f"({token})", Destination="/dav/moved.odt"), 201)
        self.assertEqual(self.ask(self.first, "PUT", body=b"new"), 201)
        token = self.lock(self.second, "moved.odt")
        self.assertEqual(self.ask(self.first, "DELETE", "moved.odt", If=f"({token})"), 204)
        self.assertEqual(self.ask(self.second, "PUT", "moved.odt", b"new"), 201)

    def test_outlives(self) -> None:
        """A lock outlives its server, and the database's silence, in which nothing is written; and ends with its time.

        That is by the clock of the database.
        """
        token = self.lock(self.first)
        with self.engine.frozen():
            for method, body, headers in (
                ("PUT", b"x", {"If": f"({token})"}),
                ("LOCK", EXCLUSIVE, {}),
                ("UNLOCK", b"", {"Lock_Token": token}),
            ):
                began = time.monotonic()
                self.assertEqual(self.ask(self.second, method, body=body, **headers), 503, method)
                self.assertLess(time.monotonic() - began, PROMISED_SECONDS * LOADED)
        wait_until(lambda: self.ask(self.second, "GET") == 200)
        self.assertEqual(self.content, b"first")
        self.first.end(signal.SIGKILL)
        self.assertEqual(self.ask(self.second, "PUT", body=b"second"), 423)
        database = Database(self.url, connections=1)
        self.addCleanup(database.close)
        later = "UPDATE webdav_lock SET ends = ends - interval '600 seconds'"
        self.assertEqual(database.transact(lambda transaction: transaction.execute(later)), 1)
        self.assertEqual(self.ask(self.second, "PUT", body=b"second"), 204)
