"""The options of `twistd homeftp` and `homeftp serve`, and the service made from them.

An option is given on the command line or, under the same name, in the
`[homeftp]` section of an ini file (`--config`); the command line wins. A wrong
option ends the start with one line.
"""

from __future__ import annotations

import configparser
import getopt
import os
import re
import sys
from typing import Any, Callable, ClassVar, Mapping, Sequence, TypeVar

from msgspec import structs
from twisted.application.service import IService
from twisted.cred import strcred
from twisted.cred.credentials import IUsernamePassword
from twisted.python import usage

from homeftp import __version__, optionvalues
from homeftp.accounts.database import default_state_dir
from homeftp.config import Limits, Retention, Settings
from homeftp.errors import OperatorError
from homeftp.optionvalues import DEFAULTS, FLAGS, LIMITS, MANY, OPTIONAL, PARAMETERS, RETENTION

T = TypeVar("T")

_ENDPOINT = re.compile(r"[a-z][a-z0-9]*:(?!//)")
"""The beginning of an endpoint's description; a URL of a store has another one."""

_LOOPBACK = re.compile(r"unix:|.*:interface=(127\.|localhost\b|\\:\\:1\b)")


def _shown_state_dir() -> str:
    """The default of --state, for --help."""
    try:
        return default_state_dir(os.environ)
    except OperatorError:
        return "none, because this user has no home folder"


def _location(text: str) -> str:
    """A folder as an absolute path; a URL as it is."""
    from homeftp.store.factory import scheme_of  # only where a server is to be started: it imports the local store

    return os.path.abspath(text) if scheme_of(text) is None else text


_SINGLE: dict[str, Callable[[str], Any]] = {"root": _location, **optionvalues.SINGLE}


class Options(usage.Options, strcred.AuthOptionMixin):
    """The server's options, as given; `settings` checks them."""

    synopsis = "[options] [DIR|URL]"
    longdesc = (
        "Share one folder with your other machines. The first start creates keys and a certificate. "
        "`homeftp invite` pairs a device; `homeftp account add NAME` adds an account with a password. "
        "SIGHUP makes the server read its certificates again; accounts are read at each login."
    )
    supportedInterfaces = (IUsernamePassword,)

    optParameters: ClassVar[list[list[str | None]]] = [
        ["state", "s", None, f"The folder for keys, accounts and the hash cache. [default: {_shown_state_dir()}]"],
        *PARAMETERS,
    ]

    compData = usage.Completions(
        optActions={
            "root": usage.CompleteDirs(),
            "state": usage.CompleteDirs(),
            "config": usage.CompleteFiles("*.ini"),
            "plugin-dir": usage.CompleteDirs(),
            "tls-minimum": usage.CompleteList(["1.3", "1.2"]),
            "web-cert": usage.CompleteFiles("*.pem"),
            "web-key": usage.CompleteFiles("*.pem"),
        },
        extraActions=[usage.CompleteDirs(descr="folder to share")],
    )

    def __init__(self) -> None:
        super().__init__()
        self._many: dict[str, list[str]] = {}
        self._given: dict[str, list[str]] = {}
        self._auth: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Listen on this endpoint; repeatable. Examples: tcp6:8421, tcp:8421:interface=127.0.0.1,
        unix:/run/homeftp.sock or systemd:domain=INET:index=0. [default: tcp:8421]"""
        self._many.setdefault("listen", []).append(endpoint)

    def opt_listen_tls(self, endpoint: str) -> None:
        """Listen on this endpoint with TLS from the first byte; repeatable. For `openssl s_client`, for example."""
        self._many.setdefault("listen-tls", []).append(endpoint)

    def opt_https(self, endpoint: str) -> None:
        """Serve a web page and WebDAV on this endpoint; repeatable. Alone, without an endpoint, it means tcp:8443."""
        self._many.setdefault("https", []).append(endpoint)

    def opt_sftp(self, endpoint: str) -> None:
        """Serve SFTP on this endpoint; repeatable. Alone, without an endpoint, it means tcp:8022. Needs
        `pip install 'homeftp[sftp]'`."""
        self._many.setdefault("sftp", []).append(endpoint)

    def opt_metrics(self, endpoint: str) -> None:
        """Answer monitoring systems on this endpoint, by plain HTTP: /metrics and /health; repeatable. Alone, without
        an endpoint, it means tcp:9421:interface=127.0.0.1. Needs `pip install 'homeftp[metrics]'`."""
        self._many.setdefault("metrics", []).append(endpoint)

    def opt_filetypes(self, suffixes: str) -> None:
        """Share only these file types, such as .txt,.md. [default: any file]"""
        self._many.setdefault("filetypes", []).extend(re.split(r"[,\s]+", suffixes.strip(", ")))

    def opt_dispatcher(self, request_type: str) -> None:
        """Enable the third-party dispatcher of this request type; repeatable."""
        self._many.setdefault("dispatcher", []).append(request_type)

    def opt_front_end(self, named: str) -> None:
        """Serve the third-party front end NAME on an endpoint, given as NAME=ENDPOINT; repeatable."""
        self._many.setdefault("front-end", []).append(named)

    def opt_plugin_dir(self, folder: str) -> None:
        """Look for plugins in this folder too: dispatchers, storage backends and front ends; repeatable."""
        self._many.setdefault("plugin-dir", []).append(folder)

    def opt_similar_names(self) -> None:
        """Allow new names that differ from an existing one in the same folder only in case or Unicode form."""
        self._many["similar-names"] = ["yes"]

    def opt_no_announce(self) -> None:
        """Do not announce the server on the network by multicast DNS."""
        self._many["no-announce"] = ["yes"]

    def opt_audit_reads(self) -> None:
        """Record in the audit log also which files are read and listed."""
        self._many["audit-reads"] = ["yes"]

    def opt_watch_root(self) -> None:
        """Notice what other programs change in the shared folder (Linux), and tell clients that watch it."""
        self._many["watch-root"] = ["yes"]

    def opt_auth(self, description: str) -> None:
        """Check passwords with a Twisted checker (see --help-auth) instead of homeftp's own accounts."""
        kind = description.partition(":")[0]
        if kind == "file":
            raise usage.UsageError("--auth file: stores passwords in plain text. Use `homeftp account add NAME`")
        super().opt_auth(description)
        self._auth.append(description)
        if kind == "memory":
            self["auth-memory"] = True
            checker = self["credCheckers"][-1]
            # Twisted fills it with str, and then compares bytes.
            checker.users = {name.encode(): password.encode() for name, password in checker.users.items()}

    def opt_version(self) -> None:
        """Print the version and exit."""
        sys.stdout.write(f"homeftp {__version__}\n")
        raise SystemExit(0)

    def getSynopsis(self) -> str:
        """The usage line: `homeftp serve` runs twistd under its own name (cli/owner/serve.py)."""
        if sys.argv[0] == "homeftp":
            return "Usage: homeftp serve [options] DIR|URL"
        synopsis: str = super().getSynopsis()
        return synopsis

    def parseArgs(self, root: str | None = None) -> None:
        """DIR, or the URL of a store, is the same as --root."""
        if root is not None:
            if self["root"] is not None:
                raise usage.UsageError("the folder was given twice, with --root and as DIR")
            self["root"] = root

    def command_line(self) -> list[str]:
        """The options as a command line of their own, without the ini file and with every path absolute."""
        words = [f"--auth={each}" for each in self._auth]
        for name, texts in self._given.items():
            if name in FLAGS:
                words += [f"--{name}"] if optionvalues.yes(texts[0]) else []
            elif name == "filetypes":
                words.append(f"--{name}={','.join(texts)}")
            else:
                absolute = name in ("root", "state", "plugin-dir", "web-cert", "web-key")
                words += [f"--{name}={(_SINGLE | MANY)[name](text) if absolute else text}" for text in texts]
        return words

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; a fault ends the process with one line and status 2."""
        try:
            super().parseOptions(self._options_first(sys.argv[1:] if options is None else options))
            self.settings = self._settings()
        except (usage.UsageError, OperatorError) as error:
            sys.stderr.write(f"homeftp: {' '.join(str(error).split())} (--help lists the options)\n")
            raise SystemExit(2) from None

    def _options_first(self, arguments: Sequence[str]) -> list[str]:
        """The arguments in the order that Twisted needs, so that DIR may be anywhere; raises `UsageError`."""
        try:
            found, rest = getopt.gnu_getopt(_with_endpoints(arguments), self.shortOpt, self.longOpt)
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        ordered: list[str] = []
        for name, value in found:
            takes_value = f"{name[2:]}=" in self.longOpt or f"{name[1:]}:" in self.shortOpt
            ordered += [name, value] if takes_value else [name]
        return [*ordered, "--", *rest]

    def _settings(self) -> Settings:
        """The server's settings, from the options; raises `OperatorError`."""
        given = self._config()
        for name in (*_SINGLE, *RETENTION, *LIMITS):
            if self[name] is not None:
                given[name] = [self[name]]
        given.update(self._many)
        self._given = given
        if "root" not in given:
            raise OperatorError("give the folder to share, as DIR or with --root DIR")
        if "state" not in given:
            given["state"] = [default_state_dir(os.environ)]
        values = {name: _convert(name, given[name][0], kind) for name, kind in _SINGLE.items() if name in given}
        many = {name: tuple(_convert(name, text, kind) for text in given.get(name, ())) for name, kind in MANY.items()}
        if ("web-cert" in given) != ("web-key" in given):
            raise OperatorError("give both --web-cert FILE and --web-key FILE, or neither")
        limits = {
            field: _convert(name, given[name][0], kind) for name, (field, kind) in LIMITS.items() if name in given
        }
        flags = {name: _convert(name, given[name][0], optionvalues.yes) for name in FLAGS if name in given}
        scrub_seconds = values.pop("scrub-days", DEFAULTS.scrub_seconds)
        settings = Settings(
            **{name.replace("-", "_"): value for name, value in values.items()},
            listen=many["listen"] or (() if many["listen-tls"] else DEFAULTS.listen),
            listen_tls=many["listen-tls"],
            https=many["https"],
            sftp=many["sftp"],
            metrics=many["metrics"],
            filetypes=many["filetypes"],
            dispatchers=many["dispatcher"],
            front_ends=many["front-end"],
            plugin_dirs=many["plugin-dir"],
            retention=_retention(given),
            scrub_seconds=scrub_seconds,
            similar_names=flags.get("similar-names", DEFAULTS.similar_names),
            announce=not flags.get("no-announce", not DEFAULTS.announce),
            audit_reads=flags.get("audit-reads", DEFAULTS.audit_reads),
            watch_root=flags.get("watch-root", DEFAULTS.watch_root),
            limits=Limits(**limits),
        )
        others = [endpoint for _, endpoint in settings.front_ends]
        if self.get("auth-memory") and not all(
            map(_LOOPBACK.match, (*settings.listen, *settings.listen_tls, *settings.https, *settings.sftp, *others))
        ):
            raise OperatorError(
                "--auth memory: is only for loopback endpoints, because the process list shows its passwords"
            )
        return settings

    def _config(self) -> dict[str, list[str]]:
        """The options of the ini file; raises `OperatorError` for unknown ones."""
        path = self["config"]
        if path is None:
            return {}
        parser = configparser.ConfigParser(interpolation=None)
        try:
            with open(path, encoding="utf-8") as file:
                parser.read_file(file)
        except OSError as error:
            raise OperatorError(f"cannot read --config {path}: {error.strerror}") from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise OperatorError(f"--config {path} is not an ini file: {error}") from None
        if not parser.has_section("homeftp"):
            raise OperatorError(f"--config {path} has no section [homeftp]")
        given: dict[str, list[str]] = {}
        for name, text in parser.items("homeftp"):
            if name in MANY:
                separators = r"[,\s]+" if name == "filetypes" else r"\s*\n\s*"
                given[name] = [part for part in re.split(separators, text.strip()) if part]
            elif name in (*_SINGLE, *RETENTION, *FLAGS, *LIMITS):
                given[name] = [text.strip()]
            else:
                raise OperatorError(f"--config {path}: unknown option {name}")
        return given


def _with_endpoints(arguments: Sequence[str]) -> list[str]:
    """The arguments, with the usual endpoint behind each option of a front end that has none."""
    completed: list[str] = []
    for at, word in enumerate(arguments):
        usual = OPTIONAL.get(word.removeprefix("--")) if word.startswith("--") else None
        alone = usual is not None and not _ENDPOINT.match(next(iter(arguments[at + 1 :]), ""))
        completed.append(f"{word}={usual}" if alone else word)
    return completed


def _retention(given: Mapping[str, list[str]]) -> Retention:
    """The options about versions; raises `OperatorError`."""
    values = {name: _convert(name, given[name][0], kind) for name, kind in RETENTION.items() if name in given}
    retention = DEFAULTS.retention
    if "keep-versions" in values:
        retention = structs.replace(retention, seconds=values["keep-versions"])
    if "protect-versions" in values:
        retention = structs.replace(retention, protected_seconds=values["protect-versions"])
    limit = values.get("versions-max")
    if isinstance(limit, float):
        retention = structs.replace(retention, percent=limit)
    elif limit is not None:
        retention = structs.replace(retention, percent=None, size=limit)
    return retention


def _convert(name: str, text: str, convert: Callable[[str], T]) -> T:
    try:
        return convert(text)
    except ValueError as error:
        raise OperatorError(f"--{name} {text}: give {error}") from None


def makeService(options: Options) -> IService:
    """The server of these options; ends the process with one line where it cannot be made."""
    from twisted.internet import reactor

    from homeftp.crypto.secretfiles import private_folder
    from homeftp.server.control import ControlService
    from homeftp.server.service import HomeFTPService
    from homeftp.standalone import StandaloneService, one_line, terminal, use_monotonic_clock

    use_monotonic_clock(reactor)
    with one_line():
        server = HomeFTPService(options.settings, reactor, options.get("credCheckers") or (), terminal=terminal)
        server.check()
        private_folder(options.settings.state)
        service = StandaloneService(reactor, server.renew)
        server.setServiceParent(service)

        async def arguments(request: Mapping[str, Any]) -> dict[str, Any]:
            return {"arguments": options.command_line()}

        ControlService(reactor, {**server.commands(), "arguments": arguments}).setServiceParent(service)
        return service
