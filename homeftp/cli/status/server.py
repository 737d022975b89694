"""The status of this machine's server: from its control socket while it runs, otherwise from its database."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any, Iterator

from homeftp.cli.owner.statedir import become_owner, has_state, state_dir, state_found
from homeftp.cli.terminal.text import format_size
from homeftp.cli.terminal.times import format_duration, format_minute
from homeftp.control.statelock import server_of

_LABEL = len("listening  ")
"""Characters before the text of a line that the server shows when it starts."""

_BUDGETS = (
    ("requests", "requests"),
    ("jobs", "waiting jobs"),
    ("listings", "listings"),
    ("hashings", "files being hashed"),
)
"""The limits of an account that are counts, and their names for people."""


def ask_server(options: argparse.Namespace) -> dict[str, Any] | None:
    """The status of the server, with `running` and, of one that runs, `answering`; None where this machine has none.

    Raises `OperatorError`.
    """
    folder, server = state_found(options)
    if server is not None:
        return {**server.ask("status"), "running": True, "answering": True}
    if not has_state(folder):
        if options.state:
            state_dir(options)  # raises: the folder that --state names must hold a state
        return None
    become_owner(folder)
    pid = server_of(folder)
    if pid is not None:
        return {"running": True, "answering": False, "server": {"state": folder, "pid": pid}, **_stored(folder)}
    return {"running": False, "server": {"state": folder}, **_stored(folder)}


def _stored(folder: str) -> dict[str, Any]:
    """The accounts and devices in the database."""
    from homeftp.accounts.access import AccessTable, access_fields
    from homeftp.accounts.database import AccountDatabase
    from homeftp.accounts.devices import Devices, device_fields

    state = AccountDatabase(folder)
    return {
        "accounts": [{"name": name, **access_fields(access)} for name, access in AccessTable(state).all()],
        "devices": [device_fields(each) for each in Devices(state).all()],
    }


def server_lines(found: dict[str, Any]) -> Iterator[str]:
    """The lines that people read, for what `ask_server` returned."""
    server = found["server"]
    if not found["running"]:
        yield f"The server does not run. Its state is in {server['state']}."
    elif not found["answering"]:
        yield (
            f"The server (pid {server['pid']}) runs, and does not answer. If it was stopped with Ctrl-Z or SIGSTOP, "
            f"continue it with: kill -CONT {server['pid']}. Otherwise look at its log. Its state is in "
            f"{server['state']}."
        )
    else:
        yield (
            f"The server (pid {server['pid']}, homeftp {server['version']}) has run for "
            f"{format_duration(server['uptime_seconds'])}."
        )
        yield from _running_lines(found)
    if found["accounts"]:
        yield "Accounts"
        for account in found["accounts"]:
            yield from _account_lines(account)
    yield from _device_lines(found)


def _running_lines(found: dict[str, Any]) -> Iterator[str]:
    server, space, connections = found["server"], found["space"], found["connections"]
    yield f"  sharing      {server['root']}{'' if server['read_only'] is None else ': ' + server['read_only']}"
    yield f"  state        {server['state']}"
    yield from (f"  problem      {each}" for each in found["problems"])
    for address in found["addresses"]:
        yield f"  listening    {address['reachable']} ({address['endpoint']}{', TLS' if address['tls'] else ''})"
    for line in found.get("reach", ()):
        yield f"  {line[:_LABEL]}  {line[_LABEL:]}"
    yield f"  front ends   {', '.join(found['front_ends'])}"
    yield f"  identity     {server['fingerprint']}"
    if space["size"] is not None:
        yield f"  disk         {format_size(space['free'])} of {format_size(space['size'])} free"
    if space["quota"] is not None:
        yield f"  quota        {_of(space['used'], space['quota'])}"
    if space["versions"] is not None:
        yield f"  versions     {_of(space['versions'], space['most_versions'])}"
    if "scrub" in found:
        yield f"  scrub        {found['scrub']['summary']}"
    waiting = connections["unauthenticated"]
    yield (
        f"  connections  {connections['open']} of {connections['most']}{_by_front_end(found['clients'])}"
        + (f"; not logged in {waiting} of {connections['most_unauthenticated']}" if waiting else "")
        + (f"; large transfers {found['payloads']}" if found["payloads"] else "")
    )
    if server["audit_reads"]:
        yield "  audit        reads are recorded"


def _by_front_end(clients: list[dict[str, Any]]) -> str:
    """How many of the connections came through which front end; the server's own protocol is not named."""
    through: Counter[str] = Counter()
    for each in clients:
        if each.get("front_end"):
            through[each["front_end"]] += each.get("connections", 0)
    return "".join(f"; {name} {count}" for name, count in sorted(through.items()))


def _account_lines(account: dict[str, Any]) -> Iterator[str]:
    if account["folders"]:
        folders = ", ".join(f"{path} ({rights})" for path, rights in account["folders"].items())
        line = f"  {account['name']:20} folders {folders}"
    else:
        line = f"  {account['name']:20} home {account['home'] or '/'}, rights {account['rights']}"
    if account["quota"] is not None:
        quota = _of(account["used"], account["quota"]) if "used" in account else format_size(account["quota"])
        line += f", quota {quota}"
    if account.get("unfinished"):
        line += f", {format_size(account['unfinished'])} of interrupted uploads"
    yield line
    budgets = account.get("budgets")
    if budgets is None:
        return
    uses = [f"{shown} {budgets[name]['used']} of {budgets[name]['most']}" for name, shown in _BUDGETS]
    if budgets["requests"]["waiting"]:
        uses[0] += f" and {budgets['requests']['waiting']} waiting"
    most = budgets["reserved"]["most"]
    reserved = min(budgets["reserved"]["used"], most)  # what uploads need beyond that is not kept from other accounts
    uses.append(f"reserved for uploads {format_size(reserved)} of {format_size(most)}")
    yield f"  {'':20} {', '.join(uses)}"


def _device_lines(found: dict[str, Any]) -> Iterator[str]:
    """Every device, and every login with a password; for those that are connected, their current requests."""
    clients: list[dict[str, Any]] = found.get("clients", [])
    if found["devices"]:
        yield "Devices"
    for device in found["devices"]:
        name = f"  {device['name']:20} {device['account']:12}"
        own = [each for each in clients if each["device"] == device["name"]]
        program = f" with {device['client']}" if device["client"] else ""
        if own:
            yield from (f"{name} connected from {_where(each)}{program}{_doing(each)}" for each in own)
        elif device["seen_us"] is None:
            added = "paired" if device["kind"] == "certificate" else "added"
            yield f"{name} {added} {format_minute(device['paired_us'])}, not seen since"
        else:
            through = f" through {device['front_end']}" if device["front_end"] else ""
            yield f"{name} seen {format_minute(device['seen_us'])} at {device['address']}{through}{program}"
    others = [each for each in clients if each["device"] is None]
    if others:
        yield "Logged in with a password"
        yield from (f"  {each['account']:20} connected from {_where(each)}{_doing(each)}" for each in others)


def _where(client: dict[str, Any]) -> str:
    """The address of a client, and through which front end it is connected."""
    through = f" through {client['front_end']}" if client.get("front_end") else ""
    return f"{client['address']}{through}"


def _doing(client: dict[str, Any]) -> str:
    """The current requests of a client, in words."""
    if not client["doing"]:
        return ", idle"
    first = client["doing"][0]
    more = f" and {len(client['doing']) - 1} more" if len(client["doing"]) > 1 else ""
    return f": {first['request']} {first['path'] or '/'} ({format_duration(first['seconds'])}){more}"


def _of(used: int | None, most: int) -> str:
    """How much of a limit is used."""
    if used is None:
        return f"{format_size(most)} (use not counted yet)"
    percent = f" ({100 * used / most:.0f} %)" if most else ""
    return f"{format_size(used)} of {format_size(most)} used{percent}"
