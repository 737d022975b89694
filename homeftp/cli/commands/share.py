"""`homeftp share`: make, list and revoke share links to what is on a server."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.completers import REMOTE_PATHS, set_completer
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.prompt import read_password
from homeftp.cli.terminal.text import add_json_argument, print_json, print_result, printable, printable_endpoint
from homeftp.cli.terminal.times import format_minute, parse_duration
from homeftp.config import MOST_LINK_SECONDS
from homeftp.errors import OperatorError, UnknownRequestType, counted
from homeftp.interfaces.links import LINK_SECONDS
from homeftp.model import SECOND_US

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.interfaces.links import ShareLink

_ID_WIDTH = 8

_EPILOG = """\
A link works for anyone who has it, in any browser, without an account. The server's owner has to allow an account to
make links: `homeftp account change NAME --links on`. The link is printed once; if it is lost, revoke it and make
another one. It does not follow a rename: when nothing is at its path, it is broken.

--once ends the link with its first use: all that one address fetches or sends within an hour. With --upload people
can add files to the folder, and see nothing of it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the path and what the link is to be."""
    add_epilog(parser, _EPILOG)
    path = parser.add_argument("path", metavar="NAME:PATH", help="a file or a folder on a server")
    set_completer(path, REMOTE_PATHS)
    parser.add_argument("id", metavar="ID", nargs="?", help="with --revoke: the link's id, as --list prints it")
    acts = parser.add_mutually_exclusive_group()
    acts.add_argument("--list", action="store_true", help="list the account's links")
    acts.add_argument("--revoke", action="store_true", help="end a link at once")
    parser.add_argument("--for", dest="time", metavar="TIME", help="how long it works, such as 12h (default: 7d)")
    parser.add_argument("--once", action="store_true", help="end the link with its first use")
    parser.add_argument(
        "--upload", action="store_true", help="let people add files to the folder, but show them nothing of it"
    )
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument(
        "--password", action="store_true", help="ask for a password, without which the link does not open"
    )
    secret.add_argument("--password-stdin", action="store_true", help="read that password from standard input")
    add_json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Make, list or revoke; returns the exit code."""
    name, path = parse_remote_operand(options.path)
    if options.revoke != (options.id is not None):
        raise OperatorError("give the id of a link together with --revoke, such as: homeftp share --revoke NAME: ID")
    if (options.list or options.revoke) and (
        path or options.time or options.once or options.upload or options.password or options.password_stdin
    ):
        raise OperatorError(f"--list and --revoke take the server alone, without a path and options: {name}:")
    seconds = LINK_SECONDS if options.time is None else parse_duration(options.time, "--for", MOST_LINK_SECONDS)
    password = None
    if options.password or options.password_stdin:
        password = read_password(options.password_stdin, "Password of the link: ", check=str)

    async def work(reactor: IClientReactor, client: Client) -> int:
        if "LINK" not in client.server_info.request_types:
            raise UnknownRequestType("this server has no share links. Ask its owner to update it")
        if options.list:
            await _list(client, options)
        elif options.revoke:
            await client.revoke_link(options.id)
            print_result(options, f"Revoked the link {options.id}. It no longer works.", {"revoked": options.id})
        else:
            await _share(client, name, path, seconds, password, options)
        return Exit.DONE

    return with_client(name, work)


async def _share(
    client: Client, name: str, path: str, seconds: int, password: str | None, options: argparse.Namespace
) -> None:
    from homeftp.client import parse_remote_path

    endpoint = str(parse_remote_path(path).endpoint)
    uses = 1 if options.once else None
    made = await client.share(endpoint, seconds=seconds, uses=uses, upload=options.upload, password=password)
    if options.json:
        print_json({**_fields(made.link), "url": made.url})
        return
    print(made.url)
    print(
        f"It works {_how(made.link)}, until {format_minute(_us(made.link.ends))}. "
        f"To end it earlier: homeftp share --revoke {name}: {printable(made.link.id)}"
    )


async def _list(client: Client, options: argparse.Namespace) -> None:
    count = 0
    async for page in client.share_links():
        count += len(page)
        for link in page:
            if options.json:
                print_json(_fields(link))
            else:
                print(f"{printable(link.id):{_ID_WIDTH}}  {_described(link)}")
    if not count and not options.json:
        print("There is no link. To make one, run: homeftp share NAME:PATH")


def _described(link: ShareLink) -> str:
    """The description of a link, for a person."""
    place = printable_endpoint(str(link.endpoint))
    state = {
        "open": f"{_how(link)}, until {format_minute(_us(link.ends))}",
        "used": "used up",
        "expired": f"expired {format_minute(_us(link.ends))}",
        "broken": "broken: nothing is at its path, or your account may no longer share it",
    }[link.state.value]
    return f"{place}: {state}{'' if link.device is None else f', made with {printable(link.device)}'}"


def _how(link: ShareLink) -> str:
    """The use of a link, in words."""
    how = "for uploading" if link.upload else "for reading"
    if link.uses_left is not None:
        how += ", once" if link.uses_left == 1 else f", {counted(link.uses_left, 'time')}"
    return f"{how}, with its password" if link.has_password else how


def _us(seconds: float) -> int:
    return int(seconds * SECOND_US)


def _fields(link: ShareLink) -> dict[str, Any]:
    """A link for scripts; times in microseconds since 1970 UTC."""
    return {
        "link": link.id,
        "path": str(link.endpoint),
        "state": link.state.value,
        "made_us": _us(link.made),
        "ends_us": _us(link.ends),
        "upload": link.upload,
        "uses_left": link.uses_left,
        "password": link.has_password,
        "device": link.device,
    }
