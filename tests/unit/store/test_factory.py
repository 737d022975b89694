"""A store is opened by its location: a folder, or a URL whose backend is installed."""

from __future__ import annotations

import os
import re
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.factory import check_store, open_store, scheme_of
from tests.support.folders import QuickCase

PLUGIN = """
from zope.interface import implementer

from homeftp.errors import OperatorError
from homeftp.interfaces import IStoreFactory
from homeftp.testing import MemoryStore


@implementer(IStoreFactory)
class Forgetful:
    scheme = "forget"

    def check(self, url, options):
        if not url.endswith("//now"):
            raise OperatorError(f"{url}: only forget://now can be opened")

    def open(self, url, options):
        self.check(url, options)
        return MemoryStore(options)


factory = Forgetful()
"""


class FactoryCase(QuickCase):
    """A folder with plugins."""

    def setUp(self) -> None:
        super().setUp()
        self.plugins = os.path.abspath(self.mktemp())
        os.mkdir(self.plugins)
        self.addCleanup(self.forget)

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.startswith("homeftp.plugins.store_")]:
            del sys.modules[name]

    def install(self, module: str, source: str, folder: str | None = None) -> str:
        path = os.path.join(folder or self.plugins, f"{module}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        return path

    def open(self, location: str, *folders: str) -> IStore:
        store = open_store(location, StoreOptions(filetypes=(".txt",)), folders or [self.plugins])
        self.addCleanup(store.close)
        return store

    def fault(self, location: str, *folders: str) -> str:
        """The one line that says why a location cannot be opened, the same before and when it is opened."""
        options = StoreOptions(state_dir=os.path.abspath(self.mktemp()))
        checked = self.assertRaises(OperatorError, check_store, location, options, folders or [self.plugins])
        opened = self.assertRaises(OperatorError, open_store, location, options, folders or [self.plugins])
        self.assertEqual(*(re.sub("0x[0-9a-f]+", "", str(error)) for error in (checked, opened)))
        self.assertNotIn("\n", str(opened))
        return str(opened)


class SchemeTests(SynchronousTestCase):
    """Locations."""

    def test_scheme(self) -> None:
        """A path has no scheme, whatever characters it has; a URL has one, in any case."""
        for path in ("/srv/files", "files", "./a:b", "notes:old", "/a://b", "", "s3:bucket", "1a://b"):
            self.assertIsNone(scheme_of(path), path)
        for url, scheme in (
            ("s3://b/x", "s3"),
            ("S3+X.y-z://b", "s3+x.y-z"),
            ("file:/a", "file"),
            ("FILE:///a", "file"),
        ):
            self.assertEqual(scheme_of(url), scheme)


class PluginTests(FactoryCase):
    """Other backends."""

    def test_plugin(self) -> None:
        """The backend of a scheme is the module of its name; it gets the URL and the options."""
        self.install("store_forget", PLUGIN)
        store = self.open("forget://now")
        self.assertIn(".txt", str(store.write_many([(WriteRequest(endpoint=parse("a.exe")), b"")])[0]))
        self.assertEqual(self.fault("forget://later"), "forget://later: only forget://now can be opened")

    def test_not_installed(self) -> None:
        """For an unknown scheme the message lists the known ones, without importing them."""
        self.install("store_other", "raise SystemExit(1)")
        fault = self.fault("s3://bucket/prefix")
        for part in ("s3://bucket/prefix", "store_s3.py", "has file: and postgresql:", "store_other", "write its path"):
            self.assertIn(part, fault)

    def test_broken(self) -> None:
        """A backend that cannot be used is named with its file."""
        for source, part in (
            ("import nothing_of_that_name", "nothing_of_that_name"),
            ("raise SystemExit('gone')", "gone"),
            ("", "holds no backend"),
            (PLUGIN.replace('"forget"', '"other"'), "holds no backend"),
            (PLUGIN + "another = Forgetful()\n", "two"),
            (PLUGIN.replace("def check", "def checks"), "incomplete"),
        ):
            path = self.install("store_forget", source)
            fault = self.fault("forget://now")
            self.assertIn(part, fault)
            self.assertIn(path, fault)

    def test_two_places(self) -> None:
        """A backend that is in two folders is refused, with both."""
        other = os.path.abspath(self.mktemp())
        os.mkdir(other)
        paths = [self.install("store_forget", PLUGIN), self.install("store_forget", PLUGIN, other)]
        fault = self.fault("forget://now", self.plugins, other)
        self.assertEqual([path in fault for path in paths], [True, True])
