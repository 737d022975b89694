"""Warns, and so ends the build, where a page of the reference does not show what it should.

Complains of a page that documents nothing, of an `automodule` or a class
without members, of public names and of names that the listings import which no
page has, and of signatures without types. autodoc says nothing of all these.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any, Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

_logger = logging.getLogger(__name__)

CALLED = ("function", "method", "classmethod", "staticmethod")
UNTYPED = ("self", "cls", "*", "/")
GENERATED = re.compile(r"Alias for field number|<(?:InterfaceClass|function|factory|class|object)\b")
"""What Python says of an object that has no other text."""
INTERFACE = re.compile(r"I[A-Z]\w*")


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Look at every page of the reference."""
    for page in sorted(env.found_docs):
        if page.startswith("reference/"):
            for fault in page_faults(env, page):
                _logger.warning("%s", fault, location=page)
    for module in app.config.public_modules:
        for name in sorted(public_names(module) - _documented(env, module)):
            _logger.warning("no page of the reference has %s.%s", module, name)
    for listing in sorted(listings(Path(app.srcdir))):
        for module, name in imported(listing.read_text(encoding="utf-8"), app.config.listings_import):
            if not _has(env, module, name):
                _logger.warning("no page of the reference has %s.%s, which %s imports", module, name, listing.name)


def listings(source: Path) -> Iterator[Path]:
    """The files of the documentation that are shown as they are: programs."""
    for path in source.rglob("*"):
        if (
            path.suffix in (".py", ".tac")
            and path.parent != source
            and not path.parts[len(source.parts)].startswith("_")
        ):
            yield path


def imported(program: str, package: str) -> Iterator[tuple[str, str]]:
    """The names that a program imports from the modules of a package; not from plugins, which are others' own."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{package}."):
            yield from ((node.module, each.name) for each in node.names if ".plugins" not in f".{node.module}")


def page_faults(env: BuildEnvironment, page: str) -> Iterator[str]:
    """What is missing on one page."""
    doctree = env.get_doctree(page)
    described = list(doctree.findall(addnodes.desc))
    if not described and not list(doctree.findall(addnodes.toctree)):
        yield "this page of the reference documents nothing"
    domain = env.get_domain("py").data
    for module, entry in domain["modules"].items():
        if entry.docname == page and not _below(domain["objects"], module, page):
            yield f"automodule:: {module} documents no member"
    for desc in described:
        yield from _desc_faults(desc)


def _below(objects: dict[str, Any], module: str, page: str) -> list[str]:
    return [
        name
        for name, entry in objects.items()
        if entry.docname == page and entry.objtype != "module" and name.startswith(f"{module}.")
    ]


def _desc_faults(desc: addnodes.desc) -> Iterator[str]:
    kind = desc["objtype"]
    for signature in desc.findall(addnodes.desc_signature):
        if signature.parent is not desc:
            continue
        name = signature["ids"][0] if signature["ids"] else signature.astext()
        content = next(iter(desc.findall(addnodes.desc_content)))
        if GENERATED.search(signature.astext()) or GENERATED.match(content.astext()):
            yield f"{name} shows what Python calls it, and not what it is"
        empty = not list(content.findall(addnodes.desc))
        if kind == "class" and empty and not _is_alias(content) and not _joins(signature):
            yield f"{name} documents no member"
        if kind not in ("attribute", "property") and not content.astext().strip():
            yield f"{name} has no description"
        if kind in CALLED:
            if not list(signature.findall(addnodes.desc_returns)):
                yield f"{name} does not say what it returns"
            for parameter in signature.findall(addnodes.desc_parameter):
                if parameter.astext() not in UNTYPED and ":" not in parameter.astext():
                    yield f"{name} does not say the type of {parameter.astext()}"


def _is_alias(content: nodes.Element) -> bool:
    return content.astext().strip().startswith("alias of")


def _joins(signature: nodes.Element) -> bool:
    """Whether it is an interface that only joins others, so that it has no member of its own."""
    bases = [base.astext() for base in signature.findall(addnodes.desc_parameter)]
    return bool(bases) and all(INTERFACE.fullmatch(base) for base in bases)


def public_names(module: str) -> set[str]:
    """What a module offers: its `__all__`, or else the classes and functions that it defines."""
    loaded = importlib.import_module(module)
    if hasattr(loaded, "__all__"):
        return set(loaded.__all__)
    return {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
    }


def _documented(env: BuildEnvironment, module: str) -> set[str]:
    """The names of a module that the reference has, under its own name or that of the module that defines them."""
    return {name for name in public_names(module) if _has(env, module, name)}


def _has(env: BuildEnvironment, module: str, name: str) -> bool:
    """Whether the reference has a name of a module, or the module of that name."""
    domain = env.get_domain("py").data
    value = getattr(importlib.import_module(module), name)
    homes = {module, getattr(value, "__module__", None)}
    return f"{module}.{name}" in domain["modules"] or any(f"{home}.{name}" in domain["objects"] for home in homes)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("public_modules", [], "env", list)
    app.add_config_value("listings_import", "homeftp", "env", str)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
