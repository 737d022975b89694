"""Telling the server's audit log what a command on the state folder has done."""

from __future__ import annotations

from typing import Any


class CommandAudit:
    """The log in the state folder, opened before `command` does anything: what cannot be noted is better not done.

    Raises `OperatorError` where it cannot be opened.
    """

    def __init__(self, folder: str, command: str) -> None:
        from homeftp.audit import Audit

        self._folder = folder
        self._command = command
        self._audit = Audit(folder).open()

    def note(self, event: str, account: str | None, device: str | None = None, **fields: Any) -> None:
        """Write one line; raises `OperatorError` where that fails, what was asked for being done already."""
        from homeftp.errors import OperatorError
        from homeftp.model import Actor

        try:
            self._audit.note(event, Actor(account, device, None, f"homeftp {self._command}"), **fields)
        except OSError as error:
            reason = f"it is done, but the audit log in {self._folder} cannot be written: {error.strerror}"
            raise OperatorError(reason) from None
        finally:
            self._audit.close()
