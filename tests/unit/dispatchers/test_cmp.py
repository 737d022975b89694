"""CMP as a client meets it."""

from __future__ import annotations

import os
from typing import Any

from homeftp.dispatchers.cmp import comparison_status
from homeftp.files.pages import REPORTED_FILES
from homeftp.status import Status
from homeftp.store.local.store import LocalStore
from homeftp.testing import InMemoryPair
from homeftp.wire.messages import MetaData
from tests.support.plainstores import NoMetadata
from tests.support.verbs import VerbTestCase, content, digest


class CmpTests(VerbTestCase):
    """CMP."""

    def test_judgement(self) -> None:
        """The four outcomes of a comparison."""
        self.assertEqual(comparison_status([]), Status.SAME)
        self.assertEqual(comparison_status(["mode"]), Status.METADATA_DIFFERS)
        self.assertEqual(comparison_status(["hash"]), Status.CONTENT_DIFFERS)
        self.assertEqual(comparison_status(["hash", "size"]), Status.CONTENT_AND_METADATA_DIFFER)

    def test_statuses(self) -> None:
        """10 to 14, with the names of what differs and what is there, known to the hash cache or not."""
        for size in (3, 1_000_000):
            data = content(size)
            path = self.server.put("a", data)
            os.utime(path, ns=(0, 7_000_000))
            same, other = digest(data), digest(b"other")
            for hash, mtime_us, status, differs in (
                (same, 7000, 10, []),
                (same, 7001, 11, ["mtime_us"]),
                (other, 7000, 12, ["hash"]),
                (other, 7001, 13, ["hash", "mtime_us"]),
                (same, None, 10, []),
                (None, 7000, 10, []),
            ):
                body: dict[str, object] = {"rel_endpoint": "a", "meta_data": [["size", size]]}
                if hash is not None:
                    body["hash"] = hash
                if mtime_us is not None:
                    body["meta_data"] = [["size", size], ["mtime_us", mtime_us]]
                answer = self.ask("CMP", body)
                self.assertEqual((answer.status, answer.body["differs"]), (status, differs))
                self.assertEqual(answer.body["remote"]["size"], size)
        answer = self.ask("CMP", {"rel_endpoint": "b", "hash": same})
        self.assertEqual((answer.status, answer.body), (Status.ABSENT, {"differs": []}))

    def test_modes(self) -> None:
        """A mode is the same where a PUSH of it would change nothing: a second push of any mode finds no difference."""
        for mode in (0, 0o077, 0o200, 0o600):
            for kind, name in (("file", "a"), ("directory", "d")):
                meta_data = [["mode", mode]]
                self.ask("PUSH", {"rel_endpoint": name, "kind": kind, "meta_data": meta_data})
                answer = self.ask("CMP", {"rel_endpoint": name, "meta_data": meta_data})
                self.assertEqual((answer.status, answer.body["differs"]), (Status.SAME, []), (oct(mode), kind))
        other = self.ask("CMP", {"rel_endpoint": "a", "meta_data": [["mode", 0o400]]})
        self.assertEqual((other.status, other.body["differs"]), (Status.METADATA_DIFFERS, ["mode"]), "the control")

    def test_not_kept(self) -> None:
        """What the store does not keep is not compared; size and hash are."""
        asked: MetaData = [("size", 3), ("mtime_us", 7000), ("mode", 0o600)]
        with InMemoryPair(NoMetadata()) as pair:
            pair.run(pair.client.push("a.txt", b"old"))
            same = pair.run(pair.client.cmp("a.txt", hash=digest(b"old"), meta_data=asked))
            self.assertEqual((same.status, list(same.differs)), (Status.SAME, []))
            other = pair.run(pair.client.cmp("a.txt", hash=digest(b"new!"), meta_data=[("size", 4), *asked[1:]]))
            self.assertEqual(list(other.differs), ["hash", "size"], "the control")

    def test_root(self) -> None:
        """The root's time and mode are the owner's, and do not differ; a PUSH leaves them."""
        meta_data = [["mode", 0], ["mtime_us", 7000]]
        self.assertEqual(
            self.ask("PUSH", {"rel_endpoint": "", "kind": "directory", "meta_data": meta_data}).status, Status.OK
        )
        answer = self.ask("CMP", {"rel_endpoint": "", "meta_data": meta_data})
        self.assertEqual((answer.status, answer.body["differs"]), (Status.SAME, []))
        self.assertNotEqual(dict(answer.body["remote"]["meta_data"])["mode"], 0)

    def test_moved_meanwhile(self) -> None:
        """A file that is gone when its hash is needed is absent, as if the request had come a moment later."""
        path = self.server.put("d/a", content(1_000_000))
        real = LocalStore.open_many

        def moved(store: LocalStore, *args: Any) -> Any:
            os.rename(os.path.dirname(path), os.path.dirname(path) + "2")
            return real(store, *args)

        self.patch(LocalStore, "open_many", moved)
        answer = self.ask("CMP", {"rel_endpoint": "d/a", "hash": digest(b"x")})
        self.assertEqual((answer.status, answer.body), (Status.ABSENT, {"differs": []}))

    def test_file_that_was_edited(self) -> None:
        """A file edited behind the server's back is compared anew."""
        path = self.server.put("a", b"one")
        os.utime(path, ns=(0, 0))
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(b"one")}).status, Status.SAME)
        self.server.put("a", b"two")
        os.utime(path, ns=(0, 0))
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "a", "hash": digest(b"one")}).status, Status.CONTENT_DIFFERS)

    def test_directory(self) -> None:
        """A directory has no hash, but times and modes."""
        self.server.put("d/f", b"x")
        self.assertEqual(self.ask("CMP", {"rel_endpoint": "d", "hash": digest(b"x")}).status, Status.WRONG_KIND)
        os.chmod(os.path.join(self.server.root, "d"), 0o711)
        answer = self.ask("CMP", {"rel_endpoint": "d", "meta_data": [["mode", 0o711]]})
        self.assertEqual((answer.status, answer.body["remote"]["kind"]), (Status.SAME, "directory"))


COUNTS = {"files": 2, "directories": 1, "bytes": 6}
"""What the trees of these tests hold."""


class TreeTests(VerbTestCase):
    """CMP of a directory with all beneath it."""

    def setUp(self) -> None:
        super().setUp()
        self.push("d/a", b"one")
        self.push("d/e/b", b"two", [["mtime_us", 5_000_000], ["mode", 0o600]])

    def push(self, name: str, data: bytes, meta_data: object = ()) -> None:
        self.assertEqual(self.ask("PUSH", {"rel_endpoint": name, "meta_data": meta_data}, data).status, Status.OK)

    def compare(self, name: str = "d", **digests: str) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer; what comes before it says how far it is."""
        self.connection.send("CMP", {"rel_endpoint": name, **digests})
        *progress, answer = self.connection.responses()
        for each in progress:
            self.assertEqual((each.status, each.more, set(each.body)), (Status.OK, True, {"files", "bytes"}))
        return answer.status, answer.body

    def digests(self) -> tuple[str, str]:
        """Both digests of d."""
        tree = self.compare(content_digest=digest(b""))[1]["tree"]
        return tree["content_digest"], tree["full_digest"]

    def test_statuses(self) -> None:
        """10, 11 and 13 by the digests that are given; 14 where nothing is, and 43 for a file."""
        content, full = self.digests()
        other = digest(b"other")
        for given, status, differs in (
            ({"content_digest": content, "full_digest": full}, 10, []),
            ({"content_digest": content}, 10, []),
            ({"full_digest": full}, 10, []),
            ({"content_digest": content, "full_digest": other}, 11, ["full_digest"]),
            ({"content_digest": other}, 13, ["content_digest"]),
            ({"content_digest": other, "full_digest": other}, 13, ["content_digest", "full_digest"]),
        ):
            answered, body = self.compare(**given)
            self.assertEqual((answered, body["differs"]), (status, differs))
            self.assertEqual({name: body["tree"][name] for name in ("files", "directories", "bytes")}, COUNTS)
        self.assertEqual(self.compare("none", content_digest=content), (Status.ABSENT, {"differs": []}))
        self.assertEqual(self.compare("d/a", content_digest=content)[0], Status.WRONG_KIND)

    def test_changes(self) -> None:
        """A change of a content anywhere beneath changes both digests; one of a mode only the full one."""
        content, full = self.digests()
        self.push("d/e/b", b"two", [["mtime_us", 5_000_000], ["mode", 0o640]])
        again = self.digests()
        self.assertEqual((again[0] == content, again[1] == full), (True, False))
        self.push("d/e/b", b"tWo", [["mtime_us", 5_000_000], ["mode", 0o600]])
        again = self.digests()
        self.assertEqual((again[0] == content, again[1] == full), (False, False))

    def test_directories(self) -> None:
        """Digests of larger directories beneath are told before the answer if they are asked for, and only then."""
        for number in range(REPORTED_FILES):
            self.push(f"d/many/{number:02}", b"x")
        expected = self.compare("d/many", content_digest=digest(b""))[1]["tree"]
        for asked, told in ((True, [{"name": "many", "tree": expected}]), (False, [])):
            body = {"rel_endpoint": "d", "content_digest": digest(b""), "directories": asked}
            self.connection.send("CMP", body)
            *progress, answer = self.connection.responses()
            self.assertEqual(answer.status, Status.CONTENT_AND_METADATA_DIFFER)
            self.assertEqual([found for each in progress for found in each.body.get("directories", ())], told)

    def test_moved_meanwhile(self) -> None:
        """A directory that is gone when it is listed is absent, as if the request had come a moment later."""
        real = LocalStore.list_for_digests

        def moved(store: LocalStore, *args: Any) -> Any:
            os.rename(os.path.join(self.server.root, "d"), os.path.join(self.server.root, "d2"))
            return real(store, *args)

        self.patch(LocalStore, "list_for_digests", moved)
        self.assertEqual(self.compare(content_digest=digest(b"")), (Status.ABSENT, {"differs": []}))

    def test_foreign_change(self) -> None:
        """What another program writes is noticed and read; links are counted, and in no digest."""
        content, _ = self.digests()
        path = self.server.put("d/e/c", b"new")
        self.assertEqual(self.compare(content_digest=content)[0], Status.CONTENT_AND_METADATA_DIFFER)
        os.unlink(path)
        os.symlink("/etc", path)
        status, body = self.compare(content_digest=content)
        self.assertEqual((status, body["tree"]["skipped"]), (Status.SAME, 1))

    def test_other_form(self) -> None:
        """A name that another program changed to another Unicode form counts in its composed one, in its place."""
        for name in ("é", "ez", "z"):
            self.push(f"d/{name}", name.encode(), [["mtime_us", 5_000_000]])
        before = self.digests()
        folder = os.path.join(self.server.root, "d")
        os.rename(os.path.join(folder, "é"), os.path.join(folder, "e\u0301"))
        self.assertEqual(self.digests(), before)
        os.rename(os.path.join(folder, "e\u0301"), os.path.join(folder, "ê"))
        self.assertNotEqual(self.digests(), before, "the control")

    def test_metadata(self) -> None:
        """The directory's own mode is compared where it is given, and is in no digest."""
        _, full = self.digests()
        self.connection.send(
            "CMP", {"rel_endpoint": "d", "full_digest": full, "meta_data": [["mode", 0o711], ["size", 0]]}
        )
        answer = self.connection.responses()[-1]
        self.assertEqual((answer.status, answer.body["differs"]), (Status.METADATA_DIFFERS, ["mode"]))
