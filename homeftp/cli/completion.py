"""`homeftp completion`: what a shell needs to complete our command lines."""

from __future__ import annotations

import argparse
from typing import Any

from homeftp.cli.terminal.exitcodes import Exit

SHELLS = ("bash", "zsh", "tcsh")

SERVERS, SERVER_PLACES, PLACES = "_homeftp_servers", "_homeftp_server_places", "_homeftp_places"
"""What a word may be: a known server's name; `NAME:`; or that, or a file here."""

_BASH = r"""
_homeftp_servers() {
  compgen -W "$("${COMP_WORDS[0]/#\~/$HOME}" remote list 2>/dev/null | cut -d ' ' -f 1)" -- "$1"
}

_homeftp_server_places() {
  _homeftp_servers "$1" | sed 's/$/:/'
}

_homeftp_places() {
  _homeftp_server_places "$1"
  compgen -f -- "$1"
}

# bash takes NAME:PATH apart at the colon, and replaces only what is behind it.
_homeftp() {
  local line=${COMP_LINE:0:COMP_POINT} COMP_WORDS COMP_CWORD word
  read -a COMP_WORDS <<< "$line"
  [[ $line == *[[:space:]] ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _shtab_homeftp
  word=${COMP_WORDS[COMP_CWORD]}
  if [[ ${COMPREPLY[*]} == *: ]]; then
    compopt -o nospace 2>/dev/null
  elif [[ " get push cmp " == *" ${COMP_WORDS[1]} "* && $word != -* ]]; then
    compopt -o filenames 2>/dev/null
  fi
  [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
  return 0
}

complete -o bashdefault -F _homeftp homeftp
"""

_ZSH = r"""
_homeftp_servers() {
  local -a servers
  servers=(${(f)"$(homeftp remote list 2>/dev/null | cut -d ' ' -f 1)"})
  compadd -- $servers
}

_homeftp_server_places() {
  local -a servers
  servers=(${(f)"$(homeftp remote list 2>/dev/null | cut -d ' ' -f 1)"})
  compadd -S '' -- ${^servers}:
}

_homeftp_places() {
  _homeftp_server_places
  _files
}
"""


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

    preamble = _ZSH if options.shell == "zsh" else ""
    script = shtab.complete(build_parser(COMMANDS), shell=options.shell, preamble=preamble)
    print(f"{script}\n{_BASH}" if options.shell == "bash" else script)
    return Exit.DONE


def completes(argument: Any, kind: str) -> None:
    """Say what the words of an argument may be: `SERVERS`, `SERVER_PLACES` or `PLACES`."""
    argument.complete = {"bash": kind, "zsh": kind}


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
