"""`homeftp verify` on the server's machine: reads the shared folder and its versions, without a connection."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from homeftp.cli.owner.statedir import state_dir
from homeftp.cli.terminal.verification import VerifyReport
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.control.scrubstate import ScrubState


def run(options: argparse.Namespace) -> int:
    """Verify the shared folder, whether the server runs or not; returns the exit code.

    The store marks what is damaged, and the server refuses it from then on. The server mends what it has a copy of,
    while it runs or once it is started.
    """
    from homeftp.audit.log import Audit
    from homeftp.endpoint import ROOT
    from homeftp.interfaces import StoreOptions
    from homeftp.store.factory import inspect_store

    folder = state_dir(options)
    state = _served(folder, options)
    audit = Audit(folder).open()
    try:
        store = inspect_store(
            state.root, StoreOptions(state_dir=folder, known=state.known, record_changes=audit.changed)
        )
        try:
            report = VerifyReport(options, state.root)
            for step in store.verify(ROOT):
                report.add(step)
            return report.print_summary()
        finally:
            store.close()
    finally:
        audit.close()


def _served(folder: str, options: argparse.Namespace) -> ScrubState:
    """The state of the scrub in that state folder, which names the folder to verify; --root names another one."""
    from homeftp.control.scrubstate import ScrubState, load_scrub_state

    if options.root is not None:
        return ScrubState(root=os.path.abspath(options.root))
    state = load_scrub_state(folder)
    if state is None:
        raise OperatorError(
            f"no server has used the state folder {folder} yet. Give the server's state folder with --state, or name "
            "what to verify on another machine, as in: homeftp verify NAME:"
        )
    return state
