"""The front ends of the tests: what they implement. tests/system/test_frontends.py serves with them."""

from __future__ import annotations

import ast
from pathlib import Path
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass, verifyObject

from homeftp.interfaces import IConnection, IFrontEnd
from tests.support import smallfrontend
from tests.support.linefrontend import PATH, LineProtocol, line_front_end
from tests.support.smallfrontend import SmallFrontEnd, SmallProtocol


class FrontEndTests(SynchronousTestCase):
    """The smallest front end and the tutorial's."""

    def test_interfaces(self) -> None:
        """Both are what the interfaces say: the smallest in under sixty lines, the tutorial's in under a hundred."""
        for front_end, protocol, path, most in (
            (SmallFrontEnd(), SmallProtocol, Path(smallfrontend.__file__), 60),
            (line_front_end(), LineProtocol, PATH, 110),
        ):
            verifyObject(IFrontEnd, front_end)
            verifyClass(IConnection, protocol)
            module = ast.parse(path.read_text(encoding="utf-8"))
            classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
            lines = [line for node in classes for line in ast.unparse(node).splitlines() if line.strip(' "')]
            self.assertLess(len(lines), most, path)

    def test_hangs_up_early(self) -> None:
        """A login that is complete after its connection has ended is closed."""
        login = mock.Mock()
        pending: Deferred[object] = Deferred()
        context = mock.Mock()
        context.logins.login.return_value = pending
        protocol = LineProtocol(context, "192.0.2.1")
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(b"LOGIN ann secret\nLOGIN ann secret\n")
        protocol.connectionLost()
        pending.callback(login)
        login.close.assert_called_once_with()
        login.add_connection.assert_not_called()
        context.logins.login.assert_called_once()
