"""The Debian package: built by the repository's command, and really installed by dpkg, in a copy of this system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import needs
from tests.support.folders import QuickCase

CHECKOUT = Path(__file__).parents[2]

INSTALLS = """\
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t tmpfs tmpfs "$1/root/run"
cp "$2" "$1/root/run/homeftp.deb"
chroot "$1/root" /bin/sh -ec '
cd /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
dpkg -i /run/homeftp.deb
stat -c "%U %a" /var/lib/homeftp /srv/homeftp/shared
test -x /usr/bin/homeftp -a -f /usr/lib/systemd/system/homeftp.service -a -f /etc/homeftp/homeftp.ini
dpkg -r homeftp
test ! -e /usr/bin/homeftp
test -d /var/lib/homeftp
'
"""
"""Installs the package and removes it again, in a root that vanishes with its namespace of mounts."""


class DebTests(QuickCase):
    """packaging/build_deb.py, without the libraries: their download is no part of the test."""

    def test_installed(self) -> None:
        """User, folders, unit and configuration are there; after a removal the owner's folders are too."""
        needs.root()
        for program in ("dpkg-deb", "unshare"):
            self.assertTrue(needs.program(program))
        folder = self.mktemp()
        os.mkdir(folder)
        Path(folder, "homeftp_0.0_all.deb").touch()  # an older package, which is not printed
        build = [sys.executable, str(CHECKOUT / "packaging" / "build_deb.py"), folder]
        offline = ["--pip=--no-deps", "--pip=--no-build-isolation", "--pip=--no-index"]
        built = subprocess.run(
            [*build, *offline, "--compression=none"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TMPDIR": folder},
        )
        self.assertEqual(built.returncode, 0, built.stderr)
        package = built.stdout.strip()
        listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
        for path in (
            "lib/homeftp/homeftp/cli/main.py",
            "lib/homeftp/twisted/plugins/homeftp_plugin.py",
            "share/bash-completion/completions/homeftp",
            "share/fish/vendor_completions.d/homeftp.fish",
            "share/man/man1/homeftp-push.1.gz",
            "share/zsh/vendor-completions/_homeftp",
        ):
            self.assertIn(f" ./usr/{path}\n", listed)
        tops = {line.split(" ./", 1)[1].split("/")[0] for line in listed.splitlines()}
        self.assertEqual(tops - {""}, {"etc", "usr"})
        scratch = os.path.join(folder, "scratch")
        os.mkdir(scratch)
        installed = subprocess.run(
            ["unshare", "--mount", "sh", "-c", INSTALLS, "sh", scratch, package],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(installed.returncode, 0, installed.stdout + installed.stderr)
        self.assertIn("homeftp 700\nhomeftp 755\n", installed.stdout)
