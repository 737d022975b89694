"""The layers of homeftp, enforced, and each rule shown to notice. The table is tests/support/layers.py."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imports import (
    PACKAGE,
    circle,
    crowded,
    global_reactor,
    imports,
    impure,
    module_graph,
    modules,
    opened_path,
    package,
    sibling_graphs,
    wrong_direction,
)
from tests.support.layers import MAY_IMPORT, MOST_MODULES, NO_PATHS, SHARED, TOOLS


class LayerTests(SynchronousTestCase):
    """The rules, over the whole package."""

    def test_every_package_is_in_the_table(self) -> None:
        """A new package gets its line in the table."""
        self.assertEqual({package(module) for module, _ in modules()} - set(MAY_IMPORT), set())

    def test_table_runs_one_way(self) -> None:
        """No two packages import each other, however indirectly; the shared tools count as one package here."""

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
        """A package imports only what lies below it."""
        self.assertEqual([wrong for each in modules() for wrong in wrong_direction(*each)], [])

    def test_wire_is_pure(self) -> None:
        """The wire can be run, tested and fuzzed without Twisted, a disk or a clock."""
        self.assertEqual([wrong for each in modules() for wrong in impure(*each)], [])

    def test_reactor_is_passed_in(self) -> None:
        """The global reactor appears only in functions of tap, cli, client.opening and client.aio."""
        self.assertEqual([wrong for each in modules() for wrong in global_reactor(*each)], [])

    def test_only_the_safe_root_opens_paths(self) -> None:
        """Only the modules beside store/local/disk/saferoot.py that are meant to open paths do so."""
        self.assertEqual([wrong for each in modules() for wrong in opened_path(*each)], [])

    def test_no_circles(self) -> None:
        """No module imports itself by way of others, not even for its types."""
        self.assertEqual(circle(module_graph(modules())), [])

    def test_no_circles_side_by_side(self) -> None:
        """Modules and sub-packages that lie side by side in a package do not import each other, however indirectly."""
        graphs = sibling_graphs(module_graph(modules()))
        found = {package: circle(siblings) for package, siblings in graphs.items()}
        self.assertEqual({package: names for package, names in found.items() if names}, {})

    def test_small_packages(self) -> None:
        """A newcomer can hold one package in the head: it has a dozen modules, hardly more."""
        plain = [module for module, _ in modules() if not (PACKAGE / module.replace(".", "/")).is_dir()]
        self.assertEqual(crowded(plain, MOST_MODULES), {})

    def test_plugin_module_is_light(self) -> None:
        """`twistd --help` imports none of homeftp: the plugin only names the module that makes the service."""
        source = (PACKAGE.parent / "twisted" / "plugins" / "homeftp_plugin.py").read_text(encoding="utf-8")
        named = {name.split(".")[0] for name in imports("", source)}
        self.assertEqual(named - {"__future__", "twisted"}, set())


class ControlTests(SynchronousTestCase):
    """Each rule, shown to notice: what it must find, and what it must leave alone."""

    def test_direction(self) -> None:
        """An import against the table is found at module level, in a function, when conditional and when relative."""
        for module, source in [
            ("wire.codec", "from homeftp.store.policy import rights"),
            ("wire.codec", "import homeftp.server.json.protocol"),
            ("wire.codec", "from homeftp import interfaces"),
            ("server.json.router", "def f():\n    from homeftp.client import connect"),
            ("client.api", "if TYPE_CHECKING:\n    from homeftp.store.local.store import LocalStore"),
            ("client.api", "from ..server.gate import connections"),
            ("store.local.store", "from homeftp.dispatchers.get import Get"),
            ("dispatchers.get", "from ..store.local.disk import saferoot"),
        ]:
            self.assertEqual(len(wrong_direction(module, source)), 1, source)
        for module, source in [
            ("wire.codec", "from homeftp.errors import BadRequest"),
            ("wire.codec", "from . import messages"),
            ("wire.codec", "from .messages import EntryBody"),
            ("server.json.router", "from homeftp import __version__"),
            ("server.json.router", "from homeftp.accounts.realm import Realm"),
        ]:
            self.assertEqual(wrong_direction(module, source), [], source)

    def test_circles(self) -> None:
        """A circle is found however long it is, in functions and for types too; two ways to one module are none."""
        sources = [("", ""), ("a", "from homeftp import b"), ("b", "def f():\n    from homeftp.c import d"), ("c", "")]
        sources.append(("c.d", "if TYPE_CHECKING:\n    from homeftp.a import A"))
        self.assertEqual(circle(module_graph(sources)), ["a", "b", "c.d"])
        sources[-1] = ("c.d", "import homeftp\nfrom homeftp import c")
        sources[0] = ("", "from homeftp.a import A\nfrom homeftp.b import B")
        self.assertEqual(circle(module_graph(sources)), [])
        self.assertEqual(crowded(["a", "b.c", "b.d", "b.e"], 2), {"b": 3})

    def test_circles_side_by_side(self) -> None:
        """Two packages, and a package and a module beside it, without a circle of modules; the control has neither."""
        for one, other in [("p.a.x p.b.x", "p.b.y p.a.y"), ("p.a.x p.m", "p.m p.a.y"), ("a.x b.x", "b.y a.y")]:
            pairs = dict([one.split(), other.split()])
            names = {name for pair in pairs.items() for name in pair}
            sources = [(name, f"import homeftp.{pairs[name]}" if name in pairs else "") for name in sorted(names)]
            graph = module_graph(sources)
            self.assertEqual(circle(graph), [])
            self.assertEqual([len(circle(siblings)) for siblings in sibling_graphs(graph).values()], [2], one)
        graph = module_graph(
            [("p.a.x", "import homeftp.p.m"), ("p.m", ""), ("p.n", "import homeftp.p.a.y"), ("p.a.y", "")]
        )
        self.assertEqual([circle(siblings) for siblings in sibling_graphs(graph).values()], [[]])

    def test_wire_is_pure(self) -> None:
        """Twisted, a socket and a clock are found in the wire, and only there."""
        for source in ("from twisted.protocols import basic", "import socket", "def f():\n    import time"):
            self.assertEqual(len(impure("wire.codec", source)), 1, source)
            self.assertEqual(impure("server.protocol", source), [])
        self.assertEqual(impure("wire.codec", "import enum\nimport msgspec"), [])

    def test_reactor_is_passed_in(self) -> None:
        """Each way to reach the global reactor is found; only functions of a few packages may use one."""
        for source in (
            "from twisted.internet import reactor",
            "import twisted.internet.reactor as r",
            "from twisted import internet\ntwisted.internet.reactor.run()",
        ):
            self.assertEqual(len(global_reactor("tap", source)), 1, source)
            inside = "def f():\n" + "".join(f"    {line}\n" for line in source.splitlines())
            self.assertEqual(global_reactor("tap", inside), [])
            self.assertEqual(global_reactor("cli.main", inside), [])
            self.assertEqual(global_reactor("client.opening", inside), [])
            self.assertEqual(len(global_reactor("client.dial", inside)), 1, source)
            self.assertEqual(len(global_reactor("server.service", inside)), 1, source)
        self.assertEqual(global_reactor("server.service", "from twisted.internet.interfaces import IReactorTime"), [])

    def test_only_the_safe_root_opens_paths(self) -> None:
        """Each way to open a path is found in the server's packages; descriptors are free, and so is the safe root."""
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
            self.assertEqual(opened_path("store.local.disk.saferoot", source), [])
            self.assertEqual(opened_path("client.transfer", source), [])
        for source in ("os.fsync(fd)", "os.fstat(fd)", "store.open(endpoint)", "def open(self): pass", "import os"):
            for name in NO_PATHS:
                self.assertEqual(opened_path(f"{name}.x", source), [], source)

    def test_store_stays_beneath_the_root(self) -> None:
        """In a directory that is open the store may name what is directly in it, and nothing else."""
        for source in (
            "os.stat(name, dir_fd=fd, follow_symlinks=False)",
            "os.unlink(name, dir_fd=place.fd)",
            "os.scandir(directory)",
            "os.utime(self.fd, ns=times)",
        ):
            self.assertEqual(opened_path("store.local.store", source), [], source)
            self.assertEqual(len(opened_path("server.json.router", source)), 1, source)
        for source in (
            "os.stat(name, dir_fd=fd)",
            "os.stat(name, follow_symlinks=False)",
            "os.unlink(path)",
            "os.scandir(path)",
            "os.open(name, flags, dir_fd=fd)",
            "os.rename(a, b, src_dir_fd=fd, dst_dir_fd=fd)",
        ):
            self.assertEqual(len(opened_path("store.local.store", source)), 1, source)
