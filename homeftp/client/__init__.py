"""The client library for Twisted programs; the command line is built on it.

    async with open_remote("nas") as nas:  # a server that this machine is paired with
        await nas.upload("Photos", "Photos")
        download = await nas.get("notes/a.txt")
        text = await download.read_all(limit=1024)

Everything that takes time is a coroutine: await it in one, or start it with
`Deferred.fromCoroutine`. `homeftp.errors` holds the refusals of a server, and
`homeftp.client.aio` is for programs that use asyncio.

Only the public names are here; the modules that define them are imported on
first use, so that the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeftp.client.api import Client
    from homeftp.client.askeddigests import AskedDigests
    from homeftp.client.connection.address import Address, parse_address
    from homeftp.client.connection.replies import Comparison, Hello, ServerLimits, Verdict
    from homeftp.client.connection.resolver import NameResolver
    from homeftp.client.connection.response import IListener, Part, ResponseStream
    from homeftp.client.dial import ServerIdentity, connect, fetch_server_identity
    from homeftp.client.download import Download
    from homeftp.client.errors import (
        AllAddressesFailed,
        ConnectionFailed,
        Corrupted,
        NoTrustedServer,
        ProtocolViolation,
    )
    from homeftp.client.hashedlist import list_with_hashes
    from homeftp.client.known.dialing import IClientReactor, connect_remote
    from homeftp.client.known.discover import AnnouncedServer, browse
    from homeftp.client.known.machine import Machine
    from homeftp.client.known.pairing import PairingResult, pair
    from homeftp.client.known.remotes import (
        Remote,
        Remotes,
        client_folder,
        hash_cache_path,
        pair_status_path,
        seen_path,
        sync_path,
    )
    from homeftp.client.manage.folders import make_folder
    from homeftp.client.manage.moving import PlannedMove, carry_out_move, plan_moves
    from homeftp.client.manage.removing import find_removable, names_everything
    from homeftp.client.manage.usage import FolderUsage, folder_usage
    from homeftp.client.opening.remote import RemoteClient, RemoteOpening, open_remote
    from homeftp.client.opening.resources import TransferResources
    from homeftp.client.opening.summary import SyncSummary, TransferIncomplete, TransferSummary
    from homeftp.client.plan.cmp import cmp
    from homeftp.client.plan.get import get
    from homeftp.client.plan.globs import expand_pattern
    from homeftp.client.plan.paths import RemotePath, parse_remote_path
    from homeftp.client.plan.push import push
    from homeftp.client.plan.stdio import get_stream, push_stream
    from homeftp.client.reconnector import IReconnector, Reconnector
    from homeftp.client.remotehash import hashed_entry
    from homeftp.client.seen.lastseen import LastSeen
    from homeftp.client.seen.store import SeenScope, SeenStore
    from homeftp.client.selection import DEFAULT_SELECTION, Selection, parse_names
    from homeftp.client.sync.archive import SyncArchive
    from homeftp.client.sync.conflicts import Conflict, find_conflicts, resolve_conflict
    from homeftp.client.sync.local.marker import FolderLock, lock_synced
    from homeftp.client.sync.local.pairstatus import MOST_WAITING, PairLock, PairStatus, StatusFolder, WaitingFile
    from homeftp.client.sync.merge.texts import require_merge_library
    from homeftp.client.sync.model import (
        Act,
        Direction,
        Preference,
        Side,
        SyncAction,
        SyncNode,
        SyncOptions,
        SyncPlan,
    )
    from homeftp.client.sync.planfile import PlanFile, plan_lines, read_plan
    from homeftp.client.sync.run import SyncDeclined, SyncRequest, SyncResult, run_sync
    from homeftp.client.sync.scope import Scope
    from homeftp.client.sync.watching import ChangeSignal, LocalWatch, follow_server, keep_in_step
    from homeftp.client.transfer.model import (
        CopyStat,
        DeletionPlan,
        FileResult,
        Outcome,
        TransferContext,
        TransferOptions,
    )
    from homeftp.client.transfer.observer import TransferObserver
    from homeftp.client.writer import Writer

_MODULES = {
    "api": ("Client",),
    "askeddigests": ("AskedDigests",),
    "connection.address": ("Address", "parse_address"),
    "connection.replies": ("Comparison", "Hello", "ServerLimits", "Verdict"),
    "connection.resolver": ("NameResolver",),
    "connection.response": ("IListener", "Part", "ResponseStream"),
    "dial": ("ServerIdentity", "connect", "fetch_server_identity"),
    "download": ("Download",),
    "errors": ("AllAddressesFailed", "ConnectionFailed", "Corrupted", "NoTrustedServer", "ProtocolViolation"),
    "hashedlist": ("list_with_hashes",),
    "known.dialing": ("IClientReactor", "connect_remote"),
    "known.discover": ("AnnouncedServer", "browse"),
    "known.machine": ("Machine",),
    "known.pairing": ("PairingResult", "pair"),
    "known.remotes": (
        "Remote",
        "Remotes",
        "client_folder",
        "hash_cache_path",
        "pair_status_path",
        "seen_path",
        "sync_path",
    ),
    "manage.folders": ("make_folder",),
    "manage.moving": ("PlannedMove", "carry_out_move", "plan_moves"),
    "manage.removing": ("find_removable", "names_everything"),
    "manage.usage": ("FolderUsage", "folder_usage"),
    "opening.remote": ("RemoteClient", "RemoteOpening", "open_remote"),
    "opening.resources": ("TransferResources",),
    "opening.summary": ("SyncSummary", "TransferIncomplete", "TransferSummary"),
    "plan.cmp": ("cmp",),
    "plan.get": ("get",),
    "plan.globs": ("expand_pattern",),
    "plan.paths": ("RemotePath", "parse_remote_path"),
    "plan.push": ("push",),
    "plan.stdio": ("get_stream", "push_stream"),
    "reconnector": ("IReconnector", "Reconnector"),
    "remotehash": ("hashed_entry",),
    "selection": ("DEFAULT_SELECTION", "Selection", "parse_names"),
    "seen.lastseen": ("LastSeen",),
    "seen.store": ("SeenScope", "SeenStore"),
    "sync.archive": ("SyncArchive",),
    "sync.conflicts": ("Conflict", "find_conflicts", "resolve_conflict"),
    "sync.local.marker": ("FolderLock", "lock_synced"),
    "sync.local.pairstatus": ("MOST_WAITING", "PairLock", "PairStatus", "StatusFolder", "WaitingFile"),
    "sync.merge.texts": ("require_merge_library",),
    "sync.model": ("Act", "Direction", "Preference", "Side", "SyncAction", "SyncNode", "SyncOptions", "SyncPlan"),
    "sync.planfile": ("PlanFile", "plan_lines", "read_plan"),
    "sync.run": ("SyncDeclined", "SyncRequest", "SyncResult", "run_sync"),
    "sync.scope": ("Scope",),
    "sync.watching": ("ChangeSignal", "LocalWatch", "follow_server", "keep_in_step"),
    "transfer.model": (
        "CopyStat",
        "DeletionPlan",
        "FileResult",
        "Outcome",
        "TransferContext",
        "TransferOptions",
    ),
    "transfer.observer": ("TransferObserver",),
    "writer": ("Writer",),
}
"""The module of each public name."""

__all__ = [
    "DEFAULT_SELECTION",
    "MOST_WAITING",
    "Act",
    "Address",
    "AllAddressesFailed",
    "AnnouncedServer",
    "AskedDigests",
    "ChangeSignal",
    "Client",
    "Comparison",
    "Conflict",
    "ConnectionFailed",
    "CopyStat",
    "Corrupted",
    "DeletionPlan",
    "Direction",
    "Download",
    "FileResult",
    "FolderLock",
    "FolderUsage",
    "Hello",
    "IClientReactor",
    "IListener",
    "IReconnector",
    "LastSeen",
    "LocalWatch",
    "Machine",
    "NameResolver",
    "NoTrustedServer",
    "Outcome",
    "PairLock",
    "PairStatus",
    "PairingResult",
    "Part",
    "PlanFile",
    "PlannedMove",
    "Preference",
    "ProtocolViolation",
    "Reconnector",
    "Remote",
    "RemoteClient",
    "RemoteOpening",
    "RemotePath",
    "Remotes",
    "ResponseStream",
    "Scope",
    "SeenScope",
    "SeenStore",
    "Selection",
    "ServerIdentity",
    "ServerLimits",
    "Side",
    "StatusFolder",
    "SyncAction",
    "SyncArchive",
    "SyncDeclined",
    "SyncNode",
    "SyncOptions",
    "SyncPlan",
    "SyncRequest",
    "SyncResult",
    "SyncSummary",
    "TransferContext",
    "TransferIncomplete",
    "TransferObserver",
    "TransferOptions",
    "TransferResources",
    "TransferSummary",
    "Verdict",
    "WaitingFile",
    "Writer",
    "browse",
    "carry_out_move",
    "client_folder",
    "cmp",
    "connect",
    "connect_remote",
    "expand_pattern",
    "fetch_server_identity",
    "find_conflicts",
    "find_removable",
    "folder_usage",
    "follow_server",
    "get",
    "get_stream",
    "hash_cache_path",
    "hashed_entry",
    "keep_in_step",
    "list_with_hashes",
    "lock_synced",
    "make_folder",
    "names_everything",
    "open_remote",
    "pair",
    "pair_status_path",
    "parse_address",
    "parse_names",
    "parse_remote_path",
    "plan_lines",
    "plan_moves",
    "push",
    "push_stream",
    "read_plan",
    "require_merge_library",
    "resolve_conflict",
    "run_sync",
    "seen_path",
    "sync_path",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(f"homeftp.client.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
