"""Verifying what a server holds, over a connection."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from homeftp.cli.connect.operands import parse_remote_operand
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.text import printable_endpoint
from homeftp.cli.terminal.verification import VerifyReport

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor


def run(options: argparse.Namespace) -> int:
    """Have a server verify what is at a path; returns the exit code."""
    name, path = parse_remote_operand(options.path)

    async def work(reactor: IClientReactor, client: Client) -> int:
        return await verify(client, path, options)

    return with_client(name, work)


async def verify(client: Client, path: str, options: argparse.Namespace) -> Exit:
    """Verify a file, or everything beneath a folder, and print what is damaged."""
    from homeftp.client import parse_remote_path
    from homeftp.errors import UnknownRequestType

    client.require_rights("verifying", "read")
    if "VERIFY" not in client.server_info.request_types:
        raise UnknownRequestType("this server cannot verify what it holds. Ask its owner to update it")
    endpoint = str(parse_remote_path(path).endpoint)
    report = VerifyReport(options, printable_endpoint(endpoint))
    async for step in client.verify(endpoint):
        report.add(step)
    return report.print_summary()
