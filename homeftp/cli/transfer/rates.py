"""Rates that a person types for --bwlimit, in the units of rsync(1)."""

from __future__ import annotations

import argparse
import re

_RATE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>[KMGT]?)(?P<base>i?B)?", re.IGNORECASE)
_DECIMAL, _BINARY = 1000, 1024
"""From one unit to the next: KB and MB, or K, KiB, M and MiB."""

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_rate(text: str) -> float | None:
    """Bytes a second; None for 0, which means no limit.

    A number alone is in KiB, as is K and KiB; KB is 1000 bytes, B one. Raises `argparse.ArgumentTypeError`.
    """
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a rate. Write KiB per second, or a number with a unit: 500KB, 1.5M"
        )
    unit, base = found["unit"].lower(), (found["base"] or "").lower()
    if not unit and not base:
        unit = "k"
    step = _DECIMAL if base == "b" else _BINARY
    return float(found["number"]) * step ** _POWERS[unit] or None
