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
from tests.support.layers import (
    DESCRIPTOR_CALLS,
    DESCRIPTORS,
    IN_DIRECTORY_CALLS,
    MAY_IMPORT,
    NO_PATHS,
    NOT_IN_WIRE,
    OPENS_PATHS,
    PATH_CALLS,
    PATH_MODULES,
    USES_REACTOR,
)

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


def sibling_graphs(graph: Mapping[str, set[str]]) -> dict[str, dict[str, set[str]]]:
    """For each package what lies side by side in it, modules and sub-packages, and what imports what there.

    A sub-package imports what any module in it imports. The import of a package's own `__init__` from within counts for
    no one, nor does what that `__init__` imports of its package.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for module, imported in graph.items():
        here = module.split(".")
        for name in imported:
            there = name.split(".")
            depth = next((n for n, (one, other) in enumerate(zip(here, there, strict=False)) if one != other), None)
            if depth is not None:
                siblings = found.setdefault(".".join(here[:depth]), {})
                one, other = ".".join(here[: depth + 1]), ".".join(there[: depth + 1])
                siblings.setdefault(one, set()).add(other)
                siblings.setdefault(other, set())
    return found
