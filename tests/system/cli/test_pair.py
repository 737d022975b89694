"""Pairing as people do it: real processes, a real server, and somebody in between."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading

from twisted.trial.unittest import TestCase

from homeftp.config import MIB
from tests.support.accepting import accepted
from tests.support.cutproxy import Slow
from tests.support.ports import reserved_listen
from tests.support.processes import SERVE, TWISTD, WITHIN, ServerProcess, environment, run_homeftp, run_interpreter
from tests.support.terminals import TerminalProcess
from tests.support.tlsconnections import over_tls
from tests.support.waiting import wait_until


class PairCase(TestCase):
    """A server without paired devices."""

    program: tuple[str, ...] = SERVE

    def setUp(self) -> None:
        self.server = ServerProcess(account=False, program=self.program, listen=reserved_listen())
        self.addCleanup(lambda: self.server.end())
        self.home = os.path.abspath(self.mktemp())

    def homeftp(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """A command at the device."""
        return run_homeftp(*arguments, input=input, HOMEFTP_HOME=self.home)

    def at_server(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command at the server."""
        return run_homeftp(*arguments, "--state", self.server.state)

    def invite(self, *arguments: str) -> str:
        """A new code."""
        made = self.at_server("invite", "--json", *arguments)
        self.assertEqual(made.returncode, 0, made.stderr)
        code: str = json.loads(made.stdout)["code"]
        return code

    def pair(self, code: str, *arguments: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
        return self.homeftp("pair", f"127.0.0.1:{port or self.server.ports[0]}", code, *arguments)

    def paired(self, *arguments: str) -> None:
        """Pair, as nas."""
        done = self.pair(self.invite("--account", "ann"), "--name", "nas", "--device", "laptop", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)


class PairTests(PairCase):
    """From the first start to the last file."""

    def test_first_start(self) -> None:
        """What a person sees at the first start is enough to pair, list and push, without any password."""
        self.server.end()
        shutil.rmtree(self.server.state)
        options = ("--state", self.server.state, "--listen", "tcp:0:interface=127.0.0.1")
        server = TerminalProcess([sys.executable, "-m", "homeftp", "serve", self.server.root, *options])
        self.addCleanup(server.end)
        match = server.wait_for(
            r"Run this on the first device within 10 minutes:   homeftp (pair \S+)\n"
            r"It asks for this code, which works once:   (\S+)\n"
        )
        done = self.homeftp(*match[1].split(), "--name", "nas", input=match[2] + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stdout, r"\APaired with nas \(SHA256:[0-9a-f]{8}\.\.\.\) as \S+\. Next, try: homeftp ls nas:\n"
        )
        path = os.path.join(self.home, "file")
        with open(path, "w") as file:
            file.write("content")
        self.assertEqual(self.homeftp("push", path, "nas:").returncode, 0)
        self.assertEqual(self.homeftp("ls", "nas:").stdout, "file\n")
        again = self.homeftp(*match[1].split(), match[2], "--name", "other")
        self.assertEqual((again.returncode, again.stdout), (3, ""))
        self.assertIn("ask for a new one", again.stderr)

    def test_kept(self) -> None:
        """A device's files can be read by their owner only."""
        self.paired()
        path = os.path.join(self.home, "remotes", "nas.json")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path) as file:
            kept = json.load(file)
        self.assertEqual(sorted(kept), ["addresses", "ca", "certificate", "device", "key", "user"])
        self.assertIn("as ann, device ann-laptop", self.homeftp("remote", "list").stdout)

    def test_cannot_keep(self) -> None:
        """A machine that cannot store the pairing does not use up the code."""
        os.makedirs(os.path.join(self.home, "remotes"))
        os.chmod(os.path.join(self.home, "remotes"), 0o755)
        code = self.invite("--account", "ann")
        done = self.pair(code, "--name", "nas")
        self.assertEqual(done.returncode, 2)
        self.assertIn("chmod 700", done.stderr)
        os.chmod(os.path.join(self.home, "remotes"), 0o700)
        self.assertEqual(self.pair(code, "--name", "nas", "--device", os.fsdecode(b"lap\xfftop")).returncode, 0)

    def test_names(self) -> None:
        """A second server of the same name gets another one, and typed in capitals the code is the same."""
        names = []
        for _ in range(2):
            done = self.pair(self.invite().upper().replace("-", " "))
            self.assertEqual(done.returncode, 0, done.stderr)
            names += re.findall(r"\APaired with (\S+) ", done.stdout)
            self.server.end()
            self.server = ServerProcess(account=False, program=self.program)
        self.assertEqual(names[1], f"{names[0]}-2")

    def test_again(self) -> None:
        """A server that is known already is the same one, at one more address, and with a newer certificate."""
        self.paired()
        done = self.homeftp("pair", f"localhost:{self.server.ports[0]}", self.invite("--account", "ann"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Paired with nas ", done.stdout)
        listed = [json.loads(line) for line in self.homeftp("remote", "list", "--json").stdout.splitlines()]
        port = self.server.ports[0]
        self.assertEqual([each["name"] for each in listed], ["nas"])
        self.assertEqual(listed[0]["addresses"], [f"localhost:{port}", f"127.0.0.1:{port}"])
        self.assertEqual(listed[0]["device"], "ann-laptop")
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        self.assertEqual(len(self.at_server("device", "list").stdout.splitlines()), 1, "it is the same device")
        self.assertEqual(self.at_server("device", "revoke", "ann-laptop").returncode, 0)
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 3)

    def test_another_account(self) -> None:
        """To another account, or by a name that was asked for, the same server is a remote of its own."""
        self.paired()
        self.assertEqual(self.pair(self.invite("--account", "bob"), "--device", "bobs").returncode, 0)
        self.assertEqual(self.pair(self.invite("--account", "ann"), "--name", "second").returncode, 0)
        listed = [json.loads(line) for line in self.homeftp("remote", "list", "--json").stdout.splitlines()]
        self.assertEqual(sorted(each["user"] for each in listed), ["ann", "ann", "bob"])
        self.assertEqual([each["device"] for each in listed if each["name"] == "nas"], ["ann-laptop"])

    def test_no_secrets(self) -> None:
        """A code that is typed in when it is asked for is nowhere: in no list of processes, and in no log."""
        code = self.invite("--account", "ann")
        words = code.partition("-")[2]
        seen: list[bytes] = []
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                for name in os.listdir("/proc"):
                    for shows in ("cmdline", "environ") if name.isdigit() else ():
                        with contextlib.suppress(OSError), open(f"/proc/{name}/{shows}", "rb") as file:
                            seen.append(file.read())

        looking = threading.Thread(target=look)
        looking.start()
        address = f"127.0.0.1:{self.server.ports[0]}"
        done = run_interpreter("pair", address, "--name", "nas", input=code + "\n", HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, 0, done.stderr)
        stop.set()
        looking.join()
        self.assertTrue(any(address.encode() in each for each in seen), "the control")
        self.assertFalse(any(words.encode() in each for each in seen))
        self.assertNotIn(words, self.server.output())
        self.assertNotIn("PRIVATE", self.server.output())


class DaemonTests(PairCase):
    """A server whose words go to a log."""

    program = TWISTD

    def test_no_code(self) -> None:
        """It makes no code at its start: others may read a log (test_serve_terminal.py)."""
        wait_until(lambda: "homeftp invite --state" in self.server.output(), self.server.output)
        self.assertNotIn("homeftp pair", self.server.output())

    def test_whose(self) -> None:
        """It starts even if the first device's account is unknown."""
        self.server.end()
        for name in ("ann", "bob"):
            self.invite("--account", name)
        self.server = ServerProcess(account=False, folder=self.server.folder, program=SERVE)
        wait_until(lambda: "homeftp invite --state" in self.server.output(), self.server.output)


class InviteTests(PairCase):
    """At the server."""

    def test_invite(self) -> None:
        """It prints the line to type and the code, and ends at once without a terminal."""
        made = self.at_server("invite", "--account", "ann")
        self.assertEqual(made.returncode, 0, made.stderr)
        address = re.escape(f"127.0.0.1:{self.server.ports[0]}")
        notice = rf"Run this on the other machine within 10 minutes:   homeftp pair {address}\n"
        notice += "It asks for this code, which works once:   [0-9]{4}-[a-z]+-[a-z]+\n"
        self.assertRegex(made.stdout, rf"\A{notice}\Z")


class DeviceTests(PairCase):
    """Devices, at the server."""

    def test_list(self) -> None:
        """They are listed, renamed and revoked; JSON for scripts."""
        self.assertIn("No device is paired yet", self.at_server("device", "list").stdout)
        self.paired()
        shown = self.at_server("device", "list").stdout
        self.assertRegex(shown, r"\Aann-laptop +ann +certificate +paired [0-9-]{10} [0-9:]{5}, ")
        self.assertEqual(self.at_server("device", "rename", "ann-laptop", "ann-old").returncode, 0)
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        listed: dict[str, str] = json.loads(self.at_server("device", "list", "--json").stdout)
        self.assertEqual((listed["name"], listed["account"]), ("ann-old", "ann"))
        revoked: dict[str, str] = json.loads(self.at_server("device", "revoke", "ann-old", "--json").stdout)
        self.assertEqual(revoked, {"revoked": "ann-old", "account": "ann"})
        for arguments in (("device", "revoke", "ann-old"), ("device", "rename", "ann-old", "x")):
            self.assertEqual(self.at_server(*arguments).returncode, 2)

    def test_revoked(self) -> None:
        """In the middle of a push, too: it is out within five seconds, and nothing of that stays."""
        path = os.path.join(self.here(), "big")
        with open(path, "wb") as file:
            file.write(os.urandom(64 * MIB))
        slow = Slow(self.server.ports[0], [])
        self.addCleanup(slow.close)
        done = self.pair(self.invite("--account", "ann"), "--name", "nas", "--device", "laptop", port=slow.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        partial = self.server.path(".homeftp/partial")
        pushing = subprocess.Popen(
            [sys.executable, "-m", "homeftp", "push", path, "nas:big"],
            env=environment(HOMEFTP_HOME=self.home),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(pushing.kill)
        wait_until(lambda: any(os.path.getsize(os.path.join(partial, name)) > 4 * MIB for name in os.listdir(partial)))
        self.assertEqual(self.at_server("device", "revoke", "ann-laptop").returncode, 0)
        wait_until(lambda: not os.listdir(partial), within=5)
        _, said = pushing.communicate(timeout=WITHIN)
        self.assertEqual(pushing.returncode, 3, said)
        self.assertRegex(said, "no longer paired|access was revoked", "whichever reaches it first")
        self.assertFalse(os.path.exists(self.server.path("big")))
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 3)

    def here(self) -> str:
        folder: str = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        return folder


class Between(threading.Thread):
    """Ends TLS itself, with a home of its own, and hands every line on over a TLS session to the server."""

    def __init__(self, home: ServerProcess, server: int) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.heard: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = os.path.join(home.folder, "chain.pem")
        with open(chain, "w") as file:
            for name in ("server.crt", "ca.crt"):
                with open(os.path.join(home.state, "identity", name)) as part:
                    file.write(part.read())
        self.context.load_cert_chain(chain, os.path.join(home.state, "identity", "server.key"))
        self.context.set_alpn_protocols(["homeftp/1"])
        self.start()

    def run(self) -> None:
        """One victim after the other."""
        for near in accepted(self.listening):
            with contextlib.suppress(OSError, EOFError):
                self.serve(near)
            near.close()

    def serve(self, near: socket.socket) -> None:
        """Both handshakes, then line for line."""
        self.line(near)
        near.sendall(b'{"status": 0, "message": "go ahead"}\n')
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["homeftp/1"])
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", self.server)))
            plain.sendall(b'{"request_type": "STARTTLS"}\n')
            self.line(plain)
            victim = stack.enter_context(over_tls(self.context, near, server_side=True))
            upstream = stack.enter_context(over_tls(context, plain))
            while True:
                asked = self.line(victim)
                self.heard.append(asked)
                upstream.sendall(asked)
                victim.sendall(self.line(upstream))

    def line(self, end: socket.socket) -> bytes:
        """The next line, and no byte more."""
        line = b""
        while not line.endswith(b"\n"):
            byte = end.recv(1)
            if not byte:
                raise EOFError
            line += byte
        return line


class BetweenTests(PairCase):
    """A man in the middle of the TLS, who has a home of his own and passes on everything."""

    def test_relayed(self) -> None:
        """The right code gets neither end to trust him; straight to the server it is good."""
        his = ServerProcess(account=False)
        self.addCleanup(his.end)
        between = Between(his, self.server.ports[0])
        self.addCleanup(between.listening.close)
        code = self.invite("--account", "ann")
        done = self.pair(code, "--device", "laptop", port=between.port)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertEqual(len(between.heard), 2, "he has passed on both steps")
        self.assertNotIn(b"laptop", b"".join(between.heard))
        self.assertIn("No device is paired", self.at_server("device", "list").stdout)
        self.assertEqual(self.pair(code).returncode, 0, "the control")
