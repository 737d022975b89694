"""An account's home and rights, by every request: what it may not see does not exist for it."""

from __future__ import annotations

import os
from typing import Any

from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.status import Status
from homeftp.wire.codec import encode_request
from tests.support.access import LARGE, AccessCase
from tests.support.inmemory import Connection


class HomeTests(AccessCase):
    """Two accounts, each with a home of its own."""

    def test_own(self) -> None:
        """The home is all there is, and everything works in it."""
        ann = self.enter("ann")
        self.assertEqual(self.listing(ann, ""), ["b.txt", "notes", "notes/a.txt"])
        stored = self.ask(ann, "PUSH", b"new", rel_endpoint="notes/new.txt")
        self.assertEqual((stored.status, stored.message), (Status.OK, "stored notes/new.txt"))
        self.assertEqual(self.server.read("people/ann/notes/new.txt"), b"new")
        self.assertEqual(self.ask(ann, "PUSH", LARGE, rel_endpoint="large").status, Status.OK)
        self.assertEqual(self.server.read("people/ann/large"), LARGE)
        self.assertEqual(self.ask(ann, "CMP", rel_endpoint="large", hash=hash_bytes(LARGE)).status, Status.SAME)
        self.assertEqual(self.ask(ann, "MOVE", rel_endpoint="large", to="x/larger").status, Status.OK)
        self.assertEqual(self.ask(ann, "DELETE", rel_endpoint="x", recursive=True).status, Status.OK)
        self.assertEqual(self.ask(ann, "RESTORE", rel_endpoint="x/larger").status, Status.OK)
        self.assertEqual(self.server.read("people/ann/x/larger"), LARGE)

    def listing(self, connection: Connection, endpoint: str) -> list[str]:
        connection.send("GET", {"rel_endpoint": endpoint, "recursive": True})
        return [
            entry["name"]
            for response in connection.responses()
            for entry in response.body.get("entries", ())
            if entry["name"]
        ]

    def test_not_the_others(self) -> None:
        """No request reveals the other's files: each answer is that for a missing path."""
        ann = self.enter("ann")
        for there, nowhere in (
            ("people/bob", "people/xxx"),
            ("people/bob/notes/secret.txt", "people/xxx/notes/secret.txt"),
            ("top.txt", "xxx.txt"),
            ("people/ann/b.txt", "people/ann/x.txt"),
        ):
            for kind, body in (
                ("GET", {}),
                ("GET", {"recursive": True}),
                ("CMP", {}),
                ("CMP", {"hash": hash_bytes(b"bob's")}),
                ("DELETE", {}),
                ("DELETE", {"recursive": True}),
                ("MOVE", {"to": "mine"}),
                ("VERSIONS", {}),
                ("RESTORE", {}),
                ("SETSTAT", {"meta_data": [["mode", 0o600]]}),
                ("VERIFY", {}),
            ):
                one, other = (self.ask(ann, kind, rel_endpoint=name, **body) for name in (there, nowhere))
                message = one.message.replace(there, nowhere).replace("people/bob", "people/xxx")
                self.assertEqual(
                    (one.status, one.body, message), (other.status, other.body, other.message), (kind, there)
                )

    def test_nothing_leaks_out(self) -> None:
        """A file stored under the other's name is in one's own home; messages do not show its full path."""
        ann = self.enter("ann")
        answers = [
            self.ask(ann, "PUSH", b"mine", rel_endpoint="people/bob/notes/secret.txt"),
            self.ask(ann, "PUSH", b"x", rel_endpoint="notes"),
            self.ask(ann, "PUSH", b"x", rel_endpoint="b.txt", if_hash="absent"),
            self.ask(ann, "PUSH", b"x", rel_endpoint="B.TXT"),
            self.ask(ann, "GET", rel_endpoint="notes/none"),
            self.ask(ann, "DELETE", rel_endpoint="notes"),
            self.ask(ann, "MOVE", rel_endpoint="b.txt", to="notes"),
        ]
        self.assertEqual(self.server.read("people/bob/notes/secret.txt"), b"bob's")
        self.assertEqual(self.server.read("people/ann/people/bob/notes/secret.txt"), b"mine")
        for answer in answers:
            self.assertNotIn("people/ann", answer.message)

    def test_links_out(self) -> None:
        """A link that somebody made at the server does not lead out of a home either."""
        os.symlink(os.path.join(self.server.root, "people", "bob"), os.path.join(self.server.root, "people/ann/link"))
        ann = self.enter("ann")
        self.assertTrue(Status(self.ask(ann, "GET", rel_endpoint="link/notes/secret.txt").status).refused)

    def test_made(self) -> None:
        """A home that does not exist is created at the account's first login."""
        self.state.add_account("eve", None)
        self.accesses.set_home("eve", parse("people/new/eve"))
        eve = self.enter("eve")
        self.assertEqual(self.listing(eve, ""), [])
        self.assertTrue(os.path.isdir(os.path.join(self.server.root, "people/new/eve")))

    def test_cut_off(self) -> None:
        """A partial upload of one home is not offered for resuming in another."""
        ann, bob = self.enter("ann"), self.enter("bob")
        content = os.urandom(3 * 1024 * 1024)
        body = {"rel_endpoint": "f", "meta_data": [["mtime_us", 5]]}
        ann.send_raw(encode_request("PUSH", body, content_length=len(content)) + b"\n" + content[: 2 * 1024 * 1024])
        ann.protocol.connectionLost()
        asked: dict[str, Any] = {"rel_endpoint": "f", "meta_data": [["size", len(content)], ["mtime_us", 5]]}
        self.assertNotIn("resume_from", self.ask(bob, "CMP", **asked).body)
        self.assertIn("resume_from", self.ask(self.enter("ann"), "CMP", **asked).body, "the control")

    def test_hello(self) -> None:
        """HELLO says what may be done."""
        self.assertEqual(self.enter("ann").ask("HELLO").body["rights"], ["read", "add", "replace", "delete"])
        self.assertEqual(self.enter("ann", "add").ask("HELLO").body["rights"], ["add"])

    def test_view(self) -> None:
        """HELLO says whether other folders may be read than before, where the server knows that."""
        views = [self.enter("ann", **grants).ask("HELLO").body["view"] for grants in ({}, {}, {"notes": "add"})]
        self.assertEqual([view == views[0] for view in views], [True, True, False])
        shares = [self.enter(name).ask("HELLO").body["share"] for name in ("ann", "ann", "bob")]
        self.assertEqual([share == shares[0] for share in shares], [True, True, False], "each home is another share")
        unlisted = Connection(self.server, login=False)
        unlisted.enter(self.server.account("eve"))
        self.assertNotIn("view", unlisted.ask("HELLO").body)


class RightsTests(AccessCase):
    """Rights, one by one."""

    def test_read(self) -> None:
        """An account with only the read right can do nothing else."""
        ann = self.enter("ann", "read")
        statuses = self.statuses(
            ann,
            ("GET", b"", {"rel_endpoint": "b.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "b.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "new"}),
            ("PUSH", LARGE, {"rel_endpoint": "new"}),
            ("PUSH", b"", {"rel_endpoint": "new", "kind": "directory"}),
            ("DELETE", b"", {"rel_endpoint": "b.txt"}),
            ("MOVE", b"", {"rel_endpoint": "b.txt", "to": "c.txt"}),
            ("RESTORE", b"", {"rel_endpoint": "b.txt"}),
            ("SETSTAT", b"", {"rel_endpoint": "b.txt", "meta_data": [["mode", 0o600]]}),
        )
        self.assertEqual(statuses, [Status.OK] + [Status.FORBIDDEN] * 8)
        self.assertEqual(sorted(os.listdir(os.path.join(self.server.root, "people/ann"))), ["b.txt", "notes"])

    def test_drop_box(self) -> None:
        """With only `add` an account stores new files, changes nothing, and sees nothing, not even its own."""
        ann = self.enter("ann", "add")
        for payload in (b"small", LARGE):
            name = f"new{len(payload)}"
            self.assertEqual(self.ask(ann, "PUSH", payload, rel_endpoint=name).status, Status.OK)
            self.assertEqual(self.server.read(f"people/ann/{name}"), payload)
            for over in (name, "b.txt", "notes", "b.txt/x"):
                refused = self.ask(ann, "PUSH", b"over" + payload, rel_endpoint=over)
                self.assertEqual(refused.status, Status.FORBIDDEN, over)
            self.assertEqual(self.server.read(f"people/ann/{name}"), payload)
        known = hash_bytes(b"ann's too")
        self.assertEqual(
            self.ask(ann, "PUSH", b"x", rel_endpoint="b.txt", if_hash=known).message,
            self.ask(ann, "PUSH", b"x", rel_endpoint="b.txt", if_hash=hash_bytes(b"a guess")).message,
        )
        self.assertEqual(self.server.read("people/ann/b.txt"), b"ann's too")
        for name in ("", "b.txt", "notes", "nothing"):
            self.assertEqual(self.ask(ann, "GET", rel_endpoint=name).status, Status.NOT_FOUND)
            self.assertEqual(self.ask(ann, "CMP", rel_endpoint=name).status, Status.ABSENT)
            self.assertEqual(self.ask(ann, "VERSIONS", rel_endpoint=name).body, {"versions_total": 0})

    def test_many_at_once(self) -> None:
        """Of small files that are stored together each has its own answer."""
        ann = self.enter("ann", "read,add", sub="read")
        for name in ("n1", "b.txt", "sub/x", "n2", "notes/a.txt"):
            ann.send("PUSH", {"rel_endpoint": name}, b"x")
        statuses = [response.status for response in ann.responses()]
        self.assertEqual(statuses, [0, Status.FORBIDDEN, Status.FORBIDDEN, 0, Status.FORBIDDEN])
        self.assertEqual(self.server.read("people/ann/b.txt"), b"ann's too")

    def test_replace(self) -> None:
        """With `replace` and without `add` an account changes existing files only."""
        ann = self.enter("ann", "read,replace")
        statuses = self.statuses(
            ann,
            ("PUSH", b"x", {"rel_endpoint": "b.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "new"}),
            ("PUSH", b"y", {"rel_endpoint": "b.txt", "if_hash": "absent"}),
            ("DELETE", b"", {"rel_endpoint": "b.txt"}),
        )
        self.assertEqual(statuses, [Status.OK, *[Status.FORBIDDEN] * 3])
        self.assertEqual(self.server.read("people/ann/b.txt"), b"x")

    def test_no_delete(self) -> None:
        """An account cannot move anything away without the delete right, nor over a file without replace."""
        ann = self.enter("ann", "read,add,replace")
        self.assertEqual(
            self.statuses(
                ann,
                ("DELETE", b"", {"rel_endpoint": "b.txt"}),
                ("MOVE", b"", {"rel_endpoint": "b.txt", "to": "c.txt"}),
            ),
            [Status.FORBIDDEN] * 2,
        )
        bob = self.enter("bob", "read,add,delete")
        self.server.put("people/bob/c.txt", b"c")
        self.assertEqual(
            self.statuses(
                bob,
                ("MOVE", b"", {"rel_endpoint": "c.txt", "to": "notes/secret.txt"}),
                ("MOVE", b"", {"rel_endpoint": "c.txt", "to": "d.txt"}),
            ),
            [Status.FORBIDDEN, Status.OK],
        )
        self.assertEqual(self.server.read("people/bob/notes/secret.txt"), b"bob's")

    def test_grants(self) -> None:
        """In a folder with narrower rights only these count, and lists do not have hidden entries."""
        self.server.put("people/ann/hidden/x/y.txt", b"h")
        self.server.put("people/ann/frozen/z.txt", b"z")
        ann = self.enter("ann", hidden="none", frozen="read")
        ann.send("GET", {"rel_endpoint": "", "recursive": True})
        names = [entry["name"] for response in ann.responses() for entry in response.body.get("entries", ())]
        self.assertEqual([name for name in names if name.startswith("hidden")], [])
        self.assertIn("frozen/z.txt", names)
        statuses = self.statuses(
            ann,
            ("GET", b"", {"rel_endpoint": "hidden/x/y.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "hidden/new"}),
            ("PUSH", b"x", {"rel_endpoint": "hidden/x/y.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "frozen/new"}),
            ("DELETE", b"", {"rel_endpoint": "frozen", "recursive": True}),
            ("DELETE", b"", {"rel_endpoint": "hidden", "recursive": True}),
            ("MOVE", b"", {"rel_endpoint": "frozen", "to": "thawed"}),
            ("MOVE", b"", {"rel_endpoint": "b.txt", "to": "frozen/b.txt"}),
            ("GET", b"", {"rel_endpoint": "frozen/z.txt"}),
            ("PUSH", b"x", {"rel_endpoint": "notes/a.txt"}),
        )
        forbidden, absent = Status.FORBIDDEN, Status.NOT_FOUND
        self.assertEqual(
            statuses,
            [absent, forbidden, forbidden, forbidden, forbidden, absent, forbidden, forbidden, Status.OK, Status.OK],
        )

    def test_digest(self) -> None:
        """The digests are of what the account sees: what is hidden from it changes nothing about them."""
        self.server.put("people/ann/hidden/y.txt", b"h")
        self.server.put("people/ann/secret.d/y.txt", b"h")
        ann = self.enter("ann", **{"hidden": "none", "secret.d": "add"})

        def digest(name: str = "") -> dict[str, Any]:
            answer = self.ask(ann, "CMP", rel_endpoint=name, content_digest=hash_bytes(b""))
            tree: dict[str, Any] = answer.body.get("tree", {})
            return {"status": answer.status, **tree}

        before = digest()
        self.assertEqual(before["files"], 2)
        self.server.put("people/ann/hidden/z.txt", b"more")
        self.server.put("people/ann/secret.d/y.txt", b"changed")
        self.assertEqual(digest(), before)
        for name in ("hidden", "hidden/y.txt", "secret.d"):
            self.assertEqual(digest(name), {"status": Status.ABSENT})
        self.server.put("people/ann/notes/more.txt", b"more")
        self.assertNotEqual(digest()["content_digest"], before["content_digest"], "the control")

    def test_spelling(self) -> None:
        """A folder is meant however it is spelled: some disks open it by any case of its letters."""
        self.server.put("people/ann/Tax/old.txt", b"h")
        self.server.put("people/ann/TAX/other.txt", b"what such a disk would open")
        ann = self.enter("ann", tAx="none")
        for name in ("Tax", "TAX", "tax", "tAX"):
            self.assertEqual(self.ask(ann, "GET", rel_endpoint=f"{name}/other.txt").status, Status.NOT_FOUND)
            self.assertEqual(self.ask(ann, "DELETE", rel_endpoint=name, recursive=True).status, Status.NOT_FOUND)
            self.assertEqual(self.ask(ann, "PUSH", b"x", rel_endpoint=f"{name}/new").status, Status.FORBIDDEN)
        self.assertEqual(self.ask(ann, "PUSH", b"x", rel_endpoint="TAX").status, Status.FORBIDDEN, "no sibling is told")
        self.assertEqual(self.ask(ann, "PUSH", b"x", rel_endpoint="taxi").status, Status.OK, "the control")

    def test_inside(self) -> None:
        """A folder with hidden entries only looks empty to each request."""
        for folder in ("full", "empty"):
            self.server.put(f"people/ann/{folder}/secret/x.txt", b"h")
        self.server.put("people/ann/full/secret/y.txt", b"h")
        os.unlink(os.path.join(self.server.root, "people/ann/empty/secret/x.txt"))
        os.rmdir(os.path.join(self.server.root, "people/ann/empty/secret"))
        ann = self.enter("ann", **{"full/secret": "none", "empty/secret": "none"})
        for kind, body in (
            ("GET", {}),
            ("GET", {"recursive": True}),
            ("VERSIONS", {}),
            ("DELETE", {}),
            ("DELETE", {"recursive": True}),
            ("MOVE", {"to": "elsewhere"}),
        ):
            answers = []
            for folder in ("full", "empty"):
                ann.send(kind, {"rel_endpoint": folder, **body})
                shown = [(each.status, each.message, each.body) for each in ann.responses()]
                answers.append(str(shown).replace(folder, "*"))
            self.assertEqual(answers[0], answers[1], kind)

    def test_hidden_or_absent(self) -> None:
        """A hidden path gets the answer of a missing one, whether it exists or not."""
        self.server.put("people/ann/hidden/there", b"h")
        self.server.put("people/ann/visible/there", b"v")
        ann = self.enter("ann", hidden="none")
        for kind, body in (
            ("GET", {}),
            ("CMP", {"hash": hash_bytes(b"h")}),
            ("VERSIONS", {}),
            ("RESTORE", {}),
            ("RESTORE", {"at": 5}),
            ("SETSTAT", {"meta_data": [["mode", 0o600]]}),
            ("VERIFY", {}),
            ("DELETE", {}),
            ("MOVE", {"to": "x"}),
        ):
            answers = []
            for name in ("hidden/there", "hidden/nowhere", "visible/nowhere"):
                ann.send(kind, {"rel_endpoint": name, **body})
                shown = [(each.status, each.message, each.body) for each in ann.responses()]
                answers.append(str(shown).replace(name, "*"))
            self.assertEqual(answers, [answers[0]] * 3, kind)

    def test_into_a_drop_box(self) -> None:
        """A move into a hidden folder is refused alike, whatever exists there."""
        self.server.put("people/ann/drop/Taken Name.txt", b"h")
        self.server.put("people/ann/drop/dir/x", b"h")
        ann = self.enter("ann", drop="add")
        for to in ("TAKEN NAME.txt", "Taken Name.txt", "dir", "Taken Name.txt/x"):
            for body in ({}, {"if_to": "absent"}):
                named: dict[str, Any] = {"rel_endpoint": "b.txt", "to": f"drop/{to}", **body}
                answer = self.ask(ann, "MOVE", **named)
                self.assertEqual(answer.status, Status.FORBIDDEN, to)
                self.assertEqual(answer.message.replace(to, "*").count("*"), 1)
        self.assertEqual(self.ask(ann, "MOVE", rel_endpoint="nothing", to="drop/new").status, Status.NOT_FOUND)
        self.assertEqual(self.ask(ann, "MOVE", rel_endpoint="b.txt", to="drop/new").status, Status.OK, "the control")

    def test_others_upload(self) -> None:
        """An account that may only add neither sees nor changes another's unfinished upload."""
        content = os.urandom(3 * 1024 * 1024)
        body: dict[str, Any] = {"rel_endpoint": "drop/f", "meta_data": [["mtime_us", 5]]}
        owner = self.enter("ann")
        owner.send_raw(encode_request("PUSH", body, content_length=len(content)) + b"\n" + content[: 2 * 1024 * 1024])
        owner.protocol.connectionLost()
        other = self.enter("ann", drop="add")
        asked: dict[str, Any] = {"rel_endpoint": "drop/f", "meta_data": [["size", len(content)], ["mtime_us", 5]]}
        self.assertNotIn("resume_from", self.ask(other, "CMP", **asked).body)
        trailer = hash_bytes(b"").encode()
        going_on = {**body, "offset": 1024 * 1024, "hash_trailer": True}
        refused = self.ask(other, "PUSH", content[: 2 * 1024 * 1024] + trailer, **going_on)
        self.assertEqual(refused.status, Status.FORBIDDEN)
        self.accesses.grant("ann", parse("drop"), None)
        self.assertIn("resume_from", self.ask(self.enter("ann"), "CMP", **asked).body, "the control")
