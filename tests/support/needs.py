"""What a test may need of the machine it runs on, and what is to happen where that is missing.

Where it is missing the test is skipped, with the reason. With
HOMEFTP_TESTS_SKIP_NOTHING set, as `.ci/run` has it, that is a failure instead: what is
to be shown there must not go unshown.
"""

from __future__ import annotations

import os
import shutil
from typing import Callable

from twisted.trial.unittest import FailTest, SkipTest

LONG = bool(os.environ.get("HOMEFTP_TESTS_LONG"))
"""Whether the tests that take their time are to take all of it: hours of what the suite does in seconds."""

CEPH = bool(os.environ.get("HOMEFTP_TESTS_CEPH"))
"""Whether the tests of the cluster use a Ceph, which takes half a minute to start, in place of a SeaweedFS."""

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def require(what: str, there: Callable[[], object]) -> None:
    """Skip the test, or fail it, unless `there()` is true; `what` is said in words that follow "needs"."""
    if there():
        return
    if os.environ.get("HOMEFTP_TESTS_SKIP_NOTHING"):
        raise FailTest(f"this test needs {what}, and here nothing may be skipped")
    raise SkipTest(f"needs {what}")


def root() -> None:
    """The test mounts, or becomes somebody else."""
    require("root", lambda: os.geteuid() == 0)


def program(name: str) -> str:
    """The path of a program, wherever Debian puts it."""
    require(f"the program {name}", lambda: shutil.which(name, path=_PATH))
    found = shutil.which(name, path=_PATH)
    assert found is not None
    return found


def device(path: str) -> None:
    """The test uses a device, such as /dev/fuse."""
    require(path, lambda: os.path.exists(path))
