"""What stands before a change."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred

from homeftp.endpoint import Endpoint, parse
from homeftp.server.http.dav.locks.lockset import DEFAULT_SECONDS, Lock, LockSet
from homeftp.server.http.dav.locks.table import LockTable
from homeftp.store.policy.rights import ADD, ALL, DELETE
from tests.support.davcases import EXCLUSIVE, SHARED, DavCase, destination
from tests.support.httpclient import HOST
from tests.support.lockcontract import new_lock

TOKEN = "(<urn:uuid:0>)"


class AskedLocks(LockTable):
    """Remembers what it was asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    async def near(self, endpoint: Endpoint, *, deep: bool = False) -> LockSet:
        """One look, which is a statement where the locks are in a database."""
        self.asked.append(str(endpoint))
        return await super().near(endpoint, deep=deep)


class AskingTests(DavCase):
    """What is asked before a change."""

    lock_table = AskedLocks
    locks: AskedLocks

    def test_if(self) -> None:
        """An `If` header has the locks of a resource asked for once, and only where it has a token."""
        self.put("a", b"x")
        for value, asked in (
            ('(["x"])' * 50 + '(Not ["x"])', []),
            ("(<urn:x>)" * 50 + "(Not <urn:x>)", ["a"]),
            ("</dav/b> (<urn:x>) (<urn:y>) </dav/a> (<urn:x>) </api> (<urn:x>) </dav/b> (Not <urn:x>)", ["b", "a"]),
            ('</dav/a> (<urn:x>) </dav/%61> (["x"]) (Not <urn:x>)', ["a"]),
        ):
            self.locks.asked.clear()
            self.assertEqual(self.status("PUT", "a", ("If", value), body=b"y"), 204, value)
            self.assertEqual(self.locks.asked, [*asked, "a"], value)


class GuardTests(DavCase):
    """Locks and `If` headers of all methods."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"x")
        self.status("MKCOL", "d")
        self.put("d/a", b"x")

    def changes(self, *headers: tuple[str, str]) -> dict[str, int]:
        """The statuses of what changes `d/a`, or the folder that it is in."""
        return {
            "PUT": self.status("PUT", "d/a", *headers, body=b"y"),
            "PROPPATCH": self.status(
                "PROPPATCH",
                "d/a",
                *headers,
                body=b'<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set></propertyupdate>',
            ),
            "COPY": self.status("COPY", "a", destination("d/a"), *headers),
            "MOVE": self.status("MOVE", "d/a", destination("b"), *headers),
        }

    def test_locked(self) -> None:
        """Without the token of a lock all of these are refused, with it they are made."""
        token = self.lock("d/a")
        self.assertEqual(set(self.changes().values()), {423})
        self.assertEqual(set(self.changes(("If", TOKEN)).values()), {412})
        self.assertEqual(set(self.changes(("If", f"(Not {TOKEN[1:-1]})")).values()), {423})
        self.assertEqual(self.content("d/a"), b"x")
        given = (("If", f"</dav/d/a> (<{token}>)"),)
        self.assertEqual(self.changes(*given), {"PUT": 204, "PROPPATCH": 207, "COPY": 204, "MOVE": 201})

    def test_folder(self) -> None:
        """A lock of a folder forbids new names in it, and a deep one everything."""
        token = self.lock("d", ("Depth", "0"))
        self.assertEqual(self.status("PUT", "d/new", body=b"x"), 423)
        self.assertEqual(self.status("DELETE", "d/a"), 423)
        self.assertEqual(self.status("MKCOL", "d/new"), 423)
        self.assertEqual(self.status("PUT", "d/a", body=b"y"), 204)
        self.ask("UNLOCK", "d", ("Lock-Token", f"<{token}>"))
        self.lock("d")
        self.assertEqual(self.status("PUT", "d/a", body=b"y"), 423)
        self.assertEqual(self.status("DELETE", "d"), 423)
        self.assertEqual(self.status("PUT", "a", body=b"y"), 204, "the control")

    def test_beneath(self) -> None:
        """A folder is neither moved nor removed while something in it is locked."""
        token = self.lock("d/a")
        answer = self.ask("DELETE", "d")
        self.assertEqual((answer.status, b"<D:href>/dav/d/a</D:href>" in answer.body), (423, True))
        self.assertEqual(self.status("MOVE", "d", destination("e")), 423)
        self.assertEqual(self.status("DELETE", "d", ("If", f"<https://{HOST}/dav/d/a> (<{token}>)")), 204)
        self.assertIsNone(self.content("d/a"))
        self.put("a", b"z")
        self.status("MKCOL", "d")
        self.put("d/a", b"the lock is gone with the file")

    def test_meanwhile(self) -> None:
        """Locks that were there end with what is removed; one that somebody gets as it is removed stays."""
        self.status("MKCOL", "e")
        self.put("e/a", b"x")
        asked: list[Lock] = []

        def lock(changes: object) -> None:
            while asked:
                self.successResultOf(Deferred.fromCoroutine(self.locks.add(asked.pop())))

        self.server.hub.follow(lock)
        for method, source, path, headers in (
            ("MOVE", "a", "a", (destination("b"),)),
            ("COPY", "d", "e/a", (destination("e"),)),
            ("DELETE", "d/a", "d/a", ()),
        ):
            token, new = self.lock(path, body=SHARED), new_lock(path, "bob", is_exclusive=False)
            asked.append(new)
            given = "If", f"</dav/{path}> (<{token}>)"
            self.assertIn(self.status(method, source, given, *headers), (201, 204), method)
            near = self.successResultOf(Deferred.fromCoroutine(self.locks.near(parse(path))))
            self.assertEqual(near.on(parse(path)), [new], method)

    def test_if(self) -> None:
        """An `If` header that does not hold refuses the change, whatever it is about."""
        for value, status in (
            ("([{}])", 204),
            ("</dav/a> ([{}])", 204),
            ('</dav/nothing> (Not ["x"])', 204),
            ('</dav/nothing> (["x"])', 412),
            ('</api> (["x"])', 412),
            ('</dav/a:b> (["x"])', 412),
            ('(["x"]) (Not <urn:x>)', 204),
            ("(<urn:x>)", 412),
            ("nonsense", 400),
        ):
            tag = self.ask("HEAD", "a").headers["etag"]
            self.assertEqual(self.status("PUT", "a", ("If", value.format(tag)), body=b"x"), status, value)

    def test_parent(self) -> None:
        """Nothing is made in a folder that is not there, or is none."""
        for path in ("nothing/x", "a/x"):
            self.assertEqual(self.status("PUT", path, body=b"x"), 409)
            self.assertEqual(self.status("MKCOL", path), 409)
        self.assertEqual(self.status("COPY", "a", destination("nothing/x")), 409)
        self.assertEqual(self.status("COPY", "d/a", destination("a/x")), 409)

    def test_add_only(self) -> None:
        """An account that may only add in a folder, and does not see it, adds there, and replaces nothing."""
        self.narrow({"d": frozenset({ADD})})
        self.assertEqual(self.status("PUT", "d/new", body=b"new"), 201)
        self.assertEqual(self.content("d/new"), b"new")
        self.assertEqual(self.status("PUT", "d/new", body=b"other"), 403)
        self.assertEqual(self.content("d/new"), b"new")

    def test_hidden(self) -> None:
        """Who may change nothing at a place does not learn of its locks: a change is refused as without them."""
        self.status("MKCOL", "d/in")
        self.put("d/in/a", b"x")
        body = b"y"
        changes = (
            lambda: self.ask("PUT", "d/in/a", body=body),
            lambda: self.ask("MKCOL", "d/in/a"),
            lambda: self.ask("DELETE", "d/in/a"),
            lambda: self.ask("DELETE", "d/in"),
            lambda: self.ask("DELETE", "d"),
            lambda: self.ask("COPY", "own/a", destination("d/in/a")),
            lambda: self.ask("MOVE", "own/a", destination("d/in/a")),
            lambda: self.ask("MOVE", "d", destination("own/d")),
            lambda: self.ask("LOCK", "d/in/a", body=EXCLUSIVE),
            lambda: self.ask("LOCK", "d", body=EXCLUSIVE),
        )
        self.status("MKCOL", "own")
        self.put("own/a", b"own")
        self.lock("d/in/a")
        self.assertEqual(self.status("DELETE", "d"), 423, "the control")
        self.narrow({"own": ALL, "d": ALL, "d/in": frozenset()})
        told = [(answer.status, answer.body) for answer in (change() for change in changes)]
        self.web.clock.advance(DEFAULT_SECONDS)
        self.client = self.web.connect()
        self.assertEqual([(answer.status, answer.body) for answer in (change() for change in changes)], told)
        self.assertNotIn(423, [status for status, _ in told])

    def test_removed_unseen(self) -> None:
        """A lock of what an account may remove and does not see keeps it out, and is not named."""
        self.lock("d/a")
        self.narrow({"d": ALL, "d/a": frozenset({DELETE})})
        answer = self.ask("DELETE", "d")
        self.assertEqual((answer.status, b"<D:href>/dav/d/</D:href>" in answer.body), (423, False), answer.body)
        self.assertEqual(self.content("d/a"), b"x")

    def test_add_only_probes(self) -> None:
        """An account that may only add, and sees nothing, does not learn what is locked from what it may not do."""
        self.lock("d/a")
        self.put("b", b"x")
        self.narrow({"d": frozenset({ADD}), "own": ALL})
        self.put("own/a", b"own")
        for name in ("d/a", "d/nothing"):
            self.assertEqual(self.status("DELETE", name), 404)
            self.assertEqual(self.status("MOVE", name, destination("own/b")), 404)
