"""`homeftp completion`: print the script with which a shell completes command lines of homeftp."""

from __future__ import annotations

import argparse

from homeftp.cli.terminal.exitcodes import Exit

SHELLS = ("bash", "zsh", "tcsh")

_EPILOG = """\
bash: homeftp completion bash > ~/.local/share/bash-completion/completions/homeftp

zsh: homeftp completion zsh > _homeftp, in a folder of $fpath

tcsh: homeftp completion tcsh > ~/.homeftp.csh, and source it in ~/.tcshrc
"""

_BASH = r"""
_homeftp_server_names() {
  compgen -W "$("${COMP_WORDS[0]/#\~/$HOME}" remote list 2>/dev/null | cut -d ' ' -f 1)" -- "$1"
}

_homeftp_remote_paths() {
  _homeftp_server_names "$1" | sed 's/$/:/'
}

_homeftp_any_paths() {
  _homeftp_remote_paths "$1"
  compgen -f -- "$1"
}

# bash splits NAME:PATH at the colon, and replaces only the part after it.
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
_homeftp_server_names() {
  local -a servers
  servers=(${(f)"$(homeftp remote list 2>/dev/null | cut -d ' ' -f 1)"})
  compadd -- $servers
}

_homeftp_remote_paths() {
  local -a servers
  servers=(${(f)"$(homeftp remote list 2>/dev/null | cut -d ' ' -f 1)"})
  compadd -S '' -- ${^servers}:
}

_homeftp_any_paths() {
  _homeftp_remote_paths
  _files
}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell's name."""
    parser.add_argument("shell", choices=SHELLS, help="your shell")
    parser.epilog = _EPILOG


def run(options: argparse.Namespace) -> int:
    """Print the script of a shell; returns the exit code."""
    import shtab

    from homeftp.cli.main import COMMANDS, build_parser

    preamble = _ZSH if options.shell == "zsh" else ""
    script = shtab.complete(build_parser(COMMANDS), shell=options.shell, preamble=preamble)
    print(f"{script}\n{_BASH}" if options.shell == "bash" else script)
    return Exit.DONE
