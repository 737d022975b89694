"""`homeftp serve`: the server in the foreground, with the options of `twistd homeftp`.

It is twistd itself that runs; an installer such as pipx puts only our own
script on the path.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any, Sequence

from homeftp.errors import OperatorError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server's options, for completion; nothing is parsed here, every word goes to twistd."""
    from homeftp.cli.completion import add_server_options

    add_server_options(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    return serve(options.arguments)


def serve(arguments: Sequence[str]) -> int:
    """Run the server with these arguments; returns its exit status."""
    from twisted.scripts import twistd

    # By the first word tap.py knows how the command is written.
    sys.argv = [
        "homeftp",
        "--nodaemon",
        "--pidfile=",
        "--logger=homeftp.cli.owner.serve.observer",
        "homeftp",
        *arguments,
    ]
    try:
        twistd.run()
    except SystemExit as ended:
        raise SystemExit(ended.code) from None  # the server's own kind of it is an Exception too
    return 0


def observer() -> Any:
    """A log observer for a person: our own lines as they are, and of others only what went wrong."""
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
        # twistd has made sys.stdout and sys.stderr into parts of its log; these are the real ones.
        stream = sys.__stdout__ if event.get("log_level") == LogLevel.info else sys.__stderr__
        with contextlib.suppress(OSError, OperatorError):  # a server does not end because nobody reads what it prints
            print(text, file=stream, flush=True)

    return observe
