"""The table of the layers of homeftp: what each package may import, and which modules open paths."""

from __future__ import annotations


def within(package: str, names: str) -> frozenset[str]:
    """Packages inside a package, as the table calls them."""
    return frozenset(f"{package}.{name}" for name in names.split())


VALUES = frozenset("config endpoint errors histogram history metadata model status".split())
CONTRACTS = VALUES | {"interfaces"}
TOOLS = frozenset("audit cluster control crypto discovery hashing host plugins syscalls tcp workers".split())
SHARED = CONTRACTS | TOOLS
STORE = CONTRACTS | {"hashing", "store.policy", "syscalls"}
CLUSTER = CONTRACTS | {"cluster", "hashing", "store.policy", "workers"}

CLIENT = within(
    "client",
    "aio api askeddigests batches connection dial download errors escapes files hashedlist known manage mirror opening"
    " plan reconnector remotehash seen selection session sync sync.local sync.merge tables transfer verifycopy writer",
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
    "metadata": frozenset({"model"}),
    "wire": VALUES,
    "interfaces": VALUES,
    "host": frozenset(),
    "tcp": frozenset(),
    "syscalls": VALUES,
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
    | {"cluster", "server.gate", "store.policy", "tcp", "workers"},
    "server.sftp.wire": CONTRACTS,
    "server.sftp.overlay": CONTRACTS | {"files", "server.sftp.wire", "store.policy", "workers"},
    "server.sftp.ssh": CONTRACTS | {"accounts.credentials", "crypto", "files"},
    "server.sftp": CONTRACTS
    | {"accounts", "crypto", "files", "host", "server.gate", "tcp", "workers"}
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
        "server.http",
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
    "client.files": CONTRACTS | {"hashing", "syscalls"} | within("client", "errors escapes selection tables"),
    "client.download": CONTRACTS | {"hashing"} | within("client", "connection errors"),
    "client.session": CONTRACTS | within("client", "connection"),
    "client.api": CONTRACTS | {"hashing", "wire"} | within("client", "connection download errors session"),
    "client.askeddigests": CONTRACTS | {"client.api", "hashing"},
    "client.dial": SHARED | within("client", "api connection errors"),
    "client.known": SHARED | {"wire"} | within("client", "api connection dial errors"),
    "client.reconnector": CONTRACTS | {"client.api", "client.errors"},
    "client.remotehash": CONTRACTS | {"hashing"} | within("client", "api batches"),
    "client.hashedlist": CONTRACTS | within("client", "api batches connection remotehash"),
    "client.verifycopy": CONTRACTS | {"client.api"},
    "client.writer": CONTRACTS | {"wire"} | within("client", "api batches connection"),
    "client.seen": CONTRACTS | {"client.api", "hashing"},
    "client.transfer": SHARED
    | {"wire"}
    | within("client", "api batches connection download errors files reconnector remotehash seen selection tables")
    | within("client", "verifycopy writer"),
    "client.mirror": CONTRACTS | within("client", "api batches files remotehash seen selection transfer"),
    "client.plan": CONTRACTS
    | {"hashing", "wire"}
    | within("client", "api askeddigests batches download errors escapes files mirror seen selection tables transfer")
    | within("client", "verifycopy writer"),
    "client.sync.local": CONTRACTS | {"hashing", "host", "syscalls", "client.files"},
    "client.sync.merge": SHARED | {"wire"} | within("client", "api batches files transfer"),
    "client.sync": SHARED
    | within("client", "api askeddigests batches errors escapes files mirror plan remotehash seen selection tables")
    | within("client", "reconnector sync.local sync.merge transfer"),
    "client.manage": CONTRACTS | within("client", "api plan remotehash seen"),
    "client.opening": SHARED
    | {"wire"}
    | within("client", "api errors known manage plan reconnector seen selection sync sync.merge transfer"),
    "client.aio": SHARED | {"wire"} | within("client", "connection known manage opening selection transfer"),
    "client": CLIENT,
    "cli.terminal": frozenset({"errors", "metadata", "model", "client"}),
    "cli.connect": SHARED | {"cli.terminal", "client"},
    "cli.transfer": frozenset({"errors", "cli.terminal", "client"}),
    "cli.pairs": frozenset({"cli.connect", "cli.terminal", "cli.transfer", "client", "crypto", "errors", "host"}),
    "cli.commands": CONTRACTS
    | {"cli.connect", "cli.pairs", "cli.terminal", "cli.transfer", "client", "crypto", "discovery", "host", "wire"}
    | {"syscalls"},
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
