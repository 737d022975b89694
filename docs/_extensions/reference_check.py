"""Warns, and so ends the build, where a page of the reference does not show what it should.

Complains of a page that documents nothing, of an `automodule` or a class
without members, of public names that no page has, and of signatures without
types. autodoc says nothing of all these.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

_logger = logging.getLogger(__name__)

CALLED = ("function", "method", "classmethod", "staticmethod")
UNTYPED = ("self", "cls", "*", "/")
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
    objects = env.get_domain("py").data["objects"]
    loaded = importlib.import_module(module)
    return {
        name
        for name in public_names(module)
        if f"{module}.{name}" in objects or f"{getattr(getattr(loaded, name), '__module__', '')}.{name}" in objects
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("public_modules", [], "env", list)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True}
