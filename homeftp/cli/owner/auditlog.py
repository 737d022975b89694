"""Writing what an owner's command has done to the server's audit log."""

from __future__ import annotations

from typing import Any


class CommandAudit:
    """The audit log in the state folder, opened before `command` changes anything.

    Raises `OperatorError` when the log cannot be opened, because a change that cannot be recorded must not be made.
    """

    def __init__(self, folder: str, command: str) -> None:
        from homeftp.audit.log import Audit

        self._folder = folder
        self._command = command
        self._audit = Audit(folder).open()

    def note(self, event: str, account: str | None, device: str | None = None, **fields: Any) -> None:
        """Write one record; raises `OperatorError` when that fails, although the change has been made."""
        from homeftp.errors import OperatorError
        from homeftp.model import Actor

        try:
            self._audit.note(event, Actor(account, device, None, f"homeftp {self._command}"), **fields)
        except OSError as error:
            message = f"done, but the audit log in {self._folder} could not be written: {error.strerror}"
            raise OperatorError(message) from None
        finally:
            self._audit.close()
