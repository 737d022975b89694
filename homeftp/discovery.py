"""Discovery in the local network, by DNS-SD over multicast DNS (RFC 6763, RFC 6762): what server and client share.

Any machine can announce anything there. An announcement is a hint at an
address, and never a reason to trust a server: trust comes from a pairing code or
a known CA. The package `zeroconf` implements the protocol; it is imported only
where it is used.
"""

from __future__ import annotations

import ipaddress
from typing import Callable

SERVICE = "_homeftp._tcp.local."
"""The service type, in the domain of the local network."""

VERSION = "1"
"""The value of the record `v`: the version of this format."""

SHORT = 16
"""Hexadecimal digits of the CA's fingerprint that are announced: enough to tell homes apart, not to prove one."""

_INSTANCE_DIGITS = 8
"""Digits of the fingerprint in an instance's name, which has at most 63 bytes (RFC 6763, section 4.1.1)."""


def short(fingerprint: str) -> str:
    """The part of a fingerprint that is announced."""
    return fingerprint.removeprefix("SHA256:")[:SHORT]


def records(fingerprint: str) -> dict[str, str]:
    """The pairs of a server's TXT record."""
    return {"v": VERSION, "fp": short(fingerprint)}


def instance(name: str, fingerprint: str) -> str:
    """The instance name of a server, unique in the network: two machines may have the same name."""
    return f"{name} [{short(fingerprint)[:_INSTANCE_DIGITS]}]"


def machine_name(instance: str, short_fingerprint: str) -> str:
    """The name of the machine in an instance name."""
    return instance.removesuffix(f" [{short_fingerprint[:_INSTANCE_DIGITS]}]")


def usable(text: str) -> bool:
    """Whether another machine of the network can use this text as a server's address.

    Not loopback or multicast addresses; and not link-local ones of IPv6, which
    mean nothing without the name of an interface of that other machine.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return not (address.is_link_local or address.ipv4_mapped or address.scope_id)
    return True


def address_finder() -> Callable[[], list[str]]:
    """`own_addresses`, for a process that is going to drop its privileges: later it might not be able to import."""
    import ifaddr  # noqa: F401

    return own_addresses


def own_addresses() -> list[str]:
    """The addresses at which other machines may reach this one."""
    import ifaddr

    found = [str(ip.ip if ip.is_IPv4 else ip.ip[0]) for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    return [each for each in dict.fromkeys(found) if usable(each)]
