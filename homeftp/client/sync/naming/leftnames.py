"""Finding names of the server that a sync leaves out because of names here. No input and no output."""

from __future__ import annotations

from typing import Mapping

from homeftp.client.files.model import LocalTree
from homeftp.client.sync.model import Unsynced


def other_spellings(tree: LocalTree) -> Mapping[str, Unsynced]:
    """The names under which the server may have what failed here because of its name, and which are left out with it.

    With or without `--strict-names`: a sync that knows the other rule for names may have agreed on them. A file that
    has such a name itself by the rule of now is reported.
    """
    found = {}
    for name, failed in tree.other_names.items():
        is_taken = name in tree.files or name in tree.directories
        last = failed.rpartition("/")[2]
        reason = f"'{last}' beside it may have this name on the server, and cannot be synced: rename one of them"
        found[name] = Unsynced(reason, failed=True, is_reported=is_taken)
    return found
