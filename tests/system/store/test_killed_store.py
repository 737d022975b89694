"""A store whose process was killed opens again."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Callable

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Refusal
from homeftp.hashing.hashcache import HashCache
from tests.support.stores import StoreCase


class KillTests(StoreCase):
    """A process that is killed."""

    def links(self) -> dict[str, str]:
        """The symbolic links in the root."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[os.path.relpath(path, self.root)] = os.readlink(path)
        return found

    def works(self, call: Callable[[Endpoint], None], name: str) -> bool:
        """Whether an operation succeeds."""
        try:
            call(parse(name))
        except Refusal:
            return False
        return True

    def test_killed(self) -> None:
        """After kill -9 in the middle of an upload the old content is there."""
        self.lay("file.txt", b"old")
        code = (
            "import os, sys, signal\n"
            "from homeftp.hashing.hashcache import HashCache\n"
            "from homeftp.store.local.store import LocalStore\n"
            "from homeftp.model import WriteRequest\n"
            "from homeftp.endpoint import parse\n"
            "store = LocalStore(sys.argv[1], HashCache(sys.argv[2]))\n"
            "upload = store.upload(WriteRequest(endpoint=parse('file.txt'), size=10))\n"
            "upload.write(b'n' * 10)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        state = os.path.join(os.path.dirname(self.root), "killed.sqlite")
        paths = os.pathsep.join(path for path in sys.path if path)
        program = [sys.executable, "-c", code, self.root, state]
        subprocess.run(program, check=False, env={**os.environ, "PYTHONPATH": paths})
        self.assertEqual((self.content("file.txt"), len(self.left())), (b"old", 1))
        store = self.store()
        self.assertEqual((self.content("file.txt"), self.left()), (b"old", []))
        cache = HashCache(state)
        self.addCleanup(cache.close)
        self.assertEqual(self.put(store, "file.txt", b"new").size, 3)
