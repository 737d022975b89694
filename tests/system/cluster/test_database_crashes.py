"""The database crashes while servers write: what was acknowledged is kept, and the servers go on by themselves."""

from __future__ import annotations

import signal

from tests.support.crashcase import CrashCase


class DatabaseCrashTests(CrashCase):
    """PostgreSQL."""

    def test_crashes(self) -> None:
        """Nothing that was acknowledged is lost, nothing is stored twice, and each server finds the database again."""

        def crash(number: int) -> None:
            self.postgresql.stop(signal.SIGQUIT)
            self.postgresql.start()

        self.assert_survives(crash)
