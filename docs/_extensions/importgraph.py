"""The imports of the package as a graph: read from the source, grouped by layer, and compared with a diagram.

Here is no Sphinx: `diagrams.py` draws what this module finds, and the tests
run it without building a page.
"""

from __future__ import annotations

import ast
import functools
import gc
from pathlib import Path
from typing import Iterable, Iterator, Mapping

parse = ast.parse
"""What parses a module; the tests put their own here, which has parsed most modules already."""

Graph = dict[str, set[str]]
"""The names that each name has an arrow to."""

PACKAGE = Path(__file__).parents[2] / "homeftp"


@functools.cache
def module_imports(package: Path = PACKAGE) -> Graph:
    """The modules of the package that each of its modules imports, without the package's own name.

    Read once for all diagrams; nothing changes the graph.

    `from a.b import c` is an import of `a.b.c` where that is a module, and of
    `a.b` where `c` is defined in it. Imports in functions and for type checkers
    count as well.
    """
    modules = _modules(package)
    graph: Graph = {}
    for name, path in modules.items():
        graph[name] = set()
        # No tree is kept: the garbage collector would look through all of them again and again.
        for imported in list(_imported(parse(path.read_text(encoding="utf-8")), package.name)):
            found = imported
            while found and found not in modules:
                found = found.rpartition(".")[0]
            if found and found != name:
                graph[name].add(found)
    return graph


@functools.cache
def _modules(package: Path) -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = list(path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def _trees(package: Path) -> dict[str, ast.Module]:
    """Every module of the package, parsed; for journeys."""
    gc.disable()
    try:
        return {name: parse(path.read_text(encoding="utf-8")) for name, path in _modules(package).items()}
    finally:
        gc.freeze()
        gc.enable()


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement of a module: no import is inside an expression, of which there are ten times as many."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo.extend(getattr(node, part, ()))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}."))


def group_of(module: str, groups: Iterable[str]) -> str | None:
    """The longest of the groups that a module is, or is below; None where it is in none."""
    found = [group for group in groups if f"{module}.".startswith(f"{group}.")]
    return max(found, key=len, default=None)


def grouped(modules: Mapping[str, Iterable[str]], groups: Iterable[str]) -> Graph:
    """The arrows between groups of modules, without those inside a group."""
    groups = tuple(groups)
    graph: Graph = {group: set() for group in groups}
    for module, imported in modules.items():
        here = group_of(module, groups)
        for there in (group_of(name, groups) for name in imported):
            if here is not None and there is not None and here != there:
                graph[here].add(there)
    return graph


def merged(graph: Mapping[str, Iterable[str]], boxes: Mapping[str, Iterable[str]]) -> Graph:
    """The graph with the names of each box as one name."""
    box_of = {name: box for box, names in boxes.items() for name in names}
    result: Graph = {box: set() for box in boxes}
    for name, others in graph.items():
        result[box_of[name]] |= {box_of[other] for other in others} - {box_of[name]}
    return result


def reachable(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Every name that arrows lead to from `start`, in one or more steps."""
    seen: set[str] = set()
    todo = list(graph.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(graph.get(name, ()))
    return seen


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """The names that arrows lead back to."""
    return sorted(name for name in graph if name in reachable(graph, name))


def reduced(graph: Mapping[str, Iterable[str]]) -> Graph:
    """The fewest arrows that lead from and to the same names. The graph must have no circle."""
    return {
        name: {other for other in others if not any(other in reachable(graph, via) for via in set(others) - {other})}
        for name, others in graph.items()
    }


def difference(drawn: Mapping[str, Iterable[str]], imports: Mapping[str, Iterable[str]]) -> list[str]:
    """What is wrong with a diagram: arrows that are no import, and imports that no arrows lead along."""
    wrong = []
    for name, others in sorted(drawn.items()):
        wrong += [f"{name} -> {other} is drawn, and no import" for other in set(others) - set(imports.get(name, ()))]
    for name, others in sorted(imports.items()):
        wrong += [f"{name} -> {other} is an import, and not drawn" for other in set(others) - reachable(drawn, name)]
    return wrong


def layers(text: str) -> dict[str, tuple[str, ...]]:
    """The boxes of a `layers` diagram, highest first, and the packages in each: `NAME: PACKAGE PACKAGE` a line."""
    lines = (line.partition(":") for line in text.splitlines() if line.strip())
    return {box.strip(): tuple(names.split()) for box, _, names in lines}


def layer_arrows(boxes: Mapping[str, tuple[str, ...]], modules: Mapping[str, Iterable[str]]) -> Graph:
    """The arrows between the boxes of a diagram, as few as lead along every import."""
    names = [name for names in boxes.values() for name in names]
    graph = merged(grouped(modules, names), boxes)
    return graph if circles(graph) else reduced(graph)


def layer_faults(boxes: Mapping[str, tuple[str, ...]], modules: Mapping[str, Iterable[str]]) -> list[str]:
    """What is wrong with the order of the boxes: names that are no module, and imports that run back up."""
    names = [name for names in boxes.values() for name in names]
    wrong = [f"{name} is no module" for name in names if all(group_of(each, [name]) is None for each in modules)]
    order = list(boxes)
    for name, others in layer_arrows(boxes, modules).items():
        wrong += [f"{name} -> {other} runs back up" for other in others if order.index(other) < order.index(name)]
    return wrong


Step = tuple[str, str, str, str]
"""One arrow of a journey: the module that calls, `->` or `=>`, the module that is called, and the name it calls."""


def journey(text: str) -> list[Step]:
    """The steps of a `journey` diagram, in order, one a line.

    `CALLER -> CALLED: NAME` is a call of something that the caller imports.
    `CALLER => CALLED: INTERFACE.METHOD` is a call through an interface.
    """
    steps = []
    for line in text.splitlines():
        if line.strip():
            arrow, _, name = line.partition(":")
            caller, kind, called = arrow.split()
            steps.append((caller, kind, called, name.strip()))
    return steps


def step_faults(step: Step, package: Path = PACKAGE) -> list[str]:
    """What of a step is not so in the code."""
    caller, kind, called, name = step
    trees = _trees(package)
    missing = [f"{module} is no module" for module in (caller, called) if module not in trees]
    if missing:
        return missing
    owner, _, member = name.rpartition(".")
    wrong = []
    if kind == "=>":
        contracts = [tree for module, tree in trees.items() if group_of(module, ["interfaces"])]
        if not any(member in _members(tree, owner) for tree in contracts):
            wrong.append(f"{name} is not in interfaces")
        if not _implemented(trees[called]) & {owner, *_extensions_of(owner, trees.values())}:
            wrong.append(f"{called} does not implement {owner}")
    else:
        if called not in module_imports(package)[caller]:
            wrong.append(f"{caller} does not import {called}")
        if member not in (_members(trees[called], owner) if owner else _defined(trees[called])):
            wrong.append(f"{name} is not in {called}")
    if member not in _used(trees[caller]):
        wrong.append(f"{caller} does not use {member}")
    return wrong


def _defined(tree: ast.Module) -> set[str]:
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _members(tree: ast.Module, owner: str) -> set[str]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner]
    return {
        node.name for each in classes for node in each.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _implemented(tree: ast.Module) -> set[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "implementer"]
    return {ast.unparse(argument) for call in calls for argument in call.args}


def _extensions_of(interface: str, trees: Iterable[ast.Module]) -> set[str]:
    """The interfaces whose base is this one."""
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name for node in classes if interface in {ast.unparse(base) for base in node.bases}}


def _used(tree: ast.Module) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
