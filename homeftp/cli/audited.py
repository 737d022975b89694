"""Telling the server's audit log what a command on the state folder has done."""

from __future__ import annotations

from typing import Any


class Log:
    """The log in the state folder, opened before `command` does anything: what cannot be noted is better not done.

    Raises `SetupError` where it cannot be opened.
    """

    def __init__(self, folder: str, command: str) -> None:
        from homeftp.audit import Audit

        self._folder = folder
        self._command = command
        self._audit = Audit(folder)

    def note(self, event: str, account: str | None, device: str | None = None, **fields: Any) -> None:
        """Write one line; raises `SetupError` where that fails, what was asked for being done already."""
        from homeftp.errors import SetupError
        from homeftp.values import By

        try:
            self._audit.note(event, By(account, device, None, f"homeftp {self._command}"), **fields)
        except OSError as error:
            reason = f"it is done, but the audit log in {self._folder} cannot be written: {error.strerror}"
            raise SetupError(reason) from None
        finally:
            self._audit.close()
