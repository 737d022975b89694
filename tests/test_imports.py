"""The house plan, enforced: which room may import which, and which room may touch what.

Each rule is a function from a module and its source to what is wrong with it,
so that each can be shown to notice.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

import homeftp

PACKAGE = Path(homeftp.__file__).parent

GROUND = frozenset({"config", "errors", "status"})
CONTRACTS = GROUND | {"wire", "values", "interfaces"}
TOOLS = frozenset({"identity", "index", "private", "syscalls", "tls", "tree", "workers"})
SHARED = CONTRACTS | TOOLS

MAY_IMPORT: dict[str, frozenset[str]] = {
    "": frozenset(),
    "config": frozenset(),
    "status": frozenset(),
    "errors": frozenset({"status"}),
    "wire": GROUND,
    "values": GROUND | {"wire"},
    "interfaces": GROUND | {"wire", "values"},
    **dict.fromkeys(TOOLS, SHARED),
    "store": SHARED,
    "accounts": SHARED,
    "dispatchers": SHARED,
    "plugins": frozenset(),
    "server": SHARED | {"accounts", "dispatchers", "store"},
    "tap": SHARED | {"accounts", "dispatchers", "server", "store"},
    "client": SHARED,
    "cli": SHARED | {"accounts", "client", "tap"},
    "__main__": frozenset({"cli"}),
    "testing": SHARED | {"accounts", "client", "dispatchers", "server", "store"},
}
"""Each room, and the rooms that it may import besides itself. Imports run one way."""

NOT_IN_WIRE = frozenset({"twisted", "zope", "asyncio", "io", "os", "pathlib", "socket", "ssl", "threading", "time"})
"""The wire's rules have no input, no output and no clock."""

NO_PATHS = frozenset({"server", "dispatchers", "store"})
"""The rooms of the server that open no path: store/jail.py does it for them."""

OPENS_PATHS = frozenset({"store.jail"})

PATH_CALLS = frozenset(
    (
        "access chdir chmod chown chroot fwalk getxattr lchmod lchown link listdir listxattr lstat makedirs mkdir"
        " mkfifo mknod open pathconf popen readlink remove removedirs removexattr rename renames replace rmdir"
        " scandir setxattr startfile stat statvfs symlink system truncate unlink utime walk"
    ).split()
)
"""The functions of `os` that take a path."""

PATH_MODULES = frozenset({"glob", "pathlib", "shutil", "subprocess", "tempfile", "twisted.python.filepath"})
"""Modules that open paths for whoever imports them."""


def room(module: str) -> str:
    """The room of a module's dotted name inside homeftp; the package itself is ""."""
    return module.split(".")[0]


def imports(module: str, source: str) -> Iterator[str]:
    """The dotted name of everything that is imported anywhere in the source, in functions too."""
    package = ["homeftp", *module.split(".")]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)


def wrong_direction(module: str, source: str) -> list[str]:
    """Imports of rooms that this module's room may not know."""
    here = room(module)
    found = []
    for name in imports(module, source):
        parts = name.split(".")
        if parts[0] != "homeftp" or len(parts) < 2 or parts[1].startswith("__"):
            continue
        if parts[1] != here and parts[1] not in MAY_IMPORT[here]:
            found.append(f"homeftp.{module} imports {name}")
    return found


def impure(module: str, source: str) -> list[str]:
    """Input, output, clocks and Twisted in the wire's rules."""
    if room(module) != "wire":
        return []
    return [f"homeftp.{module} imports {name}" for name in imports(module, source) if name.split(".")[0] in NOT_IN_WIRE]


def global_reactor(module: str, source: str) -> list[str]:
    """The global reactor anywhere but inside a function of tap or cli."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        else:
            continue
        installs = any(name.endswith("twisted.internet.reactor") for name in names)
        if installs and (room(module) not in ("tap", "cli") or id(node) not in inside):
            found.append(f"homeftp.{module}, line {node.lineno}, imports the global reactor")
    return found


def opened_path(module: str, source: str) -> list[str]:
    """Paths opened in the server's rooms outside the jail."""
    if room(module) not in NO_PATHS or module in OPENS_PATHS:
        return []
    found = [
        f"homeftp.{module} imports {name}"
        for name in imports(module, source)
        if any(f"{name}.".startswith(f"{forbidden}.") for forbidden in PATH_MODULES)
        or (name.startswith("os.") and name[3:] in PATH_CALLS)
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute | ast.Name):
            spelled = ast.unparse(node)
            if spelled in ("open", "io.open") and not isinstance(node.ctx, ast.Load):
                continue
            if spelled in ("open", "io.open") or (spelled.startswith("os.") and spelled[3:] in PATH_CALLS):
                found.append(f"homeftp.{module}, line {node.lineno}, uses {spelled}")
    return found


def modules() -> Iterator[tuple[str, str]]:
    """Every module of homeftp: its dotted name inside the package, and its source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        yield ".".join(parts), path.read_text(encoding="utf-8")


class HousePlanTests(SynchronousTestCase):
    """The rules, over the whole package."""

    def test_every_room_is_in_the_plan(self) -> None:
        """A new room is given its place in the table before anything is put in it."""
        self.assertEqual({room(module) for module, _ in modules()} - set(MAY_IMPORT), set())

    def test_table_runs_one_way(self) -> None:
        """No two rooms may import each other, however far apart; the shared tools are one room in this."""

        def reached(start: str) -> set[str]:
            seen: set[str] = set()
            todo = [start]
            while todo:
                for name in MAY_IMPORT[todo.pop()] - seen:
                    seen.add(name)
                    todo.append(name)
            return seen

        for name in set(MAY_IMPORT) - TOOLS:
            self.assertNotIn(name, reached(name))
        for name in TOOLS:
            self.assertEqual(reached(name) - SHARED, set())

    def test_direction(self) -> None:
        """A room imports only what lies below it."""
        self.assertEqual([wrong for each in modules() for wrong in wrong_direction(*each)], [])

    def test_wire_is_pure(self) -> None:
        """The wire's rules can be run, tested and fuzzed without Twisted, a disk or a clock."""
        self.assertEqual([wrong for each in modules() for wrong in impure(*each)], [])

    def test_reactor_is_passed_in(self) -> None:
        """The global reactor appears only in tap and cli, inside functions: everywhere else it is an argument."""
        self.assertEqual([wrong for each in modules() for wrong in global_reactor(*each)], [])

    def test_only_the_jail_opens_paths(self) -> None:
        """What a client names is opened in one place, store/jail.py, however many verbs there are."""
        self.assertEqual([wrong for each in modules() for wrong in opened_path(*each)], [])

    def test_plugin_module_is_light(self) -> None:
        """`twistd --help` imports none of homeftp: the plugin only names the module that makes the service."""
        source = (PACKAGE.parent / "twisted" / "plugins" / "homeftp_plugin.py").read_text(encoding="utf-8")
        named = {name.split(".")[0] for name in imports("", source)}
        self.assertEqual(named - {"__future__", "twisted"}, set())


class ControlTests(SynchronousTestCase):
    """Each rule, shown to notice: what it must find, and what it must leave alone."""

    def test_direction(self) -> None:
        """An import against the plan is found at module level, in a function, when conditional and when relative."""
        for module, source in [
            ("wire.codec", "from homeftp.values import Claim"),
            ("wire.codec", "import homeftp.server.protocol"),
            ("wire.codec", "from homeftp import interfaces"),
            ("server.session", "def f():\n    from homeftp.client import connect"),
            ("client.api", "if TYPE_CHECKING:\n    from homeftp.store.share import Share"),
            ("client.api", "from ..server import factory"),
            ("store.share", "from homeftp.dispatchers.get import Get"),
            ("dispatchers.get", "from ..store import jail"),
        ]:
            self.assertEqual(len(wrong_direction(module, source)), 1, source)
        for module, source in [
            ("wire.codec", "from homeftp.errors import BadRequest"),
            ("wire.codec", "from . import messages"),
            ("wire.codec", "from .messages import Entry"),
            ("server.session", "from homeftp import __version__"),
            ("server.session", "from homeftp.accounts.realm import Realm"),
        ]:
            self.assertEqual(wrong_direction(module, source), [], source)

    def test_wire_is_pure(self) -> None:
        """Twisted, a socket and a clock are found in the wire, and only there."""
        for source in ("from twisted.protocols import basic", "import socket", "def f():\n    import time"):
            self.assertEqual(len(impure("wire.codec", source)), 1, source)
            self.assertEqual(impure("server.protocol", source), [])
        self.assertEqual(impure("wire.codec", "import enum\nimport msgspec"), [])

    def test_reactor_is_passed_in(self) -> None:
        """Each way to reach the global reactor is found; only a function of tap or cli may use one."""
        for source in (
            "from twisted.internet import reactor",
            "import twisted.internet.reactor as r",
            "from twisted import internet\ntwisted.internet.reactor.run()",
        ):
            self.assertEqual(len(global_reactor("tap", source)), 1, source)
            inside = "def f():\n" + "".join(f"    {line}\n" for line in source.splitlines())
            self.assertEqual(global_reactor("tap", inside), [])
            self.assertEqual(global_reactor("cli.main", inside), [])
            self.assertEqual(len(global_reactor("server.service", inside)), 1, source)
        self.assertEqual(global_reactor("server.service", "from twisted.internet.interfaces import IReactorTime"), [])

    def test_only_the_jail_opens_paths(self) -> None:
        """Each way to open a path is found in the server's rooms; descriptors are free, and so is the jail."""
        for source in (
            "os.open(path, 0)",
            "opener = os.open",
            "open(path)",
            "with io.open(path): pass",
            "os.rename(a, b, src_dir_fd=fd)",
            "from os import unlink",
            "from pathlib import Path",
            "import shutil",
            "from twisted.python.filepath import FilePath",
        ):
            for name in NO_PATHS:
                self.assertEqual(len(opened_path(f"{name}.x", source)), 1, source)
            self.assertEqual(opened_path("store.jail", source), [])
            self.assertEqual(opened_path("client.transfer", source), [])
        for source in ("os.fsync(fd)", "os.fstat(fd)", "share.open(endpoint)", "def open(self): pass", "import os"):
            self.assertEqual(opened_path("store.share", source), [], source)
