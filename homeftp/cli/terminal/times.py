"""Times for people, in this machine's time zone."""

from __future__ import annotations

MINUTE_WIDTH = len("2026-01-31 23:59")
SECOND_WIDTH = len("2026-01-31 23:59:59")
MOMENT_WIDTH = len("2026-01-31 23:59:59.999999")


def format_minute(mtime_us: int | None) -> str:
    """A time to the minute, always `MINUTE_WIDTH` characters; blank when the time is not known."""
    return _format(mtime_us, "%Y-%m-%d %H:%M", MINUTE_WIDTH)


def format_time(mtime_us: int | None) -> str:
    """A time to the second; blank when it is not known."""
    return _format(mtime_us, "%Y-%m-%d %H:%M:%S", SECOND_WIDTH)


def format_moment(at_us: int) -> str:
    """A time to the microsecond, which identifies a version; always `MOMENT_WIDTH` characters."""
    return _format(at_us, "%Y-%m-%d %H:%M:%S.%f", MOMENT_WIDTH)


def _format(us: int | None, pattern: str, width: int) -> str:
    from datetime import datetime, timedelta, timezone

    if us is None:
        return " " * width
    try:
        at = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=us)
        return at.astimezone().strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "????-??-?? ??:??".ljust(width)


_NUMBER = "[0-9]{14,17}"
"""A number of microseconds since 1970, from 1973 on; a date has at most 8 digits."""

_AGO = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60, "w": 7 * 24 * 60 * 60}


def parse_moment(text: str, option: str) -> str:
    """A time that a person typed, as `parse_moment_us` takes it, as ISO 8601 in UTC. Raises `OperatorError`."""
    from datetime import datetime, timedelta, timezone

    at = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=parse_moment_us(text, option))
    return at.isoformat(timespec="microseconds")


def parse_moment_us(text: str, option: str) -> int:
    """A time that a person typed, in this machine's time zone or as long ago as that: microseconds since 1970 UTC.

    Scripts may give that number itself, as `versions --json` prints it. Raises `OperatorError`, which names the option.
    """
    import re
    from datetime import datetime, timedelta, timezone

    from homeftp.errors import OperatorError

    ago = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip().lower())
    try:
        if re.fullmatch(_NUMBER, text.strip()) is not None:
            return int(text)
        if ago is not None:
            at = datetime.now(timezone.utc) - timedelta(seconds=int(ago[1]) * _AGO[ago[2]])
        else:
            at = datetime.fromisoformat(text.strip()).astimezone(timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise OperatorError(
            f"{option} {text}: give a time such as 2026-11-28, '2026-11-28 10:30' or 2h (two hours ago)."
        ) from None
    return (at - datetime.fromtimestamp(0, timezone.utc)) // timedelta(microseconds=1)


def parse_duration(text: str, option: str, most: int) -> int:
    """A time such as 90s, 12h, 7d or 2w that a person typed, in seconds; raises `OperatorError`, naming the option.

    `most` seconds are allowed, a number of whole days.
    """
    import re

    from homeftp.errors import OperatorError

    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip().lower())
    seconds = 0 if found is None else int(found[1]) * _AGO[found[2]]
    if not 0 < seconds <= most:
        raise OperatorError(f"{option} {text}: give a time such as 90s, 12h or 7d, at most {most // _AGO['d']}d.")
    return seconds


def format_second(iso: str) -> str:
    """A time in ISO 8601 to the second, in this machine's time zone; as it is where it is none."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return iso


def format_duration(seconds: float) -> str:
    """A time that has passed, in its two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for size, name in ((_AGO["d"], "d"), (_AGO["h"], "h"), (_AGO["m"], "min"), (1, "s")):
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts) or "0 s"
