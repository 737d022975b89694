"""What is asked of a store while faults are put into its system calls: one table.

A new operation is one more `Scenario` in `SCENARIOS`, and nothing else: what lies
in the store before, the calls, and what each answer promises. Every fault is
then tried at every system call of it.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import closing
from typing import Any, Callable, Mapping, Sequence

import attrs

from homeftp.config import DAY
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Internal
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.history.changes import Reversion, VersionId
from homeftp.model import ABSENT as EXPECTED_ABSENT
from homeftp.model import SECOND_US, SERVER, Entry, ResumePoint, WriteRequest
from homeftp.server.sftp.wire.numbers import OpenFlag
from homeftp.store.local.history import LocalHistory
from homeftp.store.local.staging.resumerecord import ResumeRecord, encode_point
from homeftp.store.local.store import LocalStore
from tests.support.sftppackets import Answer, Raw, u64
from tests.support.sftppackets import attrs as attributes
from tests.support.sftpstore import StoreClient
from tests.support.stores import LONG_AGO, put_of, sha

ABSENT = "absent"
"""The state of a path where nothing is."""

VERSIONS, PARTIAL = ".homeftp/versions", ".homeftp/partial"

DIRECTORY = "directory"
"""The state of a path where a directory is; a file's is its content's hash."""

_CHANCE = random.Random(1)
OLD = _CHANCE.randbytes(70_000)
LARGE = _CHANCE.randbytes(700_000)
HUGE = _CHANCE.randbytes(8 * 2**20 + 1)
"""Past what is written at once before the disk is told to begin."""
HUGE_CUT = 2**22
"""Bytes of it that arrive before a cut."""
SMALL = [_CHANCE.randbytes(size) for size in (5000, 1, 12_000, 0, 3000, 800)]


@attrs.frozen
class Asked:
    """One call of the store, and what each of its answers promises."""

    call: Callable[[LocalStore], Sequence[object]]
    """Gives or raises what the store does; an exception among the answers is a refusal."""
    promises: Sequence[Mapping[str, str]]
    """For each answer, in order: the state of the paths that it speaks of, from then on."""
    in_steps: bool = False
    """Whether some of it may have been done where it is refused."""


@attrs.frozen
class Scenario:
    """A store that some things are asked of, one after the other."""

    before: Mapping[str, bytes]
    """The files that are there at first. What lies in `.homeftp` is a version, or a crash's."""
    asked: Sequence[Asked]
    starts: bool = False
    """Whether faults are put into the start of the store as well."""
    stored: Mapping[str, bytes] = attrs.field(factory=dict)
    """What files had when they were stored, as the hash cache knows it; those that have another content are damaged."""

    discards: bool = False
    """Whether versions are removed for good."""

    @property
    def promises(self) -> list[Mapping[str, str]]:
        """Those of all answers, in order."""
        return [promise for asked in self.asked for promise in asked.promises]

    @property
    def in_steps(self) -> list[bool]:
        """Of each answer, whether some of what it promises may stand where it is a refusal."""
        return [asked.in_steps for asked in self.asked for _ in asked.promises]

    @property
    def has_versions(self) -> bool:
        """Whether there is something that can be removed for new files."""
        return any(name.startswith(VERSIONS) for name in self.before)

    @property
    def writes(self) -> bool:
        """Whether it brings content that was not there."""
        known = {ABSENT, DIRECTORY, file(b""), *map(file, self.before.values())}
        return any(state not in known for promise in self.promises for state in promise.values())

    def may_lose(self, name: str) -> bool:
        """Whether the first content of a path may go: that of a damaged version, or of what a crash left."""
        if name.startswith(VERSIONS):
            return self.discards or self.stored.get(name, self.before[name]) != self.before[name]
        return name.startswith(".homeftp/")

    def begun(self, answers: int) -> int:
        """How many promises may have been acted on when so many answers were given."""
        count = 0
        for asked in self.asked:
            count += len(asked.promises)
            if count > answers:
                break
        return count

    def lay(self, root: str) -> None:
        """Make the root, with what is there at first."""
        os.makedirs(root, exist_ok=True)
        for name, content in self.before.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            if not name.startswith(PARTIAL):  # which is gone after a day
                os.utime(path, ns=(LONG_AGO * 1000, LONG_AGO * 1000))
        with closing(HashCache(os.path.join(os.path.dirname(root), "index.sqlite"))) as cache:
            for name, content in self.stored.items():
                path = os.path.join(root, name)
                cache.record([CachedHash(*os.path.split(path), os.stat(path), sha(content), time.time_ns())])


def file(content: bytes) -> str:
    """The state of a path where a file with this content is."""
    return sha(content)


def stream(name: str, content: bytes, pieces: int, **changes: Any) -> Asked:
    """A large file, piece by piece."""

    def call(store: LocalStore) -> list[Entry]:
        upload = store.upload(put_of(name, content, **changes)[0])
        try:
            for _ in upload.verify_resumed():
                pass
            offset = changes.get("offset", 0)
            size = -(-(len(content) - offset) // pieces)
            for start in range(offset, len(content), size):
                upload.write(content[start : start + size])
            return [upload.commit()]
        finally:
            upload.abort()

    return Asked(call, [{name: file(content)}])


def together(files: Mapping[str, bytes], **changes: Any) -> Asked:
    """Small files, at once."""
    puts = [put_of(name, content, **changes) for name, content in files.items()]
    return Asked(lambda store: store.write_many(puts), [{name: file(content)} for name, content in files.items()])


def version(name: str) -> str:
    """Where a version of a file lies."""
    folder, name = os.path.split(name)
    return os.path.join(VERSIONS, time.strftime("%Y-%m-%d", time.gmtime()), folder, f".homeftp-00.00.00.000000-{name}")


def partial(name: str, content: bytes, size: int) -> Mapping[str, bytes]:
    """The files of an interrupted upload: the content and the resume record."""
    put = put_of(name, content)[0]
    note = ResumeRecord.of(put, None, SERVER).encode() + encode_point(ResumePoint(size, sha(content[:size])))
    return {f"{PARTIAL}/{'0' * 32}": content[:size], f"{PARTIAL}/{'0' * 32}.note": note}


def restore(name: str, content: bytes) -> Asked:
    """The newest version, put back."""
    return Asked(lambda store: [store.restore(parse(name), None, None)], [{name: file(content)}])


MIDNIGHT_US = int(time.time() // DAY * DAY) * SECOND_US
"""The time of the versions that `version` names: microseconds since 1970."""


def history(store: LocalStore) -> LocalHistory:
    """The versions by time."""
    found = store.history()
    assert found is not None, "the store keeps versions"
    return found


def revert(versions: Mapping[str, bytes], *added: str) -> Asked:
    """Versions that are put back together, while files that were not there become versions."""
    wanted = [
        *(Reversion(parse(name), MIDNIGHT_US) for name in versions),
        *(Reversion(parse(name), None) for name in added),
    ]
    promises = [*({name: file(content)} for name, content in versions.items()), *({name: ABSENT} for name in added)]
    return Asked(lambda store: history(store).revert(wanted), promises)


def discard(*names: str) -> Asked:
    """Versions that are removed for good: no current file changes."""
    versions = [VersionId(parse(name), MIDNIGHT_US) for name in names]
    return Asked(lambda store: history(store).remove_versions(versions), [{} for _ in names])


def remove(name: str, *below: str) -> Asked:
    """What is to go, with all that is in it."""
    gone = dict.fromkeys((name, *below), ABSENT)
    return Asked(lambda store: [sum(store.remove(parse(name), None, bool(below)))], [gone], in_steps=bool(below))


def move(name: str, content: bytes, to: str) -> Asked:
    """A file that is to have another name."""
    return Asked(lambda store: [store.move(parse(name), parse(to), None, None)], [{name: ABSENT, to: file(content)}])


def move_directory(name: str, to: str, files: Mapping[str, bytes]) -> Asked:
    """A directory that is to have another name, with the files that are in it."""
    gone = dict.fromkeys((name, *files), ABSENT)
    there = {to + path.removeprefix(name): file(content) for path, content in files.items()}
    return Asked(lambda store: [store.move(parse(name), parse(to), None, None)], [{**gone, to: DIRECTORY, **there}])


def make_directory(name: str, **changes: Any) -> Asked:
    """A directory."""
    put = WriteRequest(endpoint=parse(name), **changes)
    return Asked(lambda store: [store.make_directory(put)], [{name: DIRECTORY}])


SCENARIOS: dict[str, Scenario] = {
    "large": Scenario({"folder/file": OLD, "kept": b"kept"}, [stream("folder/file", LARGE, 3)]),
    "large expected": Scenario({"file": OLD}, [stream("file", LARGE, 2, precondition=sha(OLD))]),
    "large new": Scenario({}, [stream("new/er/file", LARGE, 2, precondition=EXPECTED_ABSENT)]),
    "huge": Scenario({"file": OLD}, [stream("file", HUGE, 2)]),
    "small": Scenario(
        {"file": OLD}, [together({"file": SMALL[0]}, precondition=sha(OLD)), together({"file": SMALL[1]})]
    ),
    "together": Scenario(
        {"one": OLD, "folder/two": SMALL[5], "kept": b"kept"},
        [together(dict(zip(("one", "folder/two", "three", "folder/four", "new/er/five"), SMALL, strict=False)))],
    ),
    "together new": Scenario({}, [together({"a": SMALL[0], "b/c": SMALL[1]}, precondition=EXPECTED_ABSENT)]),
    "directory": Scenario(
        {"folder/kept": b"kept"},
        [make_directory("folder/new/er", mode=0o750, mtime_us=LONG_AGO), make_directory("folder", mode=0o700)],
    ),
    "restore": Scenario(
        {"folder/file": OLD, version("folder/file"): SMALL[0], version("new/gone"): SMALL[2]},
        [restore("folder/file", SMALL[0]), restore("new/gone", SMALL[2])],
    ),
    "revert": Scenario(
        {
            "folder/file": OLD,
            "folder/added": SMALL[4],
            version("folder/file"): SMALL[0],
            version("new/gone"): SMALL[2],
            version("new/er/gone"): SMALL[5],
        },
        [revert({"folder/file": SMALL[0], "new/gone": SMALL[2], "new/er/gone": SMALL[5]}, "folder/added")],
    ),
    "discard": Scenario(
        {"file": OLD, version("file"): SMALL[0], version("folder/gone"): SMALL[2]},
        [discard("file", "folder/gone")],
        discards=True,
    ),
    "remove": Scenario(
        {"file": OLD, "folder/sub/one": SMALL[2], "folder/two": SMALL[4]},
        [remove("file"), remove("folder", "folder/sub", "folder/sub/one", "folder/two")],
    ),
    "move": Scenario(
        {"file": OLD, "to/file": SMALL[2], "folder/one": SMALL[4]},
        [move("file", OLD, "to/file"), move_directory("folder", "new/folder", {"folder/one": SMALL[4]})],
    ),
    "resume": Scenario({"file": OLD, **partial("file", HUGE, HUGE_CUT)}, [stream("file", HUGE, 2, offset=HUGE_CUT)]),
    "start": Scenario(
        {"kept": OLD, ".homeftp/incoming/orphan": OLD, ".homeftp/incoming/another": b""},
        [together({"kept": SMALL[2]})],
        starts=True,
    ),
}
"""By name: the smallest set that reaches every system call of every operation that changes something."""


def verify(name: str, content: bytes) -> Asked:
    """Everything is read again, and one damaged file or version is mended."""

    def call(store: LocalStore) -> list[object]:
        damages = [damage for step in store.verify(ROOT) for damage in step.damages]
        return [damages if [damage.mended for damage in damages] == [True] else Internal(f"found {damages}")]

    return Asked(call, [{name: file(content)}])


MENDING: dict[str, Scenario] = {
    "mend from a file": Scenario(
        {"damaged": OLD, "folder": b"kept", "copy": OLD[::-1]},
        [verify("damaged", OLD[::-1])],
        stored={"damaged": OLD[::-1], "copy": OLD[::-1]},
    ),
    "mend from a version": Scenario(
        {"damaged": OLD, version("damaged"): OLD[::-1]},
        [verify("damaged", OLD[::-1])],
        stored={"damaged": OLD[::-1]},
    ),
    "mend a version": Scenario(
        {"damaged": OLD[::-1], version("damaged"): OLD},
        [verify("damaged", OLD[::-1])],
        stored={"damaged": OLD[::-1], version("damaged"): OLD[::-1]},
    ),
}
"""Those that find damage: they change what the hash cache knows as well, and have a verdict of their own."""

_CLIENT = StoreClient()
"""The client of SFTP, which keeps its session from one call to the next."""


def sftp(kind: int, *fields: Any, promise: Mapping[str, str] | None = None) -> Asked:
    """One request of SFTP; most promise nothing."""
    return Asked(lambda store: [_CLIENT.ask(store, kind, *fields)], [promise or {}])


def sftp_file(name: str, flags: int, content: bytes, parts: Mapping[int, bytes]) -> list[Asked]:
    """OPEN, a WRITE for each of some parts, FSETSTAT, and CLOSE, which gives the file this content.

    The time that is set, as by `put -p`, lets every run keep the hash: of a file that was written a moment ago it is
    not kept, so that a fault might find no such call.
    """

    def write(offset: int, data: bytes) -> Asked:
        return Asked(lambda store: [_CLIENT.ask(store, 6, _CLIENT.handle, Raw(u64(offset)), data)], [{}])

    def set_time(store: LocalStore) -> list[Answer]:
        return [_CLIENT.ask(store, 10, _CLIENT.handle, Raw(attributes(mtime=LONG_AGO // SECOND_US)))]

    def close(store: LocalStore) -> list[Answer]:
        return [_CLIENT.ask(store, 4, _CLIENT.handle)]

    opened = sftp(3, name.encode(), flags, 0)
    written = [write(offset, data) for offset, data in parts.items()]
    return [opened, *written, Asked(set_time, [{}]), Asked(close, [{name: file(content)}])]


def sftp_rename(name: str, content: bytes, to: str) -> Asked:
    """RENAME of a file, which may replace another one."""
    promise = {name: ABSENT, to: file(content)}
    return sftp(200, b"posix-rename@openssh.com", name.encode(), to.encode(), promise=promise)


_NEW = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.TRUNCATE

SFTP: dict[str, Scenario] = {
    "sftp small": Scenario(
        {"to": OLD, "folder/kept": b"kept"},
        [
            *sftp_file("folder/new", _NEW, SMALL[2], {0: SMALL[2][:7000], 7000: SMALL[2][7000:]}),
            sftp_rename("folder/new", SMALL[2], "to"),
        ],
    ),
    "sftp large": Scenario(
        {"file": OLD},
        [
            *sftp_file("file", _NEW, LARGE, {at: LARGE[at : at + 200_000] for at in range(600_000, -1, -200_000)}),
            sftp_rename("file", LARGE, "folder"),
        ],
    ),
    "sftp in place": Scenario(
        {"file": OLD}, sftp_file("file", OpenFlag.WRITE, OLD[:100] + SMALL[5] + OLD[900:], {100: SMALL[5]})
    ),
}
"""The steps of clients of SFTP, each with its answer. The large file is written from its last part to its first."""

ALL = {**SCENARIOS, **MENDING, **SFTP}

NAMING = ("large new", "together", "together new")
"""Those that are made of other calls where the kernel lacks some: links in place of renames, many fsyncs of one."""
