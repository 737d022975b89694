"""The rights table of the owner's documentation: each act, by each set of rights, on what exists and what does not."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import Refusal
from homeftp.interfaces.store import IStore
from homeftp.model import ABSENT, PRESENT, Entry
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import ADD, ALL, DELETE, ORDER, READ, REPLACE, Rights, rights_shown
from homeftp.testing.contract.case import request, sha

OLD, NEW, FOLDER = "d/old.txt", "d/new.txt", "d/folder"

Act = Callable[[IStore], object]


def write(path: str, precondition: str | None, store: IStore) -> object:
    """Write a small file."""
    (result,) = store.write_many([(request(path, size=1, precondition=precondition), b"x")])
    return result


def upload(path: str, precondition: str | None, store: IStore) -> object:
    """Upload a file."""
    incoming = store.upload(request(path, size=1, precondition=precondition))
    incoming.write(b"x")
    return incoming.commit()


def edit(path: str, precondition: str | None, store: IStore) -> object:
    """Change a file."""
    return store.edit(request(path, precondition=precondition)).commit()


def edit_empty(path: str, store: IStore) -> object:
    """Change a file without reading it."""
    return store.edit(request(path, empty=True)).commit()


def copy(source: str, target: str, store: IStore, to: str | None = None) -> object:
    """Copy a file."""
    return list(store.copy(parse(source), parse(target), source_precondition=None, target_precondition=to))


def move(source: str, target: str, store: IStore, to: str | None = None) -> object:
    """Move something."""
    return store.move(parse(source), parse(target), None, to)


def remove(path: str, store: IStore) -> object:
    """Remove something with all that is in it."""
    return sum(store.remove(parse(path), None, True))


TABLE: dict[str, tuple[Act, set[str]]] = {
    "stat": (lambda store: store.stat(parse(OLD)), {READ}),
    "stat many": (lambda store: store.stat_many([parse(OLD)])[0], {READ}),
    "open": (lambda store: store.open(parse(OLD)), {READ}),
    "open many": (lambda store: store.open_many([parse(OLD)], 99)[0], {READ}),
    "list": (lambda store: list(store.list(parse("d"), True)), {READ}),
    "list around": (lambda store: [page for page in store.list(ROOT, True) if len(page.entries) > 1], {READ}),
    "versions": (lambda store: list(store.versions(parse(OLD))), {READ}),
    "verify": (lambda store: list(store.verify(parse("d"))), {READ}),
    "verify around": (lambda store: sum(step.files for step in store.verify(ROOT)) > 1, {READ}),
    "versions around": (lambda store: list(store.versions(ROOT)), {READ}),
    "write new": (partial(write, NEW, None), {ADD}),
    "write new if absent": (partial(write, NEW, ABSENT), {ADD}),
    "write old with add": (partial(write, OLD, None), {ADD, REPLACE}),
    "write old with read": (partial(write, OLD, None), {READ, REPLACE}),
    "write old if the same": (partial(write, OLD, sha(b"old")), {READ, REPLACE}),
    "upload new": (partial(upload, NEW, None), {ADD}),
    "upload old if the same": (partial(upload, OLD, sha(b"old")), {READ, REPLACE}),
    "edit new": (partial(edit, NEW, ABSENT), {ADD}),
    "edit old": (partial(edit, OLD, None), {READ, REPLACE}),
    "edit emptied with add": (partial(edit_empty, OLD), {ADD, REPLACE}),
    "edit emptied with read": (partial(edit_empty, OLD), {READ, REPLACE}),
    "make": (lambda store: store.make_directory(request("d/made")), {ADD}),
    "make old": (lambda store: store.make_directory(request(FOLDER)), {READ, REPLACE}),
    "metadata": (
        lambda store: store.set_metadata(parse(OLD), mtime_us=1, mode=None, precondition=None),
        {READ, REPLACE},
    ),
    "copy from": (partial(copy, OLD, "copied.txt"), {READ}),
    "copy to": (partial(copy, "own.txt", NEW), {READ, ADD}),
    "copy over": (partial(copy, "own.txt", OLD), {READ, REPLACE}),
    "copy over if the same": (partial(copy, "own.txt", OLD, to=sha(b"old")), {READ, REPLACE}),
    "move from": (partial(move, OLD, "moved.txt"), {READ, DELETE}),
    "move to": (partial(move, "own.txt", NEW), {ADD}),
    "move over": (partial(move, "own.txt", OLD), {ADD, REPLACE}),
    "move over if the same": (partial(move, "own.txt", OLD, to=sha(b"old")), {READ, ADD, REPLACE}),
    "move over if present": (partial(move, "own.txt", OLD, to=PRESENT), {READ, ADD, REPLACE}),
    "move folder": (partial(move, FOLDER, "moved"), {READ, DELETE}),
    "move all": (partial(move, "d", "moved"), {READ, DELETE}),
    "remove": (partial(remove, OLD), {READ, DELETE}),
    "remove folder": (partial(remove, FOLDER), {READ, DELETE}),
    "remove all": (partial(remove, "d"), {READ, DELETE}),
    "restore": (lambda store: store.restore(parse(OLD), None, None), {READ, ADD, REPLACE}),
}
"""Each act, and the rights in `d` that it needs. Elsewhere the account may do everything."""

BY_OTHER_RIGHTS = {
    "write old with add": {READ, REPLACE},
    "write old with read": {ADD, REPLACE},
    "edit emptied with add": {READ, REPLACE},
    "edit emptied with read": {ADD, REPLACE},
}

EXISTENCE_SHOWS = {"write", "upload", "edit", "move", "make", "copy"}
"""First words of acts by which an account that may add learns that a name is taken; its owner is told so."""


class TableTests(SynchronousTestCase):
    """Every act by every set of rights."""

    def setUp(self) -> None:
        super().setUp()
        self.sets = [frozenset(each) for size in range(5) for each in itertools.combinations(ORDER, size)]

    def make_store(self, *, exists: bool = True) -> MemoryStore:
        """A store in which `d` has files, versions and a folder, or nothing."""
        store = MemoryStore()
        for path, content in (("own.txt", b"own"), *(((OLD, b"older"), (OLD, b"old")) if exists else ())):
            store.write_many([(request(path, size=len(content)), content)])
        if exists:
            store.make_directory(request(FOLDER))
        return store

    def outcome(self, act: Act, rights: frozenset[str], *, exists: bool = True) -> object:
        """What an account with these rights in `d` is told, without the message."""
        account = AuthorizedStore(self.make_store(exists=exists), ROOT, Rights(ALL, ((("d",), rights),)))
        try:
            result = act(account)
        except Refusal as refused:
            result = refused
        return f"{type(result).__name__}: {result}" if isinstance(result, Exception) else result

    def test_table(self) -> None:
        """An act is done if and only if the account has the rights for it."""
        for (what, (act, needs)), rights in itertools.product(TABLE.items(), self.sets):
            allowed = needs <= rights or BY_OTHER_RIGHTS.get(what, {"none"}) <= rights
            told = self.outcome(act, rights)
            done = bool(told) and not isinstance(told, str)
            self.assertEqual(done, allowed, (what, rights_shown(rights), told))

    def test_refusals(self) -> None:
        """An account that may not read gets "not found"; other acts are forbidden."""
        for (what, (act, needs)), rights in itertools.product(TABLE.items(), self.sets):
            told = self.outcome(act, rights)
            if not isinstance(told, str) or needs <= rights:
                continue
            hidden = READ not in rights and what.split()[0] in (
                "open",
                "list",
                "verify",
                "metadata",
                "remove",
                "restore",
            )
            hidden = hidden or (READ not in rights and what in ("copy from", "move from", "move folder", "move all"))
            self.assertEqual(
                told.partition(":")[0], "NotFound" if hidden else "Forbidden", (what, rights_shown(rights))
            )

    def test_hidden_and_missing(self) -> None:
        """An account that may not read gets the same answer, in the same words, whether something exists or not."""
        for (what, (act, _)), rights in itertools.product(TABLE.items(), self.sets):
            if READ in rights or (ADD in rights and what.split()[0] in EXISTENCE_SHOWS):
                continue
            self.assertEqual(
                self.outcome(act, rights), self.outcome(act, rights, exists=False), (what, rights_shown(rights))
            )

    def test_drop_box(self) -> None:
        """An account that may add and not read learns at most that a name is taken."""
        taken: list[tuple[str, str, Act]] = [
            ("a file", OLD, partial(upload, OLD, None)),
            ("another case", OLD, partial(upload, "d/OLD.txt", None)),
            ("a folder", FOLDER, partial(upload, FOLDER, None)),
            ("beneath a file", OLD, partial(upload, f"{OLD}/x", None)),
            ("edited", OLD, partial(edit, "d/OLD.txt", ABSENT)),
            ("moved", OLD, partial(move, "own.txt", "d/OLD.txt")),
        ]
        for what, _, act in taken:
            told = str(self.outcome(act, frozenset({ADD})))
            self.assertRegex(told, r"\AForbidden: your account may not store this at d/|may not replace anything", what)
            self.assertNotIn("old.txt'", told)
        for store, condition in itertools.product((write, upload), (None, ABSENT)):
            paths = (OLD, FOLDER, f"{OLD}/x")
            words = {
                str(self.outcome(partial(store, path, condition), frozenset({ADD}))).replace(f" {path}:", "")
                for path in paths
            }
            self.assertEqual(len(words), 1, "what has the name, a file or a folder, is not told")
        for rights in (frozenset({ADD, REPLACE}), frozenset({ADD})):
            for content in (b"old", b"none"):
                guessed = self.outcome(partial(write, OLD, sha(content)), rights)
                self.assertRegex(str(guessed), "Forbidden", "the hash of a guess is not compared")
            for write_old in (write, upload):
                answers = [
                    self.outcome(partial(write_old, OLD, None), rights, exists=exists) for exists in (True, False)
                ]
                modes = [each.mode for each in answers if isinstance(each, Entry)]
                self.assertEqual(modes, [None] * len(modes), "that of the older file")
            made = self.outcome(lambda store: store.make_directory(request(FOLDER)), rights)
            self.assertNotIsInstance(made, Entry)  # it has the time of the folder
