"""Telling the server's audit log what a command on the state folder has done."""

from __future__ import annotations

from typing import Any


def note(folder: str, event: str, command: str, account: str | None, device: str | None = None, **fields: Any) -> None:
    """Write one line; raises `SetupError` where the log cannot be written, what was asked for being done already."""
    from homeftp.audit import Audit
    from homeftp.errors import SetupError
    from homeftp.values import By

    audit = Audit(folder)
    try:
        audit.note(event, By(account, device, None, f"homeftp {command}"), **fields)
    except OSError as error:
        raise SetupError(f"it is done, but the audit log in {folder} cannot be written: {error.strerror}") from None
    finally:
        audit.close()
