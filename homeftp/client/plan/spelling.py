"""The local names of what is fetched, where those on the server are escaped."""

from __future__ import annotations

from homeftp.client.escapes import ESCAPE, ESCAPES, unescape_name
from homeftp.client.files.model import LocalTree
from homeftp.client.files.names import NO_LOCAL_NAME
from homeftp.client.plan.listing import RemoteListing


def spell(listing: RemoteListing, tree: LocalTree) -> None:
    """Note in `tree` the local name of each escaped name in the listing, so that it is written under that.

    A name that no local name has on the wire fails, with everything below it: two files could get the same name.
    """
    if tree.selector.strict_names or not ESCAPES:
        return
    failed: set[str] = set()
    for name in [name for name in listing.entries if ESCAPE in name]:
        above, _, last = name.rpartition("/")
        local = unescape_name(last)
        if above in failed or local is None:
            failed.add(name)
            del listing.entries[name]
            if above not in failed:
                listing.failed.append((name, NO_LOCAL_NAME))
        elif local != last and name not in tree.local_names:
            tree.local_names[name] = local
