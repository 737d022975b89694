"""The state of the server's scrub: how far the pass is, and what is damaged. It is kept in a file in the state folder.

The server writes the file; `homeftp verify` reads it, whether a server runs or not.
"""

from __future__ import annotations

import os

import attrs
import msgspec

from homeftp.crypto.secretfiles import read_private, write_private
from homeftp.errors import counted
from homeftp.model import Damage

FILE = "scrub.json"
"""Inside the state folder."""

_NAMED = 3
"""Damaged files and versions that the summary names."""

MOST_NAMES = 1000
"""Damaged files and versions that the state names: a disk that fails may have damaged all."""


@attrs.frozen(kw_only=True)
class ScrubState:
    """The counts of one pass over all files and versions, and what is damaged now."""

    root: str
    """The folder or the URL that is served."""
    known: bool = False
    """Whether the server could change the store: without its metadata directory its disk is not mounted then."""
    began_us: int = 0
    """When this pass began: microseconds since 1970 UTC; 0: none has begun."""
    ended_us: int = 0
    """When it ended; 0: it has not."""
    before_us: int = 0
    """When the pass before it ended; 0: there was none."""
    files: int = 0
    """Files that were read in this pass."""
    versions: int = 0
    """Versions that were read in this pass."""
    size: int = 0
    """Bytes that were read in this pass."""
    found: int = 0
    """Damages that this pass has found."""
    mended: int = 0
    """Damages among them that were mended at once."""
    damaged: tuple[Damage, ...] = ()
    """Damage that is there now, at most `MOST_NAMES` of it; names are relative to the root."""
    damaged_total: int = 0
    """The number of files and versions that are damaged now."""

    @property
    def summary(self) -> str:
        """How far the pass is and what is damaged, in words for the owner."""
        read = f"{counted(self.files, 'file')} and {counted(self.versions, 'version')} read"
        done = read if self.ended_us else f"{read} so far" if self.began_us else "not begun yet"
        if not self.damaged_total:
            return f"{done}; no damage found" if self.began_us else done
        names = [each.name + ("" if each.at_us is None else " (a version)") for each in self.damaged[:_NAMED]]
        more = ", …" if self.damaged_total > len(names) else ""
        return f"{done}; {self.damaged_total:,} damaged: {', '.join(names)}{more}"


def load_scrub_state(folder: str) -> ScrubState | None:
    """The state in a state folder; None where there is none that can be understood.

    Raises `OperatorError` where others may read the file, or where it cannot be read.
    """
    content = read_private(os.path.join(folder, FILE))
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=ScrubState)
    except msgspec.DecodeError:
        return None


def save_scrub_state(folder: str, state: ScrubState) -> None:
    """Replace the state in a state folder. Raises `OperatorError` where it cannot be written."""
    write_private(os.path.join(folder, FILE), msgspec.json.encode(state))
