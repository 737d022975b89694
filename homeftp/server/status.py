"""The status of a running server for its owner: `homeftp status` asks for it over the control socket.

Nothing here is told to a client. Times are microseconds since 1970, sizes are bytes.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Mapping

import attrs
from msgspec import structs
from twisted.application.service import IService

import homeftp
from homeftp.accounts.access import Access, AccessTable, access_fields
from homeftp.accounts.devices import Device, Devices, device_fields
from homeftp.accounts.login import Login
from homeftp.config import Settings
from homeftp.errors import OperatorError
from homeftp.host import now
from homeftp.interfaces import IShownFrontEnd
from homeftp.interfaces.usage import AccountUsage, IActiveConnection, IMeasuredStore
from homeftp.model import SECOND_US, Actor
from homeftp.server.banner import ListeningAddress, listening_addresses
from homeftp.server.monitoring.monitored import Monitored, read_store
from homeftp.server.wiring import Server
from homeftp.store.policy.permissions import allotment


@attrs.frozen(eq=False)
class ServerStatus:
    """The state of one running server, as JSON."""

    settings: Settings
    server: Server
    since: float = attrs.field(factory=lambda: now().timestamp())
    """When the server started: seconds since 1970 UTC."""

    def listened(self) -> list[ListeningAddress]:
        """The addresses that the JSON front end listens on."""
        return listening_addresses(self.server.json)

    async def hello(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Which server this is, from memory."""
        ports = [getattr(each.address, "port", None) for each in self.listened()]
        return {
            "pid": os.getpid(),
            "version": homeftp.__version__,
            "state": self.settings.state,
            "root": self.settings.root,
            "ports": [port for port in ports if port is not None],
        }

    async def reach(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """How the front ends for other programs are reached: the lines that were shown at the start."""
        shown = [each for each in self.server.front_ends if IShownFrontEnd.providedBy(each)]
        return {"lines": [line for each in shown for line in each.lines()]}

    async def status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that `homeftp status` shows of a server."""
        context = self.server.context
        logins = context.logins.logins()
        found: dict[str, Any] = await context.workers.run_unbounded(self._stored)
        accounts = found.pop("accounts")
        for account in accounts:
            account["budgets"] = self._budgets(account["name"], account.pop("held_back"))
        connected = {login.device_id for login in logins}
        for device in found["devices"]:
            device["connected"] = device.pop("id") in connected
        return {
            "server": await self._server(),
            "addresses": [_address(each) for each in self.listened()],
            "front_ends": [each.name for each in self.server.front_ends],
            "reach": (await self.reach({}))["lines"],
            "connections": {
                "open": len(context.connections),
                "most": context.limits.connections,
                "unauthenticated": context.connections.unauthenticated,
                "most_unauthenticated": context.limits.unauthenticated,
            },
            "clients": [client_fields(each) for each in logins],
            "accounts": accounts,
            "payloads": context.budget.streams,
            "scrub": {**attrs.asdict(self.server.scrub.state), "summary": self.server.scrub.state.summary},
            **found,
        }

    async def _server(self) -> dict[str, Any]:
        since, read_only = self.since, self.server.store.get().read_only
        return {
            **await self.hello({}),
            "started_us": int(since * SECOND_US),
            "uptime_seconds": int(max(0.0, now().timestamp() - since)),
            "fingerprint": self.server.context.tls.identity.fingerprint,
            "read_only": read_only,
            "audit_reads": self.settings.audit_reads,
        }

    def monitored(self) -> Monitored:
        """The parts that its metrics are read from."""
        context, server = self.server.context, self.server
        return Monitored(
            version=homeftp.__version__,
            traffic=context.counts,
            connections=context.connections,
            most_connections=context.limits.connections,
            logins=context.logins,
            budget=context.budget,
            pools=server.pools,
            store=server.store.get,
            accounts=server.state,
            scrub=lambda: server.scrub.state,
            member=server.member,
        )

    def monitoring(self) -> IService:
        """The service that answers monitoring systems, which needs an extra; raises `OperatorError` without it."""
        try:
            from homeftp.server.monitoring.service import MonitoringService
        except ImportError as error:
            raise OperatorError(f"--metrics needs more packages ({error}): pip install 'homeftp[metrics]'") from None
        context = self.server.context
        return MonitoringService(self.monitored(), context.reactor, context.workers, self.settings.metrics)

    def _budgets(self, account: str, held_back: int) -> dict[str, dict[str, int]]:
        """The use that an account makes of each budget."""
        limits = self.server.context.limits
        running, waiting = self.server.context.requests.usage(account)
        jobs, most_jobs = self.server.pools[0].usage(account)
        budgets = {
            "requests": {"used": running, "most": limits.account_in_flight, "waiting": waiting},
            "jobs": {"used": jobs, "most": most_jobs},
            "reserved": {"used": held_back, "most": limits.reserved},
        }
        for name, (used, most) in self.server.context.logins.files.usage(account).items():
            budgets[name] = {"used": used, "most": most}
        return budgets

    # -- in a worker ---------------------------------------------------------------

    def _stored(self) -> dict[str, Any]:
        """The usage of the disk and of the database."""
        store = self.server.store.get()
        measured = store if IMeasuredStore.providedBy(store) else None
        state = read_store(store)
        measure = partial(_measured, None if state.problems else measured)
        accesses = AccessTable(self.server.state)
        return {
            "problems": state.problems,
            "space": structs.asdict(state.usage),
            "devices": [_device(each) for each in Devices(self.server.state).all()],
            "accounts": [_account(name, access, measure(name, access)) for name, access in accesses.all()],
        }


def _measured(store: IMeasuredStore | None, name: str, access: Access) -> AccountUsage:
    """The space that an account takes up."""
    if store is None:
        return AccountUsage()
    allotted = allotment(access.rights, access.home, access.quota)
    return store.account_usage(Actor(name, allotment=allotted, account_id=access.id))


def _account(name: str, access: Access, usage: AccountUsage) -> dict[str, Any]:
    return {
        "name": name,
        **access_fields(access),
        "used": usage.used,
        "uploads": usage.uploads,
        "unfinished": usage.unfinished,
        "held_back": usage.held_back,
    }


def _address(each: ListeningAddress) -> dict[str, Any]:
    return {
        "endpoint": each.description,
        "reachable": each.reachable(),
        "port": getattr(each.address, "port", None),
        "tls": each.immediate_tls,
    }


def client_fields(login: Login) -> dict[str, Any]:
    """One login: who it is, and what its connections do."""
    doing: list[dict[str, Any]] = []
    for connection in login.connections:
        if IActiveConnection.providedBy(connection):
            doing += [
                {
                    "request": each.request,
                    "path": login.home.beneath(*each.endpoint.parts).whole,
                    "seconds": round(each.seconds, 1),
                }
                for each in connection.activities()
            ]
    return {
        "account": login.account,
        "device": login.device,
        "address": login.address,
        "front_end": login.front_end,
        "since_us": int(login.since.timestamp() * SECOND_US),
        "connections": len(login.connections),
        "doing": doing,
    }


def _device(device: Device) -> dict[str, Any]:
    return {"id": device.id, **device_fields(device)}
