"""Builds a Debian package of this checkout: `python3 packaging/build_deb.py [FOLDER]`, with Debian's own python3.

The package has homeftp with the libraries that it needs in /usr/lib/homeftp, a unit for systemd, a configuration file,
manual pages and completion scripts. It is for the architecture and the version of Python that it is built with.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PARTS = Path(__file__).resolve().parent / "deb"
PYTHON = "/usr/bin/python3"
"""The interpreter that the package runs with: the compiled libraries fit no other."""

LIBRARIES = Path("usr/lib/homeftp")

_SOURCES = ("homeftp", "twisted", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
"""What pip needs of the checkout: nothing that a test or a build has left there."""

CONTROL = """\
Package: homeftp
Version: {version}
Architecture: {architecture}
Maintainer: The homeftp authors
Depends: python3 (>= {python}), python3 (<< {next_python}), passwd
Recommends: systemd
Section: net
Priority: optional
Description: file server for the home, and its client
 Shares a folder with the family's other machines over TLS, and answers the
 question whether a copy is the same as the original.
"""

WARM_UP = """\
import sys
sys.path.insert(0, sys.argv[1])
import homeftp.plugins, twisted.plugins
from twisted.plugin import IPlugin, getPlugins
list(getPlugins(IPlugin)), list(getPlugins(IPlugin, homeftp.plugins))
"""
"""Makes Twisted's lists of plugins, which the server could not write later."""

HELP = """\
import os, sys
sys.path.insert(0, sys.argv[1])
from homeftp.cli import main, manpages
status = manpages.main([sys.argv[2]])
for each in sys.argv[3:]:
    shell, _, path = each.partition("=")
    with open(path, "xb") as script:
        os.dup2(script.fileno(), 1)
    status |= main.main(["completion", shell])
    sys.stdout.flush()
sys.exit(status)
"""
"""Writes the manual pages, and the completion script of each shell, in one interpreter: to import takes the time."""

COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/homeftp",
    "zsh": "usr/share/zsh/vendor-completions/_homeftp",
    "fish": "usr/share/fish/vendor_completions.d/homeftp.fish",
}
"""Where Debian's shells look for the scripts of packages."""


def said(*command: str) -> str:
    """What a command prints; its failure ends the build."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _environment() -> dict[str, str]:
    """The environment without what points the system's interpreter to the libraries of another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def unit() -> str:
    """The unit of the documentation, for the program and the configuration file of the package."""
    text = (CHECKOUT / "docs" / "owner" / "homeftp.service").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/usr/bin/homeftp serve --config /etc/homeftp/homeftp.ini", text)
    return re.sub(r"(?m)^(Requires|Also)=homeftp\.socket\n", "", text)


def version() -> str:
    """The version of this checkout."""
    found = re.search(r'__version__ = "([^"]+)"', (CHECKOUT / "homeftp" / "__init__.py").read_text(encoding="utf-8"))
    assert found is not None, "homeftp/__init__.py has the version"
    return found[1]


def architecture() -> str:
    """Debian's name for this machine's architecture."""
    return said("dpkg", "--print-architecture")


def lay_out(tree: Path, pip: list[str]) -> None:
    """Write all files of the package beneath `tree`; `pip` has options for pip."""
    libraries = tree / LIBRARIES
    with tempfile.TemporaryDirectory() as copy:  # pip leaves files beside the source that it builds
        source = Path(copy) / "source"
        source.mkdir()
        for name in _SOURCES:
            path = CHECKOUT / name
            if path.is_dir():
                skip = shutil.ignore_patterns("__pycache__", "dropin.cache")
                shutil.copytree(path, source / name, ignore=skip)
            else:
                shutil.copyfile(path, source / name)
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(libraries), *pip]
        subprocess.run([*command, str(source)], check=True, env=_environment())
    shutil.rmtree(libraries / "bin", ignore_errors=True)
    for name, target, mode in (
        ("homeftp", "usr/bin/homeftp", 0o755),
        ("homeftp.ini", "etc/homeftp/homeftp.ini", 0o644),
        ("postinst", "DEBIAN/postinst", 0o755),
        ("prerm", "DEBIAN/prerm", 0o755),
        ("postrm", "DEBIAN/postrm", 0o755),
    ):
        path = tree / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PARTS / name, path)
        path.chmod(mode)
    service = tree / "usr/lib/systemd/system/homeftp.service"
    service.parent.mkdir(parents=True)
    service.write_text(unit(), encoding="utf-8")
    (tree / "DEBIAN" / "conffiles").write_text("/etc/homeftp/homeftp.ini\n", encoding="ascii")
    major, minor = said(PYTHON, "-c", "import sys; print(*sys.version_info[:2])").split()
    (tree / "DEBIAN" / "control").write_text(
        CONTROL.format(
            version=version(),
            architecture=architecture(),
            python=f"{major}.{minor}",
            next_python=f"{major}.{int(minor) + 1}",
        ),
        encoding="utf-8",
    )
    has_libraries = "--no-deps" not in pip
    if has_libraries:
        subprocess.run([PYTHON, "-I", "-c", WARM_UP, str(libraries)], check=True, env=_environment())
    write_help(tree, PYTHON if has_libraries else sys.executable)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    subprocess.run(
        [PYTHON, "-m", "compileall", "-q", "-s", str(tree), "-p", "/", str(libraries)], check=True, env=_environment()
    )


def write_help(tree: Path, interpreter: str) -> None:
    """Write the manual pages and the completion scripts; they are made from the program's own parsers."""
    pages = tree / "usr/share/man/man1"
    for target in COMPLETIONS.values():
        (tree / target).parent.mkdir(parents=True)
    scripts = [f"{shell}={tree / target}" for shell, target in COMPLETIONS.items()]
    command = [interpreter, "-I", "-B", "-c", HELP, str(tree / LIBRARIES), str(pages), *scripts]
    subprocess.run(command, check=True, env=_environment())
    for page in list(pages.iterdir()):
        (pages / f"{page.name}.gz").write_bytes(gzip.compress(page.read_bytes(), mtime=0))
        page.unlink()


def main() -> int:
    """Build it; prints the path of the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="dist", help="where to write the package (default: dist)")
    parser.add_argument("--pip", action="append", default=[], metavar="OPTION", help="an option for pip; repeatable")
    parser.add_argument("--compression", default="xz", help="how dpkg-deb compresses it (default: xz)")
    options = parser.parse_args()
    folder = Path(options.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        tree.mkdir(mode=0o755)
        lay_out(tree, options.pip)
        package = folder / f"homeftp_{version()}_{architecture()}.deb"
        command = ["dpkg-deb", f"-Z{options.compression}", "--root-owner-group", "--build", str(tree), str(package)]
        subprocess.run(command, check=True, stdout=2)
    sys.stdout.write(f"{package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
