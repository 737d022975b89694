"""`homeftp completion`: print the script with which a shell completes command lines of homeftp."""

from __future__ import annotations

import argparse

from homeftp.cli.terminal.exitcodes import Exit

SHELLS = ("bash", "zsh", "fish", "tcsh")

_EPILOG = """\
bash: homeftp completion bash > ~/.local/share/bash-completion/completions/homeftp

zsh: homeftp completion zsh > _homeftp, in a folder of $fpath

fish: homeftp completion fish > ~/.config/fish/completions/homeftp.fish

tcsh: homeftp completion tcsh > ~/.homeftp.csh, and source it in ~/.tcshrc
"""

_BASH = r"""
_homeftp_server_names() {
  "${COMP_WORDS[0]/#\~/$HOME}" complete-path 2>/dev/null | sed 's/:$//' | while IFS= read -r name; do
    [[ $name == "$1"* ]] && printf '%s\n' "$name"
  done
}

_homeftp_remote_paths() {
  "${COMP_WORDS[0]/#\~/$HOME}" complete-path "$1" 2>/dev/null
}

_homeftp_any_paths() {
  _homeftp_remote_paths "$1"
  compgen -f -- "$1"
}

# bash splits NAME:PATH at the colon, and replaces only the part after it. A backslash is before each space of a word.
_homeftp() {
  local line=${COMP_LINE:0:COMP_POINT} COMP_WORDS COMP_CWORD word
  read -a COMP_WORDS <<< "$line"
  [[ $line == *[[:space:]] && $line != *\\[[:space:]] ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _shtab_homeftp
  word=${COMP_WORDS[COMP_CWORD]}
  if [[ $word != -* && " COMMANDS " == *" ${COMP_WORDS[1]} "* ]]; then
    compopt -o filenames 2>/dev/null
    [[ ${COMPREPLY[*]} == *[:/] ]] && compopt -o nospace 2>/dev/null
  fi
  [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
  return 0
}

complete -o bashdefault -F _homeftp homeftp
"""

_ZSH = r"""
_homeftp_server_names() {
  local -a servers
  servers=(${${(f)"$(homeftp complete-path 2>/dev/null)"}%:})
  compadd -- $servers
}

_homeftp_remote_paths() {
  local -a found
  found=(${(f)"$(homeftp complete-path "${(Q)PREFIX}" 2>/dev/null)"})
  compadd -S '' -- ${(M)found:#*[:/]}
  compadd -- ${found:#*[:/]}
}

_homeftp_any_paths() {
  _homeftp_remote_paths
  _files
}
"""

_FISH = r"""
function _homeftp_server_names
  homeftp complete-path 2>/dev/null | string replace -r ':$' ''
end

function _homeftp_remote_paths
  homeftp complete-path (commandline -ct | string unescape) 2>/dev/null
end

function _homeftp_any_paths
  _homeftp_remote_paths
  __fish_complete_path (commandline -ct)
end
"""

_PREAMBLES = {"zsh": _ZSH, "fish": _FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell's name."""
    parser.add_argument("shell", choices=SHELLS, help="your shell")
    parser.epilog = _EPILOG


def run(options: argparse.Namespace) -> int:
    """Print the script of a shell; returns the exit code."""
    import shtab

    from homeftp.cli.parser import build_parser, subparsers_of, takes_paths
    from homeftp.cli.table import COMMANDS

    parser = build_parser(COMMANDS)
    print(shtab.complete(parser, shell=options.shell, preamble=_PREAMBLES.get(options.shell, "")))
    if options.shell == "bash":
        with_paths = " ".join(name for name, subparser in subparsers_of(parser) if takes_paths(subparser))
        print(_BASH.replace("COMMANDS", with_paths))
    return Exit.DONE
