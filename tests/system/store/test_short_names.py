"""File systems that have a second, short name for a file: DOS's eight letters and three (Git's CVE-2019-1353)."""

from __future__ import annotations

import os
from typing import Callable

from homeftp.accounts.access import Access
from homeftp.accounts.realm import Account
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, Refusal
from homeftp.interfaces.store import IStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ALL, Rights
from homeftp.testing.contract.case import request
from tests.support.mounts import held, ntfs
from tests.support.storecases import MoveCase
from tests.support.stores import put_of

SHORT = "HOMEFT~1"
"""What Windows, and Linux's vfat, call .homeftp besides."""

FOLDER = "taxes and wills"

OTHERS = ("TAXESA~1", "TAXES", "SECRET.DIR")
"""Short names for it: as Windows makes them, and as a person may."""


def tries(path: str) -> dict[str, Callable[[IStore], object]]:
    """Everything that may be tried at a folder of that path, and at a file in it."""
    folder, file = parse(path), parse(f"{path}/a.txt")
    return {
        "stat": lambda store: store.stat(file),
        "stat folder": lambda store: store.stat(folder),
        "stat many": lambda store: store.stat_many([file, folder])[0],
        "open": lambda store: store.open(file),
        "open many": lambda store: store.open_many([file], 99)[0],
        "list": lambda store: list(store.list(folder, False)),
        "list all": lambda store: list(store.list(folder, True)),
        "versions": lambda store: list(filter(None, store.versions(folder))),
        "versions of": lambda store: list(filter(None, store.versions(file))),
        "resume": lambda store: store.resume_point(file, None, 1, 1),
        "write": lambda store: store.write_many([put_of(f"{path}/a.txt", b"forged")])[0],
        "write new": lambda store: store.write_many([put_of(f"{path}/new.txt", b"forged")])[0],
        "upload": lambda store: store.upload(request(f"{path}/a.txt", size=0)).commit(),
        "edit": lambda store: store.edit(request(f"{path}/a.txt")).commit(),
        "make": lambda store: store.make_directory(request(f"{path}/new")),
        "make folder": lambda store: store.make_directory(request(path, mode=0o700)),
        "metadata": lambda store: store.set_metadata(file, mtime_us=1, mode=None, precondition=None),
        "copy": lambda store: _copy(store, file, parse("stolen.txt")),
        "copy to": lambda store: _copy(store, parse("own.txt"), file),
        "move": lambda store: store.move(file, parse("stolen.txt"), None, None),
        "move folder": lambda store: store.move(folder, parse("stolen"), None, None),
        "move to": lambda store: store.move(parse("own.txt"), parse(f"{path}/own.txt"), None, None),
        "remove": lambda store: list(store.remove(file, None, False)),
        "remove folder": lambda store: list(store.remove(folder, None, True)),
        "restore": lambda store: store.restore(file, None, None),
    }


def stat_of(path: str) -> Callable[[IStore], object]:
    """Look a path up."""
    return lambda store: store.stat(parse(path))


def _copy(store: IStore, source: Endpoint, target: Endpoint) -> object:
    return list(store.copy(source, target, source_precondition=None, target_precondition=None))


class ShortNameTests(MoveCase):
    """B9: a root on a disk that Windows has written to."""

    driver = "lowntfs-3g"

    def setUp(self) -> None:
        """A root on NTFS."""
        super().setUp()
        held(self, ntfs(self.root, driver=self.driver))

    def rename_short(self, path: str, short: str) -> None:
        """Give a file or a folder a short name."""
        os.setxattr(self.path(path), "system.ntfs_dos_name", short.encode())
        self.assertTrue(os.path.lexists(self.path(os.path.join(os.path.dirname(path), short))), "the control")

    def test_server_folder(self) -> None:
        """No client reaches the metadata directory by a short name, whatever that is."""
        store = self.store()
        own = self.path(".homeftp")
        lock = os.stat(f"{own}/lock").st_ino
        for short in (SHORT, "STATE"):
            self.rename_short(".homeftp", short)
            self.assertEqual(os.stat(self.path(f"{short}/lock")).st_ino, lock, "the control: it is that folder's name")
            for name in (short, f"{short}/lock", f"{short.lower()}/lock", f"{short}/versions"):
                self.assertIn(outcome(stat_of(name), store), (None, Refusal), name)
        self.put(store, "own.txt", b"own")
        for what, act in tries("STATE").items():
            self.assertIn(outcome(act, store), (None, [], Refusal), what)
        self.assertEqual(sorted(os.listdir(own)), ["incoming", "lock", "partial", "versions"])

    def test_hidden_folder(self) -> None:
        """A folder that an account may not see is no more to be seen, or to be changed, by its short name."""
        store = self.store()
        for content in (b"old", b"content"):
            self.put(store, f"{FOLDER}/a.txt", content)
        self.put(store, "own.txt", b"own")
        everything = sorted(self.files())
        account = AuthorizedStore(store, ROOT, Rights(ALL, (((FOLDER,), frozenset()),)))
        missing = {what: outcome(act, account) for what, act in tries(f"{FOLDER}/none").items()}
        for short in OTHERS:
            self.rename_short(FOLDER, short)
            for what, act in tries(short).items():
                self.assertIn(outcome(act, account), (None, [], Refusal), (short, what))
                self.assertEqual(outcome(tries(FOLDER)[what], account), missing[what], what)
            self.assertEqual(self.content(f"{FOLDER}/a.txt"), b"content")
            self.assertEqual(sorted(self.files()), everything)
        control = {what: outcome(tries(FOLDER)[what], store) for what in ("stat", "open", "list", "versions", "write")}
        self.assertFalse([what for what, told in control.items() if told in (None, Refusal)], "the control")

    def test_grant_by_short_name(self) -> None:
        """A grant that the owner typed with the short name counts for the folder."""
        store = self.store()
        self.put(store, f"{FOLDER}/a.txt", b"content")
        self.rename_short(FOLDER, "TAXESA~1")
        account = Account("bob", store, Access(ROOT, Rights(ALL, ((("TAXESA~1",), frozenset()),)))).store
        self.assertIsNone(account.stat(parse(f"{FOLDER}/a.txt")))
        self.assertIsNotNone(store.stat(parse(f"{FOLDER}/a.txt")), "the control")

    def test_file(self) -> None:
        """A file is not found by its short name, and not replaced; what is called like one is not made."""
        store = self.store()
        self.put(store, "report of 2025.txt", b"content")
        self.rename_short("report of 2025.txt", "REPORT~1.TXT")
        self.assertIsNone(store.stat(parse("REPORT~1.TXT")))
        for name in ("REPORT~1.TXT", "REPORT~2.TXT", "NEW~1/a.txt"):
            (refused,) = store.write_many([put_of(name, b"x")])
            self.assertIsInstance(refused, BadEndpoint, name)
        self.assertEqual(self.files(), ["report of 2025.txt"])
        self.lay("BACKUP~1.ZIP", b"content")
        self.assertIsNotNone(store.stat(parse("BACKUP~1.ZIP")), "the control: it is its only name")
        self.put(store, "BACKUP~1.ZIP", b"new")
        self.assertEqual(self.content("BACKUP~1.ZIP"), b"new")


class OtherDriverTests(ShortNameTests):
    """The same by the other driver."""

    driver = "ntfs-3g"


def outcome(act: Callable[[IStore], object], store: IStore) -> object:
    """What it returns, or the class of all refusals."""
    try:
        result = act(store)
    except Refusal:
        return Refusal
    return Refusal if isinstance(result, Refusal) else result
