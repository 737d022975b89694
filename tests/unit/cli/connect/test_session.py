"""A command's connection before it connects; the system tests have the rest."""

from __future__ import annotations

import gc
import os
from typing import Any

from homeftp.cli.connect.session import with_client, with_remote
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class SessionTests(QuickCase):
    """with_remote and with_client."""

    def test_unknown(self) -> None:
        """A server that is not known is refused before the reactor starts."""
        self.patch(os, "environ", {**os.environ, "HOMEFTP_HOME": os.path.abspath(self.mktemp())})

        async def work(*arguments: Any) -> int:
            raise AssertionError("it has connected")

        for connecting in (with_remote, with_client):
            error = self.assertRaises(OperatorError, connecting, "nas", work)
            self.assertIn("nas", str(error))
        self.assertTrue(gc.isenabled(), "garbage is collected in programs that call this")
