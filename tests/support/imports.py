"""The layers of homeftp as a table: which package may import which, and which may open paths or use the reactor.

Each rule is a function from a module and its source to the violations in it,
so that test_imports.py can both enforce the rule and show that it notices.
"""

from __future__ import annotations

import ast
import functools
import gc
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Mapping

import homeftp

PACKAGE = Path(homeftp.__file__).parent

parse = functools.cache(ast.parse)
"""The tree of a source, parsed once for all rules. Nothing changes a tree."""


@contextmanager
def kept() -> Iterator[None]:
    """What is made in the block is kept: no garbage is looked for in it, neither meanwhile nor later.

    To do so takes three times as long as to parse.
    """
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def walk(tree: ast.AST) -> list[ast.AST]:
    """Every node of a tree, as `ast.walk` finds them but in half of its time; without those that are only a context."""
    found = [tree]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                found.extend([each for each in value if isinstance(each, ast.AST)])
            elif isinstance(value, ast.AST) and name != "ctx":
                found.append(value)
    return found


def statements(tree: ast.AST) -> list[ast.AST]:
    """Every statement of a tree: the definitions and the imports are among them, and no expression has to be seen."""
    found = [tree]
    for node in found:
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            found.extend(getattr(node, part, ()))
    return found


@functools.cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Every node of a source's tree, found once for all rules."""
    return tuple(walk(parse(source)))


def dotted(node: ast.AST) -> str:
    """The dotted name that an expression is; empty where it is anything else."""
    words = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""


def within(package: str, names: str) -> frozenset[str]:
    """Packages inside a package, as the table calls them."""
    return frozenset(f"{package}.{name}" for name in names.split())


VALUES = frozenset("config endpoint errors histogram history metadata.kept metadata.modes model status".split())
CONTRACTS = VALUES | {"interfaces"}
TOOLS = frozenset(
    "audit cluster control crypto discovery hashing host metadata.disks plugins syscalls tcp workers".split()
)
SHARED = CONTRACTS | TOOLS
STORE = CONTRACTS | {"hashing", "metadata.disks", "store.policy", "syscalls"}
CLUSTER = CONTRACTS | {"cluster", "hashing", "store.policy", "workers"}

CLIENT = within(
    "client",
    "aio api batches connection dial download errors escapes files hashedlist known manage mirror opening plan"
    " remotehash seen selection session sync sync.local sync.merge tables transfer verifycopy writer",
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "": frozenset(),
    "config": frozenset(),
    "histogram": frozenset(),
    "status": frozenset(),
    "errors": frozenset({"status"}),
    "endpoint": frozenset({"errors"}),
    "model": frozenset({"endpoint"}),
    "history": frozenset({"config", "endpoint", "errors", "model"}),
    "metadata": frozenset(),
    "metadata.kept": frozenset({"model"}),
    "metadata.modes": frozenset({"model"}),
    "wire": VALUES,
    "interfaces": VALUES,
    "host": frozenset(),
    "tcp": frozenset(),
    "syscalls": VALUES,
    "metadata.disks": VALUES | {"syscalls"},
    "workers": CONTRACTS,
    "hashing": VALUES,
    "crypto": VALUES,
    "discovery": VALUES,
    "audit": VALUES | {"cluster", "crypto", "host"},
    "control": VALUES | {"crypto", "host", "syscalls"},
    "cluster": CONTRACTS | {"crypto", "workers"},
    "cluster.dumps": VALUES | {"cluster", "crypto"},
    "store.policy": CONTRACTS,
    "store": CONTRACTS | {"hashing", "plugins", "store.cluster", "store.local", "store.policy"},
    "store.cluster.base": CLUSTER,
    "store.cluster.tables": CLUSTER | {"store.cluster.base"},
    "store.cluster.reading": CLUSTER | within("store.cluster", "base tables"),
    "store.cluster.writes": CLUSTER | within("store.cluster", "base reading tables"),
    "store.cluster.upkeep": CLUSTER | within("store.cluster", "base reading tables writes"),
    "store.cluster": CLUSTER | within("store.cluster", "base reading tables upkeep writes"),
    "store.local.disk": STORE | {"host"},
    "store.local.observing": STORE | {"store.local.disk"},
    "store.local.staging": STORE | {"store.local.disk"},
    "store.local.versions": STORE | {"store.local.disk"},
    "store.local.commit": STORE | within("store.local", "disk staging versions"),
    "store.local.writes": STORE | within("store.local", "commit disk staging versions"),
    "store.local.integrity": STORE | within("store.local", "commit disk versions writes"),
    "store.local": STORE | within("store.local", "commit disk integrity observing staging versions writes"),
    "files.jobs": CONTRACTS | {"store.policy", "workers"},
    "files.history": CONTRACTS | {"store.policy"},
    "files.watches": CONTRACTS | {"files.jobs"},
    "files": CONTRACTS | {"files.history", "files.jobs", "files.watches", "hashing", "store.policy", "workers"},
    "accounts.state": CONTRACTS | {"cluster", "crypto", "workers"},
    "accounts": CONTRACTS | {"accounts.state", "audit", "crypto", "files", "host", "store.policy"},
    "accounts.credentials": CONTRACTS | {"accounts"},
    "accounts.links": CONTRACTS | {"accounts", "accounts.credentials", "accounts.state", "audit", "store.policy"},
    "accounts.sessions": CONTRACTS | {"accounts", "accounts.credentials", "accounts.state", "audit", "crypto"},
    "dispatchers": CONTRACTS | {"plugins", "wire"},
    "plugins": VALUES,
    "server.gate": CONTRACTS
    | {
        "accounts",
        "audit",
        "control",
        "crypto",
        "files",
    },
    "server.json": CONTRACTS
    | {"accounts", "audit", "crypto", "dispatchers", "files", "server.gate", "store.policy", "tcp", "wire"},
    "server.http": CONTRACTS
    | {"accounts", "accounts.credentials", "accounts.links", "accounts.sessions", "crypto", "hashing", "host"}
    | {"server.gate", "store.policy", "tcp", "workers"},
    "server.sftp.wire": CONTRACTS,
    "server.sftp.overlay": CONTRACTS | {"files", "server.sftp.wire", "store.policy"},
    "server.sftp.ssh": CONTRACTS | {"accounts.credentials", "crypto", "files"},
    "server.sftp": CONTRACTS
    | {"accounts", "crypto", "files", "host", "server.gate", "tcp"}
    | within("server.sftp", "overlay ssh wire"),
    "server.monitoring": CONTRACTS
    | {"accounts", "cluster", "control", "files", "server.gate", "server.http", "workers"},
    "server.store": CONTRACTS
    | {"audit", "control", "crypto", "files", "files.watches", "hashing", "store", "store.policy", "workers"},
    "server.frontends": CONTRACTS
    | {"accounts", "accounts.links", "accounts.sessions", "crypto", "plugins", "server.http"},
    "server": SHARED
    | {"accounts", "dispatchers", "files", "files.watches", "server.frontends", "server.gate", "server.json"}
    | {
        "accounts.credentials",
        "accounts.links",
        "accounts.sessions",
        "accounts.state",
        "server.sftp",
        "server.store",
        "store",
    }
    | {"cluster.dumps", "server.monitoring", "store.cluster.base", "store.policy"},
    "standalone": VALUES | {"syscalls"},
    "optionvalues": VALUES,
    "tap": VALUES | {"accounts", "crypto", "optionvalues", "server", "standalone", "store"},
    "client.batches": VALUES,
    "client.errors": VALUES,
    "client.connection": SHARED | {"client.errors", "wire"},
    "client.escapes": VALUES,
    "client.tables": frozenset(),
    "client.selection": VALUES | {"client.escapes"},
    "client.files": CONTRACTS
    | {"hashing", "metadata.disks", "syscalls"}
    | within("client", "errors escapes selection tables"),
    "client.download": CONTRACTS | {"hashing"} | within("client", "connection errors"),
    "client.session": CONTRACTS | within("client", "connection"),
    "client.api": CONTRACTS | {"hashing", "wire"} | within("client", "connection download errors session"),
    "client.dial": SHARED | within("client", "api connection errors"),
    "client.known": SHARED | {"wire"} | within("client", "api connection dial errors"),
    "client.remotehash": CONTRACTS | {"hashing"} | within("client", "api batches"),
    "client.hashedlist": CONTRACTS | within("client", "api batches connection remotehash"),
    "client.verifycopy": CONTRACTS | {"client.api"},
    "client.writer": CONTRACTS | {"wire"} | within("client", "api batches connection"),
    "client.seen": CONTRACTS | {"client.api", "hashing"},
    "client.transfer": SHARED
    | {"wire"}
    | within("client", "api batches connection download errors files remotehash seen selection tables")
    | within("client", "verifycopy writer"),
    "client.mirror": CONTRACTS | within("client", "api batches files remotehash seen selection transfer"),
    "client.plan": CONTRACTS
    | {"hashing", "wire"}
    | within("client", "api batches download errors escapes files mirror seen selection tables transfer")
    | within("client", "verifycopy writer"),
    "client.sync.local": CONTRACTS | {"hashing", "host", "syscalls", "client.files"},
    "client.sync.merge": SHARED | {"wire"} | within("client", "api batches files transfer"),
    "client.sync": SHARED
    | within("client", "api batches errors escapes files mirror plan remotehash seen selection tables transfer")
    | within("client", "sync.local sync.merge"),
    "client.manage": CONTRACTS | within("client", "api plan remotehash seen"),
    "client.opening": SHARED
    | {"wire"}
    | within("client", "api errors known manage plan seen selection sync sync.merge transfer"),
    "client.aio": SHARED | {"wire"} | within("client", "connection known manage opening selection transfer"),
    "client": CLIENT,
    "cli.terminal": frozenset({"errors", "metadata.modes", "model", "client"}),
    "cli.connect": SHARED | {"cli.terminal", "client"},
    "cli.transfer": frozenset({"errors", "cli.terminal", "client"}),
    "cli.pairs": frozenset({"cli.connect", "cli.terminal", "cli.transfer", "client", "crypto", "errors", "host"}),
    "cli.commands": CONTRACTS
    | {"cli.connect", "cli.pairs", "cli.terminal", "cli.transfer", "client", "crypto", "discovery", "host", "wire"},
    "cli.owner": SHARED
    | {"accounts", "accounts.credentials", "cli.terminal", "optionvalues", "server", "store", "store.cluster.base"}
    | {"store.cluster.tables", "store.policy", "tap"},
    "cli.clusters": SHARED
    | {"accounts", "accounts.state", "cli.terminal", "cli.transfer", "cluster.dumps", "server", "store"}
    | {"store.cluster", "store.cluster.base", "store.cluster.tables", "store.cluster.upkeep"},
    "cli.service": SHARED | {"cli.owner", "cli.pairs", "cli.terminal", "client", "tap"},
    "cli.status": SHARED
    | {"accounts", "cli.connect", "cli.owner", "cli.pairs", "cli.terminal", "client", "store.policy"},
    "cli": frozenset(
        {
            "",
            "errors",
            "client",
            "cli.clusters",
            "cli.commands",
            "cli.connect",
            "cli.owner",
            "cli.status",
            "cli.terminal",
        }
    ),
    "__main__": frozenset({"cli"}),
    "testing": SHARED
    | CLIENT
    | frozenset(
        (
            "accounts accounts.credentials accounts.links accounts.sessions client dispatchers files files.watches"
            " server server.gate server.http server.json store store.local store.policy wire"
        ).split()
    ),
}
"""Each package, and the packages that its modules may import besides each other. Imports run one way."""

MOST_MODULES = 14
"""Modules directly in one package, at most, beside its `__init__`."""

USES_REACTOR = frozenset({"cli", "client.aio", "client.opening", "tap"})
"""Packages whose functions may use the global reactor: commands, and what a program calls without a reactor."""

NOT_IN_WIRE = frozenset({"twisted", "zope", "asyncio", "io", "os", "pathlib", "socket", "ssl", "threading", "time"})
"""Modules that the wire may not import: it has no input, no output and no clock."""

NO_PATHS = frozenset({"server", "dispatchers", "store"})
"""Packages of the server that open no path, except in the modules of `OPENS_PATHS`."""

OPENS_PATHS = frozenset(
    {"store.local.disk.privatefiles", "store.local.disk.resolver", "store.local.disk.saferoot"},
)
"""The first opens only single names of the server's own, from an open directory."""

PATH_CALLS = frozenset(
    (
        "access chdir chmod chown chroot fwalk getxattr lchmod lchown link listdir listxattr lstat makedirs mkdir"
        " mkfifo mknod open pathconf popen readlink remove removedirs removexattr rename renames replace rmdir"
        " scandir setxattr startfile stat statvfs symlink system truncate unlink utime walk"
    ).split()
)
"""The functions of `os` that take a path."""

DESCRIPTOR_CALLS = frozenset({"getxattr", "listdir", "scandir", "setxattr", "utime"})
"""Those that take a descriptor in its place."""

DESCRIPTORS = ("fd", "directory", "_folder", "_incoming")
"""Names of variables that hold descriptors in the local store."""

IN_DIRECTORY_CALLS = frozenset({"rmdir", "stat", "unlink"})
"""Those that follow no link at the end of a name in `dir_fd`; stat only with `follow_symlinks=False`."""

PATH_MODULES = frozenset({"glob", "pathlib", "shutil", "subprocess", "tempfile", "twisted.python.filepath"})
"""Modules that open paths for their importers."""


def package(module: str) -> str:
    """The name in the table of a module's dotted name inside homeftp: the longest that it begins with."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in MAY_IMPORT), parts[0])


def imports(module: str, source: str) -> Iterator[str]:
    """The dotted name of everything that is imported anywhere in the source, in functions too."""
    package = ["homeftp", *module.split(".")]
    for node in statements(parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{name}.{alias.name}" for alias in node.names)


def wrong_direction(module: str, source: str) -> list[str]:
    """Imports of packages that this module's package may not import."""
    here = package(module)
    found = []
    for name in imports(module, source):
        parts = name.split(".")
        if parts[0] != "homeftp" or len(parts) < 2 or parts[1].startswith("__"):
            continue
        there = package(".".join(parts[1:]))
        if there != here and there not in MAY_IMPORT[here]:
            found.append(f"homeftp.{module} imports {name}")
    return found


def impure(module: str, source: str) -> list[str]:
    """Imports of input, output, clocks and Twisted in the wire."""
    if package(module) != "wire":
        return []
    return [f"homeftp.{module} imports {name}" for name in imports(module, source) if name.split(".")[0] in NOT_IN_WIRE]


def global_reactor(module: str, source: str) -> list[str]:
    """The global reactor anywhere but inside a function of the packages that programs and people start from."""
    inside = {
        id(node)
        for function in statements(parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in walk(function)
    }
    found = []
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [dotted(node)]
        else:
            continue
        installs = any(name.endswith("twisted.internet.reactor") for name in names)
        may = package(module) in USES_REACTOR or package(module).split(".")[0] in USES_REACTOR
        if installs and not (may and id(node) in inside):
            found.append(f"homeftp.{module}, line {node.lineno}, imports the global reactor")
    return found


def beneath_root(call: ast.Call) -> bool:
    """Whether a call in the store stays in a directory that the safe root has opened."""
    function = dotted(call.func).removeprefix("os.")
    if function in DESCRIPTOR_CALLS:
        return bool(call.args) and ast.unparse(call.args[0]).split(".")[-1] in DESCRIPTORS
    if function in IN_DIRECTORY_CALLS:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        return "dir_fd" in given and (function != "stat" or given.get("follow_symlinks") == "False")
    return False


def opened_path(module: str, source: str) -> list[str]:
    """Paths opened in the server's packages outside the safe root. The store may use descriptors that it has opened."""
    if module.split(".")[0] not in NO_PATHS or module in OPENS_PATHS:
        return []
    found = [
        f"homeftp.{module} imports {name}"
        for name in imports(module, source)
        if any(f"{name}.".startswith(f"{forbidden}.") for forbidden in PATH_MODULES)
        or (name.startswith("os.") and name[3:] in PATH_CALLS)
    ]
    allowed = {
        id(node.func)
        for node in nodes(source)
        if isinstance(node, ast.Call) and module.split(".")[0] == "store" and beneath_root(node)
    }
    for node in nodes(source):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in allowed:
            spelled = dotted(node)
            if spelled in ("open", "io.open") or (spelled.startswith("os.") and spelled[3:] in PATH_CALLS):
                found.append(f"homeftp.{module}, line {node.lineno}, uses {spelled}")
    return found


@functools.cache
def modules() -> tuple[tuple[str, str], ...]:
    """Every module of homeftp: its dotted name inside the package, and its source, which is parsed."""
    found = []
    with kept():
        for path in sorted(PACKAGE.rglob("*.py")):
            parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            source = path.read_text(encoding="utf-8")
            found.append((".".join(parts), source))
            nodes(source)
    return tuple(found)


def module_graph(sources: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """For each module the modules that it imports anywhere, `TYPE_CHECKING` blocks and functions included.

    The packages that a module lies in do not count: importing one imports them.
    """
    listed = dict(sources)
    graph: dict[str, set[str]] = {}
    for module, source in listed.items():
        found = set()
        for name in imports(module, source):
            parts = name.split(".")
            if parts[0] != "homeftp":
                continue
            names = (".".join(parts[1:length]) for length in range(len(parts), 1, -1))
            imported = next((each for each in names if each in listed), "")
            if imported and imported != module and not module.startswith(f"{imported}."):
                found.add(imported)
        graph[module] = found
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one import circle, in order; empty where there is none."""
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        todo: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))]
        while todo:
            module, imported = todo[-1]
            if module not in path:
                path.append(module)
            following = next((each for each in imported if each not in done), None)
            if following is None:
                done.add(module)
                todo.pop()
                path.remove(module)
            elif following in path:
                return path[path.index(following) :]
            else:
                todo.append((following, iter(sorted(graph[following]))))
    return []


def crowded(names: Iterable[str], most: int) -> dict[str, int]:
    """Packages with more than `most` of these modules directly in them, and how many they have."""
    counts = Counter(name.rpartition(".")[0] for name in names)
    return {package: count for package, count in counts.items() if count > most}
