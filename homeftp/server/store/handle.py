"""The store of a server, which is opened at its start and closed at its stop; its changes are recorded and told."""

from __future__ import annotations

from typing import Callable, Protocol, Sequence

from twisted.logger import Logger

from homeftp.audit.log import Audit
from homeftp.config import Settings
from homeftp.files.watches.hub import ChangeHub
from homeftp.interfaces import IStore, StoreOptions
from homeftp.interfaces.store import Journal
from homeftp.model import MENDER, Change
from homeftp.server.store.roots import KnownRoots
from homeftp.store.factory import check_store, open_store


class StoreMember(Protocol):
    """A member of the cluster that has the store, as this module needs it."""

    def store_id(self) -> str | None:
        """The id of the store. It changes when its database was restored, or a replica took over."""

    def journal(self, audit: Audit) -> Journal:
        """Records changes in the transaction that makes them."""


class StoreHandle:
    """The server's store: opened at the start, and closed at the stop."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        audit: Audit,
        hub: ChangeHub,
        member: StoreMember | None,
        tell_others: Callable[[], object] = lambda: None,
    ) -> None:
        """`member`: of the cluster that has the store; None: the server has a folder of its own.

        `tell_others` is called, in any thread, when this server has changed something: in a cluster others watch too.
        """
        self._settings = settings
        self._audit = audit
        self._hub = hub
        self._member = member
        self._tell_others = tell_others
        self._roots = KnownRoots(settings.state, settings.root)
        self._store: IStore | None = None
        self._id: str | None = None

    @property
    def id(self) -> str | None:
        """The id of the store (`KnownRoots.id`, `StoreMember.store_id`), while it is open."""
        return self._id if self._member is None else self._member.store_id()

    def check(self) -> None:
        """Raise `OperatorError` for what `open` would refuse, as far as that shows without opening."""
        check_store(self._settings.root, self._options, self._settings.plugin_dirs)

    def open(self) -> IStore:
        """Open the store. Raises `OperatorError`."""
        self._store = store = open_store(self._settings.root, self._options, self._settings.plugin_dirs)
        if store.read_only is None:
            self._roots.add()
        self._id = self._roots.id()
        return store

    @property
    def _options(self) -> StoreOptions:
        settings = self._settings
        return StoreOptions(
            state_dir=settings.state,
            known=self._roots.is_known(),
            filetypes=settings.filetypes,
            file_size=settings.limits.file_size,
            retention=settings.retention,
            quota=settings.quota,
            objects=settings.objects,
            reserved=settings.limits.reserved,
            similar_names=settings.similar_names,
            record_changes=self._record,
            journal=None if self._member is None else self._member.journal(self._audit),
        )

    def _record(self, changes: Sequence[Change]) -> None:
        """Write changes to the audit log, what is damaged, or mended, to the server's log, and tell who watches.

        A change that cannot be recorded yet has been made, and is told. Those of a cluster were recorded together with
        them.
        """
        for change in changes:
            if change.what == "damage":
                self._log.error(
                    "{kind} {where} is damaged: the disk has not kept its content ({hash})",
                    kind=change.kind,
                    where=change.endpoint.whole,
                    hash=change.hash,
                )
            elif change.what in ("replace", "mend") and change.actor == MENDER:
                self._log.info(
                    "{kind} {where} is mended: its content was copied from a version or from another file",
                    kind=change.kind,
                    where=change.endpoint.whole,
                )
        try:
            if self._member is None:
                self._audit.changed(changes)
        finally:
            self._hub.publish(changes)
            self._tell_others()

    def get(self) -> IStore:
        """The store, while it is open."""
        assert self._store is not None, "the server has not started"
        return self._store

    def close(self) -> None:
        """Close the store, if it is open; raises `UnrecordedChanges`."""
        store, self._store = self._store, None
        if store is not None:
            store.close()
