"""The status of known servers: whether each can be reached, as which account, with which rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from homeftp.cli.connect.reactor import run_reactor
from homeftp.cli.terminal.exitcodes import Exit

if TYPE_CHECKING:
    from homeftp.client import IClientReactor, Remotes

_ANSWER_SECONDS = 10.0
"""How long a server may take; all are asked at the same time."""


def ask_remotes(remotes: Remotes, names: Sequence[str]) -> list[dict[str, Any]]:
    """The status of each of these servers. Raises `OperatorError` for one that is not known."""
    if not names:
        return []
    for name in names:
        remotes.load(name)
    found: list[dict[str, Any]] = []

    async def main(reactor: IClientReactor) -> int:
        from twisted.internet.defer import Deferred

        asked = [Deferred.fromCoroutine(ask(reactor, remotes, name)) for name in names]
        found.extend([await each for each in asked])
        return Exit.DONE

    run_reactor(main)
    return found


async def ask(reactor: IClientReactor, remotes: Remotes, name: str) -> dict[str, Any]:
    """The status of one server; failures of the server or the network are its `problem`."""
    from twisted.internet.defer import Deferred, TimeoutError

    from homeftp.client import ConnectionFailed, connect_remote
    from homeftp.errors import OperatorError, Refusal, UntrustedServer

    remote = remotes.load(name)
    fields: dict[str, Any] = {
        "name": name,
        "addresses": [str(each) for each in remote.addresses],
        "account": remote.user,
        "device": remote.device or None,
        "reachable": False,
    }
    began = reactor.seconds()
    connecting = Deferred.fromCoroutine(connect_remote(reactor, remotes, name))
    try:
        client = await connecting.addTimeout(_ANSWER_SECONDS, reactor)
    except TimeoutError:
        return {**fields, "problem": f"no answer within {_ANSWER_SECONDS:.0f} seconds"}
    except (ConnectionFailed, UntrustedServer, OperatorError) as error:
        return {**fields, "problem": str(error)}
    except Refusal as refusal:
        return {**fields, "problem": refusal.message}
    info = client.server_info
    address, took = client.address, reactor.seconds() - began
    await client.close()
    return {
        **fields,
        "reachable": True,
        "address": str(address),
        "milliseconds": round(took * 1000),
        "version": info.version,
        "account": info.account,
        "rights": None if info.rights is None else list(info.rights),
        "read_only": info.read_only,
    }


def remote_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """The lines that people read, for what `ask_remotes` returned."""
    return ["Known servers", *map(_line, found)] if found else []


def _line(each: dict[str, Any]) -> str:
    name = f"  {each['name']:20}"
    if not each["reachable"]:
        return f"{name} not reachable at {', '.join(each['addresses'])}: {each['problem']}"
    rights = "rights not known" if each["rights"] is None else f"rights {','.join(each['rights']) or 'none'}"
    read_only = ", read-only" if each["read_only"] else ""
    device = f", device {each['device']}" if each["device"] else ""
    return (
        f"{name} reached at {each['address']} in {each['milliseconds']} ms, as {each['account']}{device}, "
        f"{rights}{read_only}, homeftp {each['version']}"
    )
