"""The manual pages, made from the parsers: `python -m homeftp.cli.manpages FOLDER` writes one for each command.

A page is in the macros of man(7): man_pages(7) says which sections it has.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import Mapping, Sequence

from homeftp import __version__
from homeftp.cli.parser import EXIT_CODES, EXIT_MEANINGS, build_parser, subparsers_of
from homeftp.cli.table import COMMANDS, GROUPS

_SECTION = 1
"""Commands."""


def pages() -> dict[str, str]:
    """The pages by the names of their files, such as `homeftp-push.1`."""
    top = build_parser(COMMANDS)
    names = [name for name, command in COMMANDS.items() if not command.hidden]
    parsers = dict(subparsers_of(top))
    found = {f"homeftp.{_SECTION}": _overview(top, {name: COMMANDS[name].summary for name in names})}
    for name in names:
        found[f"homeftp-{name}.{_SECTION}"] = _page(name, COMMANDS[name].summary, parsers[name])
    return found


def _overview(top: argparse.ArgumentParser, summaries: Mapping[str, str]) -> str:
    lines = [*_head("homeftp", top.description or ""), *_synopsis(top), ".SH DESCRIPTION", _text(top.description or "")]
    lines.append(".SH COMMANDS")
    for group, names in GROUPS.items():
        lines.append(f".SS {_escaped(group[:1].upper() + group[1:])}")
        for name in names:
            lines += [".TP", f".BR homeftp\\-{_escaped(name)} ({_SECTION})", _text(summaries[name])]
    return _joined([*lines, *_options(top, ".SH OPTIONS"), *_exit_status()])


def _page(name: str, summary: str, parser: argparse.ArgumentParser) -> str:
    lines = [*_head(f"homeftp-{name}", summary), *_synopsis(parser), ".SH DESCRIPTION", _text(summary)]
    for paragraph in re.split(r"\n\s*\n", (parser.epilog or "").strip()):
        if paragraph and paragraph != EXIT_CODES:
            lines += [".PP", _text(" ".join(paragraph.split()))]
    lines += _options(parser, ".SH OPTIONS")
    actions = list(subparsers_of(parser))
    if actions:
        lines.append(".SH ACTIONS")
    for action, subparser in actions:
        lines += [f".SS {_escaped(action)}", *_usage(subparser), ".PP", _text(subparser.description or "")]
        lines += _options(subparser, "")
    return _joined([*lines, *_exit_status(), ".SH SEE ALSO", f".BR homeftp ({_SECTION})"])


def _head(name: str, summary: str) -> list[str]:
    title = name.upper().replace("-", "\\-")
    brief = summary.rstrip(".")
    brief = brief[:1].lower() + brief[1:]
    return [
        f'.TH {title} {_SECTION} "" "homeftp {__version__}" "User Commands"',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(brief)}",
    ]


def _synopsis(parser: argparse.ArgumentParser) -> list[str]:
    return [".SH SYNOPSIS", *_usage(parser)]


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    words = " ".join(parser.format_usage().split()).removeprefix("usage: ")
    rest = words.removeprefix(parser.prog).strip()
    return [f".B {_escaped(parser.prog)}", *([_text(rest)] if rest else [])]


def _options(parser: argparse.ArgumentParser, heading: str) -> list[str]:
    """The arguments and options of a parser, each with its help."""
    lines = []
    for action in sorted(parser._actions, key=lambda action: bool(action.option_strings)):
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        values = {**vars(action), "prog": parser.prog}
        lines += [".TP", _names(action), _text((action.help or "") % values)]
    return [heading, *lines] if lines and heading else lines


def _names(action: argparse.Action) -> str:
    allowed = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
    value = action.metavar if isinstance(action.metavar, str) else allowed or action.dest.upper().replace("_", "-")
    if not action.option_strings:
        return f"\\fI{_escaped(value)}\\fR"
    names = ", ".join(f"\\fB{_escaped(each)}\\fR" for each in action.option_strings)
    return names if action.nargs == 0 else f"{names} \\fI{_escaped(value)}\\fR"


def _exit_status() -> list[str]:
    lines = [".SH EXIT STATUS"]
    for code, meaning in EXIT_MEANINGS.items():
        lines += [".TP", f".B {code:d}", _text(f"{meaning[:1].upper()}{meaning[1:]}.")]
    return lines


def _text(text: str) -> str:
    """A paragraph; what stands in backticks is bold."""
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escaped(text))


def _escaped(text: str) -> str:
    """Text that roff prints as it is: no line of it is a request, and a hyphen can be copied into a shell."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"(?m)^\.", r"\\&.", text)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages into a folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m homeftp.cli.manpages", description="Write the manual pages.")
    parser.add_argument("folder", metavar="FOLDER", help="where to write them, such as /usr/local/share/man/man1")
    folder = parser.parse_args(arguments).folder
    os.makedirs(folder, exist_ok=True)
    for name, text in pages().items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
