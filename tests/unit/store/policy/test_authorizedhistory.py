"""An account sees and changes the history of what it may see and change, and nothing else."""

from __future__ import annotations

from homeftp.config import Retention
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import BadRequest, Forbidden, NotFound, WrongKind
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import Actor
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights, parse_rights
from tests.support.authorized import ANN, AuthorizedCase

FOLDERS = (
    (("home",), parse_rights("read,add,replace,delete")),
    (("home", "secret"), parse_rights("none")),
    (("other",), parse_rights("add")),
)


class HistoryCase(AuthorizedCase):
    """Every file was replaced once."""

    def setUp(self) -> None:
        super().setUp()
        for path in ("home/a.txt", "home/d/b.txt", "home/secret/c.txt", "other/d.txt"):
            self.write(self.whole, path, b"newer")
        self.changes.clear()

    def history(self, store: IStore) -> IHistory:
        """Its history."""
        history = store.history()
        assert history is not None, "the store keeps versions"
        return history

    def timelines(self, store: IStore, path: str = "", depth: int | None = None) -> dict[str, Timeline]:
        """The timelines that an account sees."""
        pages = self.history(store).timelines(parse(path), depth=depth)
        return {each.name: each for page in pages for each in page}

    def at(self, path: str) -> int:
        """The time of the only version of a file, by its whole path."""
        ((version,),) = self.whole.versions(parse(path))
        return version.at_us


class SeenTests(HistoryCase):
    """What an account sees."""

    def test_home(self) -> None:
        """Only its home, by names beneath it; nothing of what is hidden, or where it may not read."""
        self.assertEqual(
            list(self.timelines(self.seen("read"))), ["", "a.txt", "d", "d/b.txt", "secret", "secret/c.txt"]
        )
        self.assertEqual(list(self.timelines(self.seen("read", secret="add"))), ["", "a.txt", "d", "d/b.txt"])
        self.assertEqual(self.timelines(self.seen("add,replace,delete")), {})
        self.assertEqual(self.timelines(self.seen("read", secret="none"), "secret"), {})
        self.assertEqual(list(self.timelines(self.seen("read"), "d", 0)), [""])

    def test_folders(self) -> None:
        """An account with several folders sees those that it may read, each with its history."""
        store = AuthorizedStore(self.whole, Endpoint(()), Rights(frozenset(), folders=FOLDERS), ANN)
        self.assertEqual(list(self.timelines(store)), ["home", "home/a.txt", "home/d", "home/d/b.txt"])
        self.assertEqual(len(self.timelines(store)["home/a.txt"].versions), 1)
        self.assertEqual(list(self.timelines(store, depth=1)), ["home"])
        self.assertEqual(self.timelines(store, depth=0), {})
        self.assertEqual(list(self.timelines(store, "home/d")), ["", "b.txt"])

    def test_open(self) -> None:
        """A version is opened by an account that may read there; for others there is none."""
        at_us = self.at("home/a.txt")
        self.assertEqual(self.history(self.seen("read")).open_version(parse("a.txt"), at_us).read(0, 9), b"content")
        blind = self.history(self.seen("add,replace,delete"))
        self.assertRaises(NotFound, blind.open_version, parse("a.txt"), at_us)

    def test_none(self) -> None:
        """Without versions there is no history."""
        self.assertIsNone(self.seen("read", MemoryStore(StoreOptions(retention=Retention(seconds=0)))).history())


class RevertTests(HistoryCase):
    """What an account may put back."""

    def revert(self, rights: str, reversion: Reversion, **grants: str) -> type | None:
        """The kind of what came of it; None where a file was removed."""
        (result,) = self.history(self.seen(rights, None, **grants)).revert([reversion])
        return None if result is None else type(result)

    def test_version(self) -> None:
        """A version takes the rights to read, to add and to replace."""
        wanted = Reversion(parse("a.txt"), self.at("home/a.txt"))
        for rights in ("read,add,delete", "read,replace,delete", "read"):
            self.assertIs(self.revert(rights, wanted), Forbidden)
        self.assertIs(self.revert("add,replace,delete", wanted), NotFound)
        self.assertEqual(self.changes, [])
        result = self.revert("read,add,replace", wanted)
        self.assertEqual((result and result.__name__, len(self.changes)), ("Entry", 1))
        self.assertEqual((self.changes[0].endpoint, self.changes[0].actor), (parse("home/a.txt"), ANN))

    def test_removed(self) -> None:
        """A file that was not there then is removed: that takes the rights to read and to delete."""
        wanted = Reversion(parse("a.txt"), None)
        self.assertIs(self.revert("read,add,replace", wanted), Forbidden)
        self.assertIs(self.revert("add,replace,delete", wanted), NotFound)
        self.assertIsNone(self.revert("read,delete", wanted))
        self.assertFalse(self.exists("home/a.txt"))

    def test_tops(self) -> None:
        """The home, and the top of a folder, are no files."""
        self.assertIs(self.revert("read,add,replace,delete", Reversion(parse(""), None)), BadRequest)
        self.assertIs(self.revert("read,add,replace,delete", Reversion(parse(""), 1)), WrongKind)

    def test_several(self) -> None:
        """What an account may do is done, and each of the others has its refusal, in order."""
        store = self.seen("read,add,replace", secret="read")
        wanted = [
            Reversion(parse("secret/c.txt"), self.at("home/secret/c.txt")),
            Reversion(parse("a.txt"), self.at("home/a.txt")),
            Reversion(parse("d/b.txt"), None),
        ]
        results = self.history(store).revert(wanted)
        self.assertEqual([type(each).__name__ for each in results], ["Forbidden", "Entry", "Forbidden"])


class DiscardTests(HistoryCase):
    """What an account may remove for good."""

    def test_rights(self) -> None:
        """It takes the rights to read, replace and delete: an account without one of them removes no version."""
        wanted = VersionId(parse("a.txt"), self.at("home/a.txt"))
        for rights, kind in (
            ("read,add,replace", Forbidden),
            ("read,add,delete", Forbidden),
            ("read", Forbidden),
            ("add,replace,delete", NotFound),
        ):
            (refused,) = self.history(self.seen(rights)).remove_versions([wanted])
            self.assertIsInstance(refused, kind)
        self.assertEqual(self.changes, [])
        self.assertEqual(self.history(self.seen("read,replace,delete")).remove_versions([wanted]), [7])
        self.assertEqual([(each.what, each.actor) for each in self.changes], [("prune", ANN)])

    def test_narrower(self) -> None:
        """A folder with narrower rights counts."""
        wanted = VersionId(parse("secret/c.txt"), self.at("home/secret/c.txt"))
        every = "read,add,replace,delete"
        (refused,) = self.history(self.seen(every, secret="read,add,replace")).remove_versions([wanted])
        self.assertIsInstance(refused, Forbidden)
        self.assertEqual(self.history(self.seen(every)).remove_versions([wanted]), [7], "the control")

    def test_actor(self) -> None:
        """A change is recorded as made by the actor that the store is bound to."""
        store = self.seen("read,replace,delete").bind(Actor("bob"))
        self.history(store).remove_versions([VersionId(parse("a.txt"), self.at("home/a.txt"))])
        self.assertEqual(self.changes[0].actor.account, "bob")
