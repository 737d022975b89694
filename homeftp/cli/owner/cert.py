"""`homeftp cert`: the certificate authority of this machine's server, for other machines to install.

It works on the state folder. What it writes is no secret: every client of the web may have it.
"""

from __future__ import annotations

import argparse
import os
import sys

from homeftp.cli.owner.statedir import add_state_argument, state_dir
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.stdstreams import STANDARD
from homeftp.cli.terminal.text import print_json, printable
from homeftp.errors import OperatorError

_EPILOG = """\
A browser or another program that has this certificate trusts the server without a question. The page /certificate of
the server's web address explains how to install it. `homeftp pair` needs none of this.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the forms in which it can be written."""
    add_epilog(parser, _EPILOG)
    parser.add_argument("--pem", metavar="FILE", help="write it in PEM form; - is standard output")
    parser.add_argument(
        "--mobileconfig", metavar="FILE", help="write a profile for iPhone, iPad and Mac; - is standard output"
    )
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Print the fingerprint, and write what was asked for; returns the exit code."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from homeftp.crypto.ca import FOLDER, fingerprint, load_ca
    from homeftp.crypto.mobileconfig import mobileconfig
    from homeftp.crypto.secretfiles import private_folder

    piped = [options.pem, options.mobileconfig].count(STANDARD)
    if piped > 1 or (piped and options.json):
        raise OperatorError("only one of --pem, --mobileconfig and --json can go to standard output.")
    folder = state_dir(options)
    identity = os.path.join(folder, FOLDER)
    if not os.path.lexists(identity):
        raise OperatorError(f"there is no certificate in {folder} yet: start the server once, which makes it.")
    ca, _ = load_ca(private_folder(identity))
    for path, content in ((options.pem, ca.public_bytes(Encoding.PEM)), (options.mobileconfig, mobileconfig(ca))):
        if path == STANDARD:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        elif path is not None:
            _write(path, content)
    if options.json:
        end, written = ca.not_valid_after_utc.isoformat(), {"pem": options.pem, "mobileconfig": options.mobileconfig}
        print_json({"fingerprint": fingerprint(ca), "valid_until": end, **written})
    elif not piped:
        print(f"{fingerprint(ca)}, valid until {ca.not_valid_after_utc.date()}")
        for path in filter(None, (options.pem, options.mobileconfig)):
            print(f"Wrote {printable(path)}.")
    return Exit.DONE


def _write(path: str, content: bytes) -> None:
    """Write a file that is not there yet. Raises `OperatorError`."""
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        raise OperatorError(f"{path} exists already: choose another name, or remove it.") from None
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from None
