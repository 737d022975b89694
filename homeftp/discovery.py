"""Being found in the local network, by DNS-SD over multicast DNS (RFC 6763, RFC 6762): what both ends need for it.

What is announced there anybody can announce. It is a hint at an address, and
never a reason to trust: that comes from a pairing code or a pinned home.
The package `zeroconf` does the protocol; it is an extra.
"""

from __future__ import annotations

import importlib.util
import ipaddress

SERVICE = "_homeftp._tcp.local."
"""The type of the service, in the domain of the local network."""

VERSION = "1"
"""What the record `v` says: how the others are to be read."""

SHORT = 16
"""Hexadecimal digits of the CA's fingerprint that are announced: enough to tell homes apart, not to prove one."""


def available() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("zeroconf") is not None


def short(fingerprint: str) -> str:
    """As much of a fingerprint as is announced."""
    return fingerprint.removeprefix("SHA256:")[:SHORT]


def records(fingerprint: str) -> dict[str, str]:
    """All that a server says of itself, besides its name, its addresses and its port: the TXT record's pairs."""
    return {"v": VERSION, "fp": short(fingerprint)}


def instance(name: str, fingerprint: str) -> str:
    """What a server is announced as, which nobody else in the network may be: its machine's name alone would not do."""
    return f"{name} [{short(fingerprint)[:8]}]"


def machine_name(instance: str, short_fingerprint: str) -> str:
    """What the machine is called that is announced so."""
    return instance.removesuffix(f" [{short_fingerprint[:8]}]")


def usable(text: str) -> bool:
    """Whether another machine of the network can use this text as a server's address.

    No loopback, no multicast; and no link-local one of IPv6, which means
    nothing without the name of the interface at that other machine.
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


def own_addresses() -> list[str]:
    """This machine's addresses at which others may reach it, as far as can be told. Needs the extra."""
    import ifaddr

    found = [str(ip.ip if ip.is_IPv4 else ip.ip[0]) for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    return [each for each in dict.fromkeys(found) if usable(each)]
