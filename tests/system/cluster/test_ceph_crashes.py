"""Parts of the object store crash while servers write. With `HOMEFTP_TESTS_CEPH=1`, since only Ceph has such parts."""

from __future__ import annotations

from tests.support.ceph import Ceph
from tests.support.crashcase import CrashCase
from tests.support.needs import CEPH
from tests.support.objectserver import object_server

if CEPH:

    class CephCrashTests(CrashCase):
        """The gateway, and the disk."""

        def test_crashes(self) -> None:
            """Nothing that was acknowledged is lost, no name is without its content, and each server goes on."""
            ceph = object_server()
            assert isinstance(ceph, Ceph)

            def crash(number: int) -> None:
                ceph.kill(("rgw", "osd")[number % 2])
                ceph.start()

            self.assert_survives(crash)
