"""Asking at the terminal, during a transfer, whether to replace a file that is newer at the target, or a conflict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Awaitable, Callable

from homeftp.cli.terminal.text import printable
from homeftp.cli.terminal.times import format_time
from homeftp.cli.transfer.screen import Screen
from homeftp.errors import counted

if TYPE_CHECKING:
    from homeftp.client import CopyStat, FileResult, Writer

HERE, THERE = "on this machine", "on the server"
"""Where the two copies are."""

_CONCERNS = {
    "newer": "the copy {target} is newer.",
    "suspicious": "both copies have the same size and time, but not the same content. One of them may be damaged.",
    "conflict": "this machine has not seen the copy {target}. Someone else may have changed it.",
}

_ANSWERS = "[y]es, [n]o, [a]ll, [q]uit, or ? for help: "

_HELP = """\
  y  Replace the copy {target} by the one {source}.
  n  Leave the copy {target} as it is, and continue with the other files.
  a  Replace this one and all others, without asking again. --force does so from the start.
  q  Leave it as it is and stop. Files that were transferred stay.
"""


class TransferDeclined(Exception):
    """The person chose to end the transfer."""


class Prompter:
    """Asks one question at a time on `screen`; `read_line` returns what the person types, b"" at the end of the input.

    `target` is where files are replaced: `HERE` or `THERE`.
    """

    def __init__(self, screen: Screen, read_line: Callable[[], Awaitable[bytes]], target: str) -> None:
        from twisted.internet.defer import DeferredLock

        self._screen = screen
        self._read_line = read_line
        self._target = target
        self._source = HERE if target == THERE else THERE
        self._declined = False
        self._lock = DeferredLock()
        self._replace_all = False

    async def confirm_replace(self, name: str, item: FileResult) -> bool:
        """Ask whether to replace the target; raises `TransferDeclined` when the person quits."""
        await self._lock.acquire()
        try:
            if self._declined:
                raise TransferDeclined
            return self._replace_all or await self._ask(name, item)
        finally:
            self._lock.release()

    async def _ask(self, name: str, item: FileResult) -> bool:
        self._screen.begin_question()
        answer = ""
        try:
            print(self._describe(name, item), file=sys.stderr)
            while answer not in ("y", "n", "a"):
                print(f"Replace the copy {self._target}? {_ANSWERS}", end="", file=sys.stderr, flush=True)
                typed = await self._read_line()
                answer = typed.decode("utf-8", "replace").strip().lower()[:1]
                if answer == "q" or not typed:
                    self._declined = True
                    raise TransferDeclined
                if answer not in ("y", "n", "a"):
                    print(_HELP.format(target=self._target, source=self._source), end="", file=sys.stderr)
        finally:
            self._screen.end_question(answered=answer != "")
        self._replace_all = answer == "a"
        return answer != "n"

    def _describe(self, name: str, item: FileResult) -> str:
        """The differences of both copies that the person has to know."""
        concern = _CONCERNS[item.outcome.value].format(target=self._target)
        if item.remote is not None and item.remote.writer is not None:
            concern = f"this machine has not seen the copy {self._target}. {_describe_writer(item.remote.writer)}"
        lines = [f"{printable(name or 'The file')}: {concern}"]
        sizes = [counted(copy.size, "byte") for copy in (item.local, item.remote) if copy is not None]
        for place, copy in ((HERE, item.local), (THERE, item.remote)):
            if copy is not None:
                lines.append(self._line(place, copy, max(map(len, sizes))))
        return "\n".join(lines)

    def _line(self, place: str, copy: CopyStat, width: int) -> str:
        size = counted(copy.size, "byte").rjust(width)
        return f"  {place:{len(HERE)}}  {size}  {format_time(copy.mtime_us)}".rstrip()


def _describe_writer(writer: Writer) -> str:
    device = "" if writer.device is None else f" ({printable(writer.device)})"
    return f"{printable(writer.account)}{device} stored it on {format_time(writer.at_us)}."
