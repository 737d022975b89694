"""The installed files, for each way to install.

Each kind of installation gets a virtual environment of its own, which sees
the packages that these tests run with, except homeftp: nothing is downloaded.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support.folders import QuickCase

CHECKOUT = Path(__file__).parents[2]
INSTALLED = ("homeftp", "twisted")
SHIPPED = ("benchmarks", "changelog.d", "docs", "packaging", "tests")
TWISTD = "from twisted.scripts.twistd import run; run()"
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2])"


def link(source: Path, target: Path, without: str) -> None:
    """Make `target` hold a link to all that `source` holds but what begins with `without`."""
    target.mkdir()
    for path in source.iterdir():
        if not path.name.startswith((without, "__editable__", "dropin.cache", "__pycache__")):
            (target / path.name).symlink_to(path)


def share_packages(folder: Path) -> None:
    """Fill `folder` with what is installed here but homeftp, whose plugin may lie within Twisted."""
    installed = Path(sysconfig.get_paths()["purelib"])
    link(installed, folder, "homeftp")
    (folder / "twisted").unlink()
    link(installed / "twisted", folder / "twisted", "plugins")
    link(installed / "twisted" / "plugins", folder / "twisted" / "plugins", "homeftp")


class InstallationTests(QuickCase):
    """Plain, editable, from a wheel and from an sdist: `twistd` knows homeftp."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.checkout = self.folder / "checkout"
        self.checkout.mkdir()
        for path in CHECKOUT.iterdir():
            if path.is_file():
                shutil.copy(path, self.checkout)
        self.copy(INSTALLED)
        for plugins in (self.checkout / "twisted" / "plugins", self.checkout / "homeftp" / "plugins"):
            (plugins / "dropin.cache").write_bytes(b"left by an earlier run from here")

    def copy(self, names: Sequence[str]) -> None:
        """Let the checkout have these folders."""
        skip = shutil.ignore_patterns("__pycache__", "_build")
        for name in names:
            shutil.copytree(CHECKOUT / name, self.checkout / name, ignore=skip)

    def call(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a program to its end; its output, shown if it fails. It finds homeftp only where that is installed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["TMPDIR"] = str(self.folder)
        done = subprocess.run(arguments, cwd=cwd or self.folder, env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def environment(self) -> Path:
        """The interpreter of a new virtual environment without homeftp."""
        share_packages(self.folder / "packages")
        self.call(sys.executable, "-m", "venv", "--without-pip", self.folder / "venv")
        python = self.folder / "venv" / "bin" / "python"
        own = self.call(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
        (Path(own) / "packages.pth").write_text(f"{self.folder / 'packages'}\n")
        return python

    def build(self, kind: str) -> Path:
        """The wheel or the sdist."""
        made = self.folder / kind
        made.mkdir()
        self.call(sys.executable, "-c", BUILD, kind, made, cwd=self.checkout)
        (path,) = made.iterdir()
        return path

    def services(self, python: Path) -> list[str]:
        """The first words of what `twistd --help` lists."""
        return [line.split()[0] for line in self.call(python, "-c", TWISTD, "--help").splitlines() if line.strip()]

    def assertInstalls(self, *what: str | Path) -> None:
        """`pip install` of it makes `twistd` list homeftp, and `homeftp` run."""
        python = self.environment()
        self.assertNotIn("homeftp", self.services(python), "the control: it is not there before")
        offline = ("--no-deps", "--no-build-isolation", "--no-index")
        self.call(python, "-m", "pip", "install", "--quiet", "--no-compile", *offline, *what)
        self.assertIn("homeftp", self.services(python))
        self.assertIn("serve", self.call(python.with_name("homeftp"), "--help"))

    def test_plain(self) -> None:
        """`pip install .`"""
        self.assertInstalls(self.checkout)

    def test_editable(self) -> None:
        """`pip install -e .`, which a flat layout with a namespace package does not do by itself."""
        self.assertInstalls("-e", self.checkout)

    def test_wheel(self) -> None:
        """A wheel, with the code, the plugin and the mark of types; no tests, and no plugin cache of the build."""
        wheel = self.build("wheel")
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        for name in ("homeftp/py.typed", "homeftp/wire/codec.py", "twisted/plugins/homeftp_plugin.py"):
            self.assertIn(name, names)
        self.assertTrue(any(name.endswith("LICENSE") for name in names))
        tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
        self.assertEqual(tops, {"homeftp", "twisted"})
        self.assertEqual([name for name in names if name.endswith(("dropin.cache", ".pyc"))], [])
        self.assertEqual([name for name in names if name.startswith("twisted/") and name.endswith("__init__.py")], [])
        self.assertInstalls(wheel)

    def test_sdist(self) -> None:
        """An sdist, with all that is needed to test it and to read about it."""
        self.copy(SHIPPED)
        sdist = self.build("sdist")
        with tarfile.open(sdist) as archive:
            names = [name.partition("/")[2] for name in archive.getnames()]
        for name in (
            "LICENSE",
            "README.md",
            "CHANGELOG.md",
            "tox.ini",
            "benchmarks/transfer.py",
            "docs/index.rst",
            "docs/conf.py",
            "tests/system/test_packaging.py",
            "twisted/plugins/homeftp_plugin.py",
        ):
            self.assertIn(name, names)
        self.assertEqual([name for name in names if name.endswith(("dropin.cache", ".pyc"))], [])
        self.assertInstalls(sdist)


class OldestVersionsTests(SynchronousTestCase):
    """What setup.cfg promises about other packages is what is tested."""

    def test_mindeps(self) -> None:
        """tox's mindeps tests with exactly the oldest versions that setup.cfg allows."""

        def requirements(file: str, section: str, option: str, sign: str) -> dict[str, tuple[int, ...]]:
            parser = configparser.ConfigParser(interpolation=None)
            parser.read(CHECKOUT / file)
            lines = [line.split(";")[0].split(sign) for line in parser[section][option].strip().splitlines()]
            return {name.strip(): tuple(map(int, version.strip().split("."))) for name, version in lines}

        allowed = requirements("setup.cfg", "options", "install_requires", ">=")
        tested = requirements("tox.ini", "testenv:mindeps", "deps", "==")
        self.assertEqual({name: version[: len(allowed[name])] for name, version in tested.items()}, allowed)
        padding = [part for name, version in tested.items() for part in version[len(allowed[name]) :]]
        self.assertEqual(set(padding) - {0}, set())
