"""`homeftp serve`: run the server in the foreground, with the options of `twistd homeftp`.

It runs twistd itself, so that it works where an installer such as pipx puts only the `homeftp` script on the path.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import TYPE_CHECKING, Any, Callable, Sequence

from homeftp.errors import OperatorError

if TYPE_CHECKING:  # it would stay in the server's memory, which needs none of it
    import argparse

_GARBAGE_AFTER = 20_000
"""Allocations between two searches for garbage while the server starts: what it imports stays, but each attrs class
replaces another one, and together these took 2 MiB."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the server's options for shell completion only: twistd parses them."""
    import shtab
    from twisted.python.usage import CompleteDirs, CompleteFiles

    from homeftp.tap import Options

    def copy_completion(argument: Any, action: object) -> None:
        if isinstance(action, CompleteDirs):
            argument.complete = shtab.DIRECTORY
        elif isinstance(action, CompleteFiles):
            argument.complete = shtab.FILE

    server = Options()
    for spelling in server.longOpt:
        name = spelling.removesuffix("=")
        if name == "help":
            continue  # argparse has its own
        summary = " ".join(server.docs[name].split()).replace("%", "%%")
        argument = parser.add_argument(f"--{name}", action="store" if spelling != name else "store_true", help=summary)
        copy_completion(argument, server.compData.optActions.get(name))
    copy_completion(parser.add_argument("root", metavar="DIR", nargs="?"), CompleteDirs())


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends the server; returns the exit code."""
    return serve(options.arguments)


def serve(arguments: Sequence[str]) -> int:
    """Run the server with these arguments; returns the exit code."""
    gc.set_threshold(_GARBAGE_AFTER)
    from twisted.application import app
    from twisted.scripts import twistd

    from twisted.plugins.homeftp_plugin import homeftp

    class OwnServiceOptions(twistd.ServerOptions):  # type: ignore[name-defined,misc]
        """twistd's options, with this one service: to find all plugins would import what each of them is made of."""

        @property
        def subCommands(self) -> list[tuple[str, None, Callable[[], object], str]]:
            self.loadedPlugins = {homeftp.tapname: homeftp}
            return [(homeftp.tapname, None, lambda: homeftp.options(), homeftp.description)]

    # tap.py takes the first word as the name of the command in its usage line.
    sys.argv = [
        "homeftp",
        "--nodaemon",
        "--pidfile=",
        "--logger=homeftp.cli.owner.serve.observer",
        "homeftp",
        *arguments,
    ]
    try:
        app.run(twistd.runApp, OwnServiceOptions)
    except SystemExit as ended:
        raise SystemExit(ended.code) from None  # Twisted's own subclass of it is also an Exception
    return 0


def observer() -> Any:
    """A log observer for a person: prints homeftp's own lines unchanged, and only errors of other libraries."""
    from twisted.logger import ILogObserver, LogLevel, eventAsText, formatEvent
    from zope.interface import provider

    @provider(ILogObserver)
    def observe(event: dict[str, Any]) -> None:
        if event.get("log_failure") is not None or event.get("log_level", LogLevel.info) >= LogLevel.error:
            text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        elif str(event.get("log_namespace", "")).startswith("homeftp"):
            text = formatEvent(event)
        else:
            return
        # twistd redirects sys.stdout and sys.stderr to its log; these are the real streams.
        stream = sys.__stdout__ if event.get("log_level") == LogLevel.info else sys.__stderr__
        with contextlib.suppress(OSError, OperatorError):  # a server goes on when its output cannot be written
            print(text, file=stream, flush=True)

    return observe
