"""The server's options: what they mean, and one line for each that is wrong."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from contextlib import redirect_stderr, redirect_stdout

from twisted.plugin import IPlugin

from homeftp.config import DAY, KIB, MIB, Limits, Retention, Settings
from homeftp.tap import Options
from tests.support.folders import QuickCase

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a plugin that `--auth` lists imports it, and it what is deprecated
    importlib.import_module("twisted.conch.checkers")


class OptionsTests(QuickCase):
    """The command line and the ini file."""

    def parse(self, *arguments: str) -> Settings:
        options = Options()
        with redirect_stdout(io.StringIO()):  # and no terminal, whatever the tests are run from
            options.parseOptions(list(arguments))
        settings: Settings = options.settings
        return settings

    def fault(self, *arguments: str) -> str:
        errors = io.StringIO()
        with redirect_stderr(errors), redirect_stdout(io.StringIO()) as out:
            ended = self.assertRaises(SystemExit, Options().parseOptions, list(arguments))
        self.assertEqual(ended.code, 2)
        self.assertEqual(out.getvalue(), "")
        self.assertEqual(errors.getvalue().count("\n"), 1, errors.getvalue())
        return errors.getvalue()

    def config(self, text: str) -> str:
        path: str = self.mktemp()
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_defaults(self) -> None:
        """A folder is all that is needed, as an option or by itself."""
        for arguments in (("--root", "/srv/x"), ("/srv/x",)):
            settings = self.parse(*arguments, "--state", "/var/s")
            self.assertEqual(settings, Settings(root="/srv/x", state="/var/s"))
        self.assertEqual(settings.listen, ("tcp:8421",))
        self.assertEqual(settings.limits, Limits())

    def test_announced(self) -> None:
        """The server is announced in its network unless that is not wanted, on the command line or in the file."""
        self.assertTrue(self.parse("x").announce)
        self.assertFalse(self.parse("--no-announce", "x").announce)
        for text, announced in (("yes", False), ("no", True)):
            path = self.config(f"[homeftp]\nroot = x\nno-announce = {text}\n")
            self.assertEqual(self.parse("--config", path).announce, announced)
        self.assertIn(
            "--no-announce maybe", self.fault("--config", self.config("[homeftp]\nno-announce = maybe\nroot = x"))
        )

    def test_everything(self) -> None:
        """Each option reaches its setting."""
        settings = self.parse(
            *"--root r --listen tcp:1 --listen tcp6:2 --listen-tls tcp:3 --https tcp:4 --state s".split(),
            *"--pool-size 7 --tls-minimum 1.2".split(),
            *"--filetypes .txt,MD --dispatcher A --dispatcher B --plugin-dir p".split(),
            *"--front-end x=tcp:5 --max-connections 5".split(),
            *"--max-connections-per-address 4 --max-unauthenticated 3 --max-in-flight 2 --max-file-size 2G".split(),
            *"--max-unauthenticated-per-address 2".split(),
            *"--max-login-attempts 1 --tls-timeout 1.5 --login-timeout 2 --stall-timeout 3".split(),
            *"--max-account-connections 6 --request-memory 8M --quota 9G --scrub-days 10".split(),
            *"--audit-size 11M --audit-files 12 --audit-reads --watch-root --similar-names --no-announce".split(),
        )
        self.assertEqual(
            settings,
            Settings(
                root=os.path.abspath("r"),
                state=os.path.abspath("s"),
                listen=("tcp:1", "tcp6:2"),
                listen_tls=("tcp:3",),
                https=("tcp:4",),
                pool_size=7,
                tls_minimum="1.2",
                filetypes=(".txt", ".md"),
                dispatchers=("A", "B"),
                front_ends=(("x", "tcp:5"),),
                plugin_dirs=(os.path.abspath("p"),),
                quota=9 * KIB * MIB,
                scrub_seconds=10 * DAY,
                audit_size=11 * MIB,
                audit_files=12,
                audit_reads=True,
                watch_root=True,
                similar_names=True,
                announce=False,
                limits=Limits(
                    connections=5,
                    connections_per_address=4,
                    account_connections=6,
                    request_memory=8 * MIB,
                    unauthenticated=3,
                    unauthenticated_per_address=2,
                    in_flight=2,
                    file_size=2 * 1024**3,
                    login_attempts=1,
                    tls_seconds=1.5,
                    login_seconds=2,
                    stall_seconds=3,
                ),
            ),
        )

    def test_usual_endpoint(self) -> None:
        """An option of a front end may stand alone: then it means the usual port, and what follows is the folder."""
        for arguments, https in (
            (["--https", "share"], "tcp:8443"),
            (["share", "--https"], "tcp:8443"),
            (["--https", "--audit-reads", "share"], "tcp:8443"),
            (["--https", "tcp:1:interface=127.0.0.1", "share"], "tcp:1:interface=127.0.0.1"),
            (["--https=tcp:2", "share"], "tcp:2"),
        ):
            settings = self.parse(*arguments)
            self.assertEqual((settings.https, settings.root), ((https,), os.path.abspath("share")))
        self.assertEqual(self.parse("share").https, ())
        self.assertEqual(self.parse("--sftp", "share", "--sftp", "tcp:3").sftp, ("tcp:8022", "tcp:3"))
        self.assertEqual(self.parse("share").sftp, ())
        self.assertEqual(self.parse("--metrics", "share").metrics, ("tcp:9421:interface=127.0.0.1",))
        self.assertEqual(self.parse("share").metrics, ())

    def test_versions(self) -> None:
        """How long versions are kept and protected, and how much space they get, in percent or in bytes."""
        keep = ("--root", "r", "--keep-versions", "7", "--protect-versions", "0.5", "--versions-max")
        self.assertEqual(self.parse(*keep, "10%").retention, Retention(7 * DAY, 10.0, None, DAY / 2))
        self.assertEqual(self.parse(*keep, "5K").retention, Retention(7 * DAY, None, 5 * KIB, DAY / 2))
        self.assertEqual(self.parse("--root", "r", "--protect-versions", "0").retention, Retention(protected_seconds=0))

    def test_state_of_systemd(self) -> None:
        """Under systemd the state folder is the unit's."""
        self.patch(os, "environ", {**os.environ, "STATE_DIRECTORY": "/var/lib/homeftp:/other"})
        self.assertEqual(self.parse("x").state, "/var/lib/homeftp")

    def test_command_line(self) -> None:
        """The options as a command line give the same settings, also without the ini file that some came from."""
        path = self.config("[homeftp]\nfiletypes = .txt, .md\nquota = 5G\nsimilar-names = yes\nno-announce = no\n")
        first, again = Options(), Options()
        first.parseOptions(
            ["share", "--state", "s", "--config", path, "--listen=tcp:1", "--listen=tcp:2", "--audit-reads"]
        )
        again.parseOptions(first.command_line())
        self.assertEqual(again.settings, first.settings)
        self.assertNotIn(path, " ".join(first.command_line()))
        self.assertIn(f"--root={os.path.abspath('share')}", first.command_line())

    def test_config(self) -> None:
        """The ini file has the same names; the command line wins."""
        path = self.config(
            "[homeftp]\nroot = /srv/a\nstate = /srv/s\npool-size = 9\n"
            "listen =\n    tcp:1\n    tcp:2\nfiletypes = .txt .md\n"
        )
        settings = self.parse("--config", path, "--pool-size", "3")
        self.assertEqual((settings.root, settings.state, settings.pool_size), ("/srv/a", "/srv/s", 3))
        self.assertEqual(settings.listen, ("tcp:1", "tcp:2"))
        self.assertEqual(settings.filetypes, (".txt", ".md"))
        self.assertEqual(self.parse("--config", path, "--listen", "tcp:5").listen, ("tcp:5",))

    def test_faults(self) -> None:
        """Each fault gives one line that names the option, and status 2."""
        for arguments, named in (
            ([], "--root"),
            (["--frobnicate"], "frobnicate"),
            (["a", "--frobnicate", "5"], "frobnicate"),
            (["a", "--pool-size"], "pool-size"),
            (["a", "b"], "argument"),
            (["--root", "a", "b"], "twice"),
            (["a", "--pool-size", "0"], "--pool-size"),
            (["a", "--pool-size", "many"], "--pool-size"),
            (["a", "--pool-size", "-1"], "--pool-size"),
            (["a", "--quota", "0"], "--quota"),
            (["a", "--quota", "much"], "--quota"),
            (["a", "--max-file-size", "5 apples"], "--max-file-size"),
            (["a", "--stall-timeout", "nan"], "--stall-timeout"),
            (["a", "--stall-timeout", "0"], "--stall-timeout"),
            (["a", "--tls-minimum", "1.1"], "--tls-minimum"),
            (["a", "--filetypes", "."], "--filetypes"),
            (["a", "--config", "/nowhere/x.ini"], "/nowhere/x.ini"),
            (["a", "--config", self.config("no section")], "ini"),
            (["a", "--config", self.config("[other]\n")], "[homeftp]"),
            (["a", "--config", self.config("[homeftp]\nport = 5\n")], "port"),
            (["a", "--auth", "file:/etc/passwords"], "account add"),
            (["a", "--auth", "nonsense"], "nonsense"),
        ):
            self.assertIn(named, self.fault(*arguments))

    def test_auth_memory(self) -> None:
        """--auth memory: shows passwords in the process list, so it is for loopback only."""
        self.assertIn("loopback", self.fault("a", "--auth", "memory:ann:secret"))
        self.assertNotIn("secret", self.fault("a", "--auth", "memory:ann:secret"))
        loopback = ("--listen", "tcp:1:interface=127.0.0.1", "--listen-tls", "unix:/tmp/x")
        self.assertEqual(len(self.parse("a", "--auth", "memory:ann:secret", *loopback).listen), 1)
        self.fault("a", "--auth", "memory:ann:secret", *loopback, "--listen", "tcp:2")
        self.fault("a", "--auth", "memory:ann:secret", *loopback, "--https")

    def test_help(self) -> None:
        """--help names every option and ends well."""
        with redirect_stdout(io.StringIO()) as out:
            ended = self.assertRaises(SystemExit, Options().parseOptions, ["--help"])
        self.assertIn(ended.code, (0, None))
        for option in ("root", "listen-tls", "pool-size", "auth", "dispatcher", "max-file-size", "stall-timeout"):
            self.assertIn(f"--{option}", out.getvalue())

    def test_plugin(self) -> None:
        """twistd finds the service by its plugin, which imports nothing of the server."""
        from twisted.plugins import homeftp_plugin

        self.assertTrue(IPlugin.providedBy(homeftp_plugin.homeftp))
        self.assertEqual(homeftp_plugin.homeftp.tapname, "homeftp")
