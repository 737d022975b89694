"""The dispatchers that every server has."""

from __future__ import annotations

from typing import Callable, Mapping

from homeftp.dispatchers.cmp import CmpDispatcher
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.get import GetDispatcher
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.restore import RestoreDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.dispatchers.links import LinkDispatcher, LinksDispatcher, UnlinkDispatcher
from homeftp.dispatchers.move import CopyDispatcher, MoveDispatcher
from homeftp.dispatchers.push import PushDispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.dispatchers.watch import WatchDispatcher
from homeftp.interfaces import IDispatcher

BUILT_IN: Mapping[str, Callable[[], IDispatcher]] = {
    "GET": GetDispatcher,
    "CMP": CmpDispatcher,
    "PUSH": PushDispatcher,
    "SETSTAT": SetstatDispatcher,
    "DELETE": DeleteDispatcher,
    "MOVE": MoveDispatcher,
    "COPY": CopyDispatcher,
    "VERSIONS": VersionsDispatcher,
    "RESTORE": RestoreDispatcher,
    "PRUNE": PruneDispatcher,
    "VERIFY": VerifyDispatcher,
    "WATCH": WatchDispatcher,
    "LINK": LinkDispatcher,
    "LINKS": LinksDispatcher,
    "UNLINK": UnlinkDispatcher,
}
"""How each is made, by request_type."""
