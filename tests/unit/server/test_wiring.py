"""Composition of a server: what the settings choose, and that nothing is opened by it."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet import reactor

from homeftp.config import Settings
from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd
from homeftp.server.wiring import Server, compose
from homeftp.store.memory import MemoryStore
from tests.support.folders import QuickCase
from tests.support.linefrontend import line_front_end


class WiringCase(QuickCase):
    """A folder, and settings for a server of it."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        self.root, self.state = os.path.join(self.folder, "root"), os.path.join(self.folder, "state")
        os.makedirs(self.root)

    def compose(self, **settings: object) -> Server:
        """A server of these settings."""
        given: dict[str, object] = {"root": self.root, "state": self.state, **settings}
        return compose(Settings(**given), reactor)  # type: ignore[arg-type]


class ComposeTests(WiringCase):
    """`compose`."""

    def test_nothing_opened(self) -> None:
        """Composing creates no file, neither in the shared folder nor for the state, and opens no store."""
        server = self.compose()
        self.assertEqual(os.listdir(self.root), [])
        self.assertFalse(os.path.exists(self.state))
        self.assertRaises(AssertionError, server.store.get)

    def test_front_ends(self) -> None:
        """JSON's front end comes first, and the others follow in their order."""
        others: list[IFrontEnd] = [line_front_end(), line_front_end()]
        server = compose(Settings(root=self.root, state=self.state), reactor, front_ends=others)
        self.assertEqual(list(server.front_ends), [server.json, *others])

    def test_imports(self) -> None:
        """A server that speaks no HTTP imports nothing that parses it, nor one without SFTP its packages."""
        asked = (
            "import sys\n"
            "from homeftp.config import Settings\n"
            "from homeftp.server.wiring import compose\n"
            "from twisted.internet import reactor\n"
            "for https in (), ('tcp:0',):\n"
            f"    compose(Settings(root={self.root!r}, state={self.state!r}, https=https), reactor)\n"
            "    print(sorted({'h11', 'prometheus_client', 'python_multipart', 'twisted.conch'} & set(sys.modules)))\n"
        )
        command = [sys.executable, "-c", asked]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("[]\n['h11', 'python_multipart']\n", ""))

    def test_own_accounts(self) -> None:
        """Checkers of an application replace the server's own accounts."""
        self.assertTrue(self.compose().own_accounts)
        checker = InMemoryUsernamePasswordDatabaseDontUse()
        self.assertFalse(compose(Settings(root=self.root, state=self.state), reactor, [checker]).own_accounts)

    def test_pools(self) -> None:
        """Files, logins and revocation have a pool each: none of them delays another."""
        server = self.compose()
        self.assertEqual(len({id(pool) for pool in server.pools}), 3)
        self.assertIs(server.pools[0], server.context.workers)

    def test_one_budget(self) -> None:
        """What is sent and what is received share one budget of memory, and two servers of one process do not."""
        server, other = self.compose(), self.compose()
        files = server.context.logins.files.files(MemoryStore())
        self.assertIs(files._budget, server.context.budget)
        self.assertIsNot(server.context.budget, other.context.budget)

    def test_one_limit_of_refusals(self) -> None:
        """The refusals of an account have one limit, whatever front ends it uses."""
        server = self.compose()
        self.assertIs(server.context.logins.refusals, server.json.parts.refusals)

    def test_unknown_dispatcher(self) -> None:
        """A dispatcher that no plugin provides keeps the server from starting."""
        self.assertRaises(OperatorError, self.compose, dispatchers=("NOSUCH",))
