"""The S3 server of this process's tests of the cluster: one for all of them, each with a bucket or a part of one."""

from __future__ import annotations

import functools

from tests.support.ceph import Ceph
from tests.support.engines import SeaweedFS
from tests.support.needs import CEPH


@functools.lru_cache(maxsize=1)
def object_server() -> SeaweedFS | Ceph:
    """A SeaweedFS, or a Ceph with `HOMEFTP_TESTS_CEPH=1`. It ends with the process."""
    return Ceph() if CEPH else SeaweedFS()
