"""A command's connection before it connects; the system tests have the rest."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.connect.session import with_remote
from homeftp.errors import OperatorError


class SessionTests(SynchronousTestCase):
    """with_remote."""

    def test_unknown(self) -> None:
        """A server that is not known is refused before the reactor starts."""
        self.patch(os, "environ", {**os.environ, "HOMEFTP_HOME": os.path.abspath(self.mktemp())})

        async def work(reactor: Any, client: Any, context: Any) -> int:
            raise AssertionError("it has connected")

        error = self.assertRaises(OperatorError, with_remote, "nas", work)
        self.assertIn("nas", str(error))
