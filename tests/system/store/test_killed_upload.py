"""An upload whose server is killed can be resumed."""

from __future__ import annotations

import os
import subprocess
import sys

from homeftp.config import RESUMABLE
from homeftp.endpoint import parse
from homeftp.model import ResumePoint
from tests.support.storecases import CONTENT, HALF, PartialCase
from tests.support.stores import LONG_AGO, sha


class KillTests(PartialCase):
    """A process that is killed."""

    def test_killed(self) -> None:
        """After kill -9 an upload can be resumed at its last checkpoint."""
        code = (
            "import os, sys, signal\n"
            "from homeftp.hashing.hashcache import HashCache\n"
            "from homeftp.store.local.store import LocalStore\n"
            "from homeftp.model import WriteRequest\n"
            "from homeftp.endpoint import parse\n"
            "store = LocalStore(sys.argv[1], HashCache(sys.argv[2]))\n"
            f"request = WriteRequest(endpoint=parse('a/file'), size={len(CONTENT)}, mtime_us={LONG_AGO})\n"
            "upload = store.upload(request)\n"
            "data = sys.stdin.buffer.read()\n"
            "for start in range(0, len(data), 2 ** 16):\n"
            "    upload.write(data[start : start + 2 ** 16])\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        state = os.path.join(os.path.dirname(self.root), "killed.sqlite")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        program = [sys.executable, "-c", code, self.root, state]
        ended = subprocess.run(program, input=CONTENT[:HALF], check=False, env=environment)
        self.assertEqual(ended.returncode, -9)
        store = self.store()
        found = store.resume_point(parse("a/file"), None, len(CONTENT), LONG_AGO)
        self.assertEqual(found, ResumePoint(RESUMABLE, sha(CONTENT[:RESUMABLE])))
        self.assertEqual(self.resume(store, RESUMABLE).commit().hash, sha(CONTENT))
