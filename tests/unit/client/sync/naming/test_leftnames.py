"""What is left out here because of its name, or in a folder that is, is not taken for deleted."""

from __future__ import annotations

import os

from homeftp.client import Outcome
from homeftp.client.files.names import endpoint_name
from homeftp.client.selection import Selection
from homeftp.client.sync.scope import Scope
from tests.support.syncs import SyncCase

STRICT = Selection(strict_names=True)


def escaped(name: str) -> str:
    """The name on the wire of a local name, without `--strict-names`."""
    return endpoint_name(name, strict=False)


class OtherSpellingTests(SyncCase):
    """Ann's folder has names that are escaped on the server, or that `--strict-names` cannot send."""

    def problems(self) -> dict[str, Outcome]:
        return {name: outcome for name, outcome in self.outcomes().items() if not outcome.done}

    def make_pair(self) -> None:
        """Agree, without strict names, on a file and a folder that strict names cannot send, and on another file."""
        for name in ("what?.txt", "q?/x", "q?/sub/y", "plain"):
            self.ann.put(name, name.encode())
        self.sync(self.ann)
        self.sync(self.bob)
        self.expected = self.there()
        self.assertIn(escaped("what?.txt"), self.expected)

    def test_strict(self) -> None:
        """What strict names cannot send stays on the server as it was agreed without them, in each direction."""
        self.make_pair()
        before = self.ann.contents()
        for direction in ("both", "push", "pull", "both"):
            self.sync(self.ann, direction=direction, selection=STRICT, max_delete=9)
            self.assertEqual(self.problems(), dict.fromkeys(["what?.txt", "q?"], Outcome.FAILED), direction)
            self.assertEqual(self.there(), self.expected, direction)
            self.assertEqual(self.ann.contents(), before, direction)
        self.sync(self.bob)
        self.assertEqual(self.bob.contents(), before)
        self.sync(self.ann)
        self.assertEqual((self.there(), self.problems()), (self.expected, {}))

    def test_agreed(self) -> None:
        """The agreement stays: an edit and a deletion meanwhile cross with the next sync. The control: plain names."""
        self.make_pair()
        self.ann.put("what?.txt", b"edited")
        os.unlink(os.path.join(self.ann.path, "q?/x"))
        os.unlink(os.path.join(self.ann.path, "plain"))
        self.sync(self.ann, selection=STRICT, max_delete=1)
        del self.expected["plain"]
        self.assertEqual(self.there(), self.expected)
        self.sync(self.ann)
        del self.expected[f"{escaped('q?')}/x"]
        self.assertEqual(self.there(), {**self.expected, escaped("what?.txt"): b"edited"})

    def test_deleted(self) -> None:
        """The control: what is deleted here is deleted there, also under strict names."""
        self.make_pair()
        os.unlink(os.path.join(self.ann.path, "what?.txt"))
        self.sync(self.ann, selection=STRICT)
        del self.expected[escaped("what?.txt")]
        self.assertEqual(self.there(), self.expected)

    def test_first_sync(self) -> None:
        """What was never agreed on stays too, on both sides: the server may have it under the escaped name."""
        self.ann.put("what?.txt", b"here")
        self.make_remote_file(f"Docs/{escaped('what?.txt')}", b"there")
        self.make_remote_file("Docs/plain", b"plain")
        for direction in ("both", "pull", "push"):
            self.sync(self.ann, direction=direction, selection=STRICT, max_delete=9)
            self.assertEqual(self.ann.contents(), {"what?.txt": b"here", "plain": b"plain"})
            self.assertEqual(self.there(), {escaped("what?.txt"): b"there", "plain": b"plain"})

    def test_part(self) -> None:
        """So it is where only a part is compared, under either name."""
        self.make_pair()
        for name in ("what?.txt", escaped("what?.txt"), escaped("q?"), f"{escaped('q?')}/x"):
            self.sync(self.ann, selection=STRICT, scope=Scope.of([name]))
            self.assertEqual(self.there(), self.expected, name)

    def test_too_long(self) -> None:
        """A name that is too long only when it is escaped stays on the server as strict names have agreed on it."""
        name = f"{'x' * 249}{escaped('?')}"
        self.ann.put(name)
        self.ann.put("plain")
        self.sync(self.ann, selection=STRICT)
        self.assertEqual(set(self.there()), {name, "plain"})
        self.sync(self.ann)
        self.assertEqual(set(self.problems().values()), {Outcome.FAILED})
        self.assertEqual(set(self.there()), {name, "plain"})
