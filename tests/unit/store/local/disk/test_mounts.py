"""The paths of a folder that is mounted at several places."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.store.local.disk.mounts import Parts, mounted_parts, places

ROOT = "/srv/the share"

MOUNTINFO = rb"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /proc rw - proc proc rw
30 22 8:2 / /srv rw shared:1 - ext4 /dev/sda2 rw
31 30 8:2 /the\040share/secret /srv/the\040share/public/bound rw - ext4 /dev/sda2 rw
32 30 8:2 /the\040share/secret/deep/er /srv/the\040share/deep rw - ext4 /dev/sda2 rw
33 30 8:2 /the\040share /srv/the\040share/people/bob/all rw - ext4 /dev/sda2 rw
34 30 8:3 / /srv/the\040share/disk rw - ext4 /dev/sdb1 rw
35 30 8:3 /photos /srv/the\040share/photos rw - ext4 /dev/sdb1 rw
36 30 8:1 /the\040share/secret /srv/the\040share/other rw - ext4 /dev/sda1 rw
37 30 8:2 /elsewhere /srv/elsewhere rw - ext4 /dev/sda2 rw
"""


class PlacesTests(SynchronousTestCase):
    """Bind mounts beneath the root."""

    def places(self, path: str, mountinfo: bytes = MOUNTINFO, root: str = ROOT) -> list[str]:
        """The paths of a folder."""
        folder: Parts = tuple(path.split("/"))
        return ["/".join(parts) for parts in places(folder, mounted_parts(mountinfo, root))]

    def test_bound(self) -> None:
        """A folder is found where it, a part of it, or a folder above it is mounted, and nowhere else."""
        expected = {
            "secret": ["secret", "people/bob/all/secret", "public/bound", "deep"],
            "secret/deep": ["secret/deep", "people/bob/all/secret/deep", "public/bound/deep", "deep"],
            "public/bound": ["public/bound", "secret", "people/bob/all/secret", "deep"],
            "disk/photos/x": ["disk/photos/x", "photos/x"],
            "photos": ["photos", "disk/photos"],
            "none": ["none", "people/bob/all/none"],
            "other": ["other"],
        }
        for path, found in expected.items():
            self.assertEqual(sorted(self.places(path)), sorted(found), path)
            self.assertEqual(self.places(path)[0], path)

    def test_root_is_a_mount(self) -> None:
        """A root that is itself a mount point, or the top of everything."""
        self.assertEqual(self.places("photos", root="/srv/the share/disk"), ["photos"])
        self.assertEqual(self.places("bound", root="/srv/the share/public"), ["bound"])
        self.assertIn("srv/the share/public/bound", self.places("srv/the share/secret", root="/"))

    def test_unknown(self) -> None:
        """Without mountinfo a folder has the one path that it is given."""
        self.assertEqual(self.places("secret", b""), ["secret"])
