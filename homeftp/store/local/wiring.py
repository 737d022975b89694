"""Composes a local store: every collaborator is made here, and gets exactly the ones that it needs."""

from __future__ import annotations

import shlex

import msgspec

from homeftp.endpoint import RESERVED
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.store import StoreOptions
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.directorymaker import DirectoryMaker
from homeftp.store.local.commit.existing import ExistingEntries
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.outdated import OutdatedHashes
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.commit.renamer import NO_VERSIONS, Renamer, can_keep_versions
from homeftp.store.local.commit.similarnames import NameCollisions
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import QuotaAccounting
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.metadir import MetadataDir
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.history import LocalHistory, VersionHistory
from homeftp.store.local.integrity.mender import Mender
from homeftp.store.local.integrity.verifier import Verifier
from homeftp.store.local.listing import DirectoryLister
from homeftp.store.local.read import FileReader
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.staging.tempfile import TempFiles
from homeftp.store.local.timelines import TimelineLister
from homeftp.store.local.versions.archive import ArchiverFactory
from homeftp.store.local.versions.catalog import VersionCatalog, VersionFinder
from homeftp.store.local.versions.discard import VersionDiscarder
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.local.versions.storeclock import StoreClock
from homeftp.store.local.writes.addversions import VersionAdder
from homeftp.store.local.writes.batch import BatchWriter
from homeftp.store.local.writes.copy import Copier
from homeftp.store.local.writes.edit import Editor
from homeftp.store.local.writes.metadata import MetadataWriter
from homeftp.store.local.writes.remove import Remover
from homeftp.store.local.writes.rename import Mover
from homeftp.store.local.writes.restore import Restorer
from homeftp.store.local.writes.revert import Reverter
from homeftp.store.local.writes.rewrite import VersionRewriter
from homeftp.store.local.writes.staged import StagedFiles
from homeftp.store.local.writes.target import TargetChecker
from homeftp.store.local.writes.upload import Uploads
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import WriteLimits
from homeftp.syscalls import System


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a writable local store, one for each group of its methods. Only `LocalStore` uses them."""

    batch: BatchWriter
    uploads: Uploads
    editor: Editor
    metadata: MetadataWriter
    copier: Copier
    mover: Mover
    remover: Remover
    restorer: Restorer
    history: VersionHistory
    by_time: LocalHistory
    partials: PartialUploads
    archive: VersionArchive
    folders: VersionFolders
    accounting: QuotaAccounting
    clock: StoreClock
    verifier: Verifier
    versions: VersionAdder
    names: NameCollisions
    problems: tuple[str, ...]
    """The problems of its disk, for the owner."""

    def mount_problems(self) -> list[str]:
        """Which disks inside the folder are not mounted, for the owner; those that are mounted are remembered."""
        try:
            self.folders.learn_mounts()
            return [
                f"no disk is mounted at {place}, where one was before, and all requests for what is there are refused. "
                "Mount it; or, if it is meant to stay unmounted, confirm that with: "
                f"mkdir -p {shlex.quote(f'{place}/{RESERVED}')}"
                for place in self.folders.missing_mounts()
            ]
        except OSError as error:
            return [f"cannot find out whether the disks in the shared folder are mounted ({error.strerror})"]


def verifier(
    root: SafeRoot,
    system: System,
    cache: HashCache,
    lister: DirectoryLister,
    changelog: ChangeLog,
    options: StoreOptions,
) -> Verifier:
    """The verifier of a store that cannot be changed, or that another process has open: it mends nothing."""
    accounting = QuotaAccounting(root, None)
    folders = VersionFolders(root, None, accounting, lister.budget)
    finder = VersionFinder(root, folders, cache)
    return Verifier(root, cache, Filetypes(options.filetypes), system, lister.tree, finder, None, changelog)


def compose(
    root: SafeRoot,
    system: System,
    metadata_dir: MetadataDir,
    cache: HashCache,
    reader: FileReader,
    lister: DirectoryLister,
    changelog: ChangeLog,
    options: StoreOptions,
) -> Operations:
    """The operations of a store whose root and metadata directory are open. Raises OSError."""
    filetypes = Filetypes(options.filetypes)
    limits = WriteLimits(filetypes, options.file_size)
    accounting = QuotaAccounting(root, options.quota)
    fsync = Fsync(system, system.syncs_whole(root.fd))

    folders = VersionFolders(root, metadata_dir, accounting, lister.budget)
    clock = StoreClock(system, metadata_dir, folders.newest_us)
    temp_files = TempFiles(root, system, metadata_dir, clock.now_seconds)
    partials = PartialUploads(root, system, metadata_dir, accounting, changelog, clock.now_seconds)
    archive = VersionArchive(folders, options.retention, accounting, changelog, clock)
    catalog = VersionCatalog(root, folders, cache, archive)

    preconditions = Preconditions(root, cache, reader.open)
    space = SpaceReservation(accounting, archive, partials, changelog, options.reserved)
    archivers = ArchiverFactory(root, system, folders, archive, cache)
    names = NameCollisions(allowed=options.similar_names)
    namespace = Namespace(
        root,
        Renamer(root, system, fsync, accounting),
        archivers,
        fsync,
        names,
        OutdatedHashes(root, cache),
        changelog,
    )
    staging = () if system.keeps_order(root.fd) else (metadata_dir.folder, metadata_dir.incoming, metadata_dir.partial)
    unordered = [DirHandle(fd, same_mount=True) for fd in staging]
    maker = DirectoryMaker(root, namespace, space, changelog)
    directories = Directories(root, fsync, namespace, space, maker, changelog, unordered)
    committer = Committer(root, fsync, namespace, directories, cache)
    existing = ExistingEntries(root, filetypes, preconditions, fsync)

    keeps = not options.retention.seconds or can_keep_versions(system, metadata_dir.incoming)
    targets = TargetChecker(root, limits, preconditions, namespace)
    staged = StagedFiles(limits, space, temp_files, committer)
    uploads = Uploads(targets, limits, partials, space, committer)
    rewriter = VersionRewriter(root, system, catalog, archive, temp_files, space, fsync, changelog, cache)
    mender = Mender(root, cache, catalog, uploads, rewriter)
    remover = Remover(root, lister.tree, existing, namespace, changelog)
    restorer = Restorer(root, filetypes, catalog, archive, directories, preconditions, fsync, committer)
    return Operations(
        batch=BatchWriter(root, limits, directories, preconditions, space, temp_files, fsync, committer),
        uploads=uploads,
        editor=Editor(root, targets, staged),
        metadata=MetadataWriter(root, filetypes, preconditions, namespace, fsync, changelog),
        copier=Copier(root, filetypes, preconditions, cache, targets, staged),
        mover=Mover(
            root, filetypes, existing, preconditions, directories, namespace, fsync, committer, folders, lister.budget
        ),
        remover=remover,
        restorer=restorer,
        history=VersionHistory(root, catalog, filetypes),
        by_time=LocalHistory(
            TimelineLister(root, system, folders, cache, filetypes, lister.budget),
            catalog,
            filetypes,
            Reverter(root, archive, restorer, remover),
            VersionDiscarder(catalog, fsync, changelog),
        ),
        partials=partials,
        archive=archive,
        folders=folders,
        accounting=accounting,
        clock=clock,
        verifier=Verifier(root, cache, filetypes, system, lister.tree, catalog, mender, changelog),
        versions=VersionAdder(root, folders, temp_files, space, fsync, archivers, cache),
        names=names,
        problems=() if keeps else (NO_VERSIONS,),
    )
