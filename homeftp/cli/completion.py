"""`homeftp completion`: what a shell needs to complete our command lines."""

from __future__ import annotations

import argparse
from typing import Any

from homeftp.cli import Exit

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell, and how to use what is printed."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that you use")
    parser.epilog = (
        "bash: homeftp completion bash > ~/.local/share/bash-completion/completions/homeftp - "
        "zsh: homeftp completion zsh > _homeftp, in a folder of $fpath - "
        "tcsh: homeftp completion tcsh > ~/.homeftp.csh, and source it in ~/.tcshrc"
    )


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from homeftp.cli.main import COMMANDS, build_parser

    print(shtab.complete(build_parser(COMMANDS), shell=options.shell))
    return Exit.DONE


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """The server's options as argparse has them, for completion alone: twistd parses them."""
    import shtab
    from twisted.python.usage import CompleteDirs, CompleteFiles

    from homeftp.tap import Options

    def completed(argument: Any, action: object) -> None:
        if isinstance(action, CompleteDirs):
            argument.complete = shtab.DIRECTORY
        elif isinstance(action, CompleteFiles):
            argument.complete = shtab.FILE

    server = Options()
    for spelled in server.longOpt:
        name = spelled.removesuffix("=")
        if name == "help":
            continue  # argparse has its own
        summary = " ".join(server.docs[name].split()).replace("%", "%%")
        argument = parser.add_argument(f"--{name}", action="store" if spelled != name else "store_true", help=summary)
        completed(argument, server.compData.optActions.get(name))
    completed(parser.add_argument("root", metavar="DIR", nargs="?"), CompleteDirs())
