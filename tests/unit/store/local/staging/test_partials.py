"""Interrupted uploads are kept, resumed and never mixed up; test_partials_expiry.py has when they are removed."""

from __future__ import annotations

import os

from homeftp.config import CHECKPOINT, MIB, RESUMABLE
from homeftp.endpoint import parse
from homeftp.errors import Changed, ContentMismatch, Refusal
from homeftp.metadata.modes import kept_mode
from homeftp.model import Actor, ResumePoint, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.wire.messages import meta_data
from tests.support.storecases import CONTENT, HALF, PartialCase
from tests.support.stores import LONG_AGO, put_of, sha


class ResumeTests(PartialCase):
    """Resuming."""

    def test_resumed(self) -> None:
        """Arrived bytes are reported with their hash; the rest completes the file, and nothing is left behind."""
        store = self.store()
        put = self.cut(store)
        self.assertEqual(self.arrived(store, put), ResumePoint(HALF, sha(CONTENT[:HALF])))
        self.assertFalse(os.path.exists(self.path("a")), "nothing of it is to be seen")
        entry = self.resume(store, HALF).commit()
        self.assertEqual((self.content("a/file"), entry.hash), (CONTENT, sha(CONTENT)))
        self.assertEqual((self.left(), self.arrived(store, put)), ([], None))
        self.assertEqual(dict(meta_data(entry)), {"mtime_us": LONG_AGO, "mode": 0o644})

    def test_total(self) -> None:
        """The bytes of all interrupted uploads are known, whoever began them."""
        store = self.store()
        self.assertEqual(store.usage().unfinished, 0)
        for name in ("ann", "bob"):
            self.cut(store.bind(Actor(name, account_id=name)))
        self.assertEqual(store.usage().unfinished, 2 * HALF)

    def test_private(self) -> None:
        """Until it is complete only the server's user can open it, whatever its final mode."""
        store = self.store()
        for mode in (0o444, 0o000, 0o666):
            self.cut(store, mode=mode)
            self.assertEqual(os.stat(self.file()).st_mode & 0o777, 0o600)
            self.resume(store, HALF, mode=mode).commit()
            self.assertEqual(os.stat(self.path("a/file")).st_mode & 0o777, kept_mode("file", mode))

    def test_from_earlier_byte(self) -> None:
        """A client may resume from any earlier byte."""
        store = self.store()
        self.cut(store)
        self.assertEqual(self.resume(store, HALF - 12345).commit().hash, sha(CONTENT))

    def test_many_interruptions(self) -> None:
        """An upload is complete after ten interruptions, restarts of the server among them."""
        store = self.store()
        offset = 0
        for number in range(10):
            put, _ = put_of("a/file", CONTENT, offset=offset, hash=None)
            upload = store.upload(put)
            for _ in upload.verify_resumed():
                pass
            size = (number + 11) * len(CONTENT) // 22
            upload.write(CONTENT[offset:size])
            upload.suspend()
            if number % 3 == 2:
                store.close()
                store = self.store()
            found = self.arrived(store, put)
            self.assertEqual(found, ResumePoint(size, sha(CONTENT[:size])))
            offset = size
        self.assertEqual(self.resume(store, offset).commit(sha(CONTENT)).hash, sha(CONTENT))
        self.assertEqual(self.left(), [])

    def test_found_by(self) -> None:
        """A partial upload is found by its endpoint and its declared hash, or by size and mtime."""
        store = self.store()
        put = self.cut(store)
        for changes, fits in (
            ({}, True),
            ({"size": None, "mtime_us": None}, True),
            ({"size": put.known_size + 1}, True),
            ({"hash": sha(b"other")}, False),
            ({"hash": None}, True),
            ({"hash": None, "mtime_us": None}, False),
            ({"hash": None, "size": put.known_size + 1}, False),
            ({"endpoint": parse("b/file")}, False),
        ):
            asked = {"endpoint": put.endpoint, "hash": put.hash, "size": put.size, "mtime_us": put.mtime_us, **changes}
            self.assertEqual(store.resume_point(**asked) is not None, fits, changes)  # type: ignore[arg-type]
        store.close()
        store = self.store()
        self.cut(store, hash=None)
        self.assertIsNotNone(store.resume_point(put.endpoint, sha(b"any"), put.size, put.mtime_us))
        self.assertIsNone(store.resume_point(put.endpoint, sha(b"any"), None, None))

    def test_too_small(self) -> None:
        """An upload that has hardly begun is not kept."""
        store = self.store()
        put = self.cut(store, RESUMABLE - 1)
        self.assertEqual((self.left(), self.arrived(store, put)), ([], None))

    def test_not_resumable(self) -> None:
        """An upload cannot be resumed behind its end, or with another content; it stays for those who can."""
        store = self.store()
        self.cut(store)
        for offset, content_hash in ((HALF + 1, sha(CONTENT)), (HALF, sha(b"x"))):
            with self.assertRaisesRegex(Changed, "from offset 0"):
                self.resume(store, offset, hash=content_hash)
        self.assertEqual(self.resume(store, HALF).commit().hash, sha(CONTENT), "the control")

    def test_two_contents(self) -> None:
        """Two contents for one endpoint are kept apart."""
        store = self.store()
        self.cut(store)
        other = os.urandom(3 * MIB)
        upload = store.upload(put_of("a/file", other, mtime_us=LONG_AGO + 1)[0])
        upload.write(other[: HALF + 1])
        upload.suspend()
        self.assertEqual(self.resume(store, HALF).commit().hash, sha(CONTENT))
        found = store.resume_point(parse("a/file"), sha(other), None, None)
        self.assertEqual(found, ResumePoint(HALF + 1, sha(other[: HALF + 1])))

    def test_condition(self) -> None:
        """A change at the endpoint is noticed, and the partial upload stays."""
        store = self.store()
        self.cut(store)
        self.lay("a/file", b"something else")
        for condition in ("absent", sha(b"old")):
            with self.assertRaises(Changed):
                self.resume(store, HALF, precondition=condition)
        self.assertEqual(self.resume(store, HALF, precondition=sha(b"something else")).commit().hash, sha(CONTENT))


class OwnerTests(PartialCase):
    """Only the account that began an upload has anything of it."""

    def owned(self, store: LocalStore, account: str = "ann") -> LocalStore:
        """The store as an account has it."""
        return store.bind(Actor(account))

    def forged(self, offset: int = HALF) -> WriteRequest:
        """The rest of the content, with a hash that was computed from the hash of its beginning."""
        put, _ = put_of("a/file", CONTENT, offset=offset, hash=None)
        return put

    def test_after_a_restart(self) -> None:
        """The resume record keeps the account."""
        store = self.store()
        put = self.cut(self.owned(store))
        store.close()
        store = self.store()
        self.assertIsNone(self.arrived(self.owned(store, "bob"), put))
        self.assertIsNone(self.arrived(store, put))
        with self.assertRaisesRegex(Changed, "from offset 0"):
            self.owned(store, "bob").upload(self.forged())
        self.assertEqual(self.resume(self.owned(store), HALF).commit().hash, sha(CONTENT), "the control")

    def test_under_way(self) -> None:
        """Another account cannot take over an upload that is under way; another device of the account can."""
        store = self.store()
        put, _ = put_of("a/file", CONTENT)
        upload = self.owned(store).upload(put)
        upload.write(CONTENT[:HALF])
        self.assertIsNone(self.arrived(self.owned(store, "bob"), put))
        with self.assertRaisesRegex(Changed, "from offset 0"):
            self.owned(store, "bob").upload(self.forged())
        upload.write(CONTENT[HALF:-1])
        again = self.owned(store).upload(self.forged())
        with self.assertRaisesRegex(Changed, "took over"):
            upload.write(CONTENT[-1:])
        upload.abort()
        again.abort()

    def test_request_names_the_account(self) -> None:
        """The actor of a request owns its partial upload, and may continue it."""
        store = self.store()
        put = self.cut(store, actor=Actor("ann"))
        self.assertIsNone(self.arrived(store, put))
        self.assertIsNotNone(self.arrived(self.owned(store), put))
        self.assertEqual(self.resume(store, HALF, actor=Actor("ann", "phone")).commit().hash, sha(CONTENT))

    def test_reused_name(self) -> None:
        """Another account of the same name has nothing of a removed one's, also after a restart."""
        first, other = Actor("ann", account_id="1"), Actor("ann", account_id="2")
        store = self.store()
        put = self.cut(store.bind(first))
        for _ in range(2):
            self.assertIsNone(self.arrived(store.bind(other), put))
            self.assertEqual(store.account_usage(other).unfinished, 0)
            self.assertEqual(store._writable.partials.evict(other, None, 2**62), 0)
            with self.assertRaisesRegex(Changed, "from offset 0"):
                store.bind(other).upload(self.forged())
            self.assertIsNotNone(self.arrived(store.bind(first), put), "the control")
            store.close()
            store = self.store()

    def test_without_an_owner(self) -> None:
        """Records from before owners were recorded are for no account: they are removed at the start."""
        for account in (b',"owner":"ann"', b',"owner":null'):
            store = self.store()
            put = self.cut(self.owned(store) if b"ann" in account else store)
            store.close()
            path = self.file() + ".note"
            with open(path, "rb") as file:
                note = file.read()
            self.assertIn(account, note)
            self.lay(os.path.relpath(path, self.root), note.replace(account, b""))
            store = self.store()
            for each in (store, self.owned(store)):
                self.assertIsNone(self.arrived(each, put))
            self.assertEqual(self.left(), [])
            store.close()


class DamageTests(PartialCase):
    """Damaged or planted files."""

    def test_wrong_rest(self) -> None:
        """After a mismatch of the whole file's hash the old content stays, and the partial upload is removed."""
        store = self.store()
        self.lay("a/file", b"old")
        self.cut(store)
        upload = self.resume(store, HALF, content=CONTENT[:-1] + b"x")
        with self.assertRaises(ContentMismatch):
            upload.commit()
        self.assertEqual((self.content("a/file"), self.left()), (b"old", []))

    def test_damaged(self) -> None:
        """Damage to what had arrived is noticed before anything is appended."""
        store = self.store()
        put = self.cut(store)
        with open(self.file(), "r+b") as file:
            file.seek(12345)
            file.write(bytes(100))
        with self.assertRaisesRegex(Changed, "damaged"):
            self.resume(store, HALF)
        self.assertEqual((self.arrived(store, put), self.left()), (None, []))

    def test_damaged_later_on(self) -> None:
        """The part that was recorded before the damage can still be resumed."""
        store = self.store()
        put, content = put_of("a/file", os.urandom(CHECKPOINT + 3 * MIB))
        upload = store.upload(put)
        for start in range(0, CHECKPOINT + 2 * MIB, MIB):
            upload.write(content[start : start + MIB])
        upload.suspend()
        with open(self.file(), "r+b") as file:
            file.seek(CHECKPOINT + MIB + 100)
            file.write(bytes(100))
        with self.assertRaisesRegex(Changed, "damaged"):
            list(store.upload(put_of("a/file", content, offset=CHECKPOINT + 2 * MIB)[0]).verify_resumed())
        found = self.arrived(store, put)
        assert found is not None
        self.assertEqual(found.size, CHECKPOINT + MIB)
        again = store.upload(put_of("a/file", content, offset=found.size)[0])
        list(again.verify_resumed())
        again.write(content[found.size :])
        self.assertEqual(again.commit().hash, sha(content))

    def test_shorter(self) -> None:
        """A file that got shorter or is missing cannot be resumed, and is not offered again."""
        for spoil in (lambda path: os.truncate(path, HALF - 1), os.unlink):
            store = self.store()
            put = self.cut(store)
            spoil(self.file())
            with self.assertRaises(Changed):
                self.resume(store, HALF)
            self.assertIsNone(self.arrived(store, put))
            self.assertEqual(self.left(), [])
            store.close()

    def test_planted(self) -> None:
        """A hard or symbolic link in place of a partial upload is not written through."""
        for plant in (os.symlink, os.link):
            store = self.store()
            self.cut(store)
            path = self.file()
            os.unlink(path)
            victim = os.path.join(self.outside, "secret.txt")
            os.truncate(victim, HALF)
            with open(victim, "rb") as file:
                before = file.read()
            plant(victim, path)
            with self.assertRaises(Refusal):
                self.resume(store, HALF)
            with open(victim, "rb") as file:
                self.assertEqual(file.read(), before)
            self.assertEqual(self.left(), [])
            store.close()

    def test_damaged_records(self) -> None:
        """A useless resume record is removed with its file; nothing else is."""
        store = self.store()
        self.cut(store)
        kept = sorted(self.left())
        store.close()
        with open(self.file() + ".note", "rb") as file:
            said = file.read()
        spoiled = (
            b"",
            b"\0" * 4096,
            said[:20],
            said.replace(b"a/file", b"../../x"),
            said.replace(b'"size":', b'"size":-'),
            said.replace(b"sha256:", b"md5:"),
            b"[" * 100_000,
            b'{"rel_endpoint":"a","size":5}\n' + b"\xff" * 500,
            said.split(b"\n")[0] + b"\n",
        )
        for number, note in enumerate(spoiled):
            self.lay(f".homeftp/partial/{number:032x}", CONTENT[:HALF])
            self.lay(f".homeftp/partial/{number:032x}.note", note)
        store = self.store()
        self.assertEqual(sorted(self.left()), kept)
        self.assertEqual(self.resume(store, HALF).commit().hash, sha(CONTENT))
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])
