"""Merging the two edits of a text, line by line, by the library merge3. No input and no output."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Sequence

from homeftp.config import MIB
from homeftp.errors import OperatorError

MOST_BYTES = MIB
"""Bytes of a text that is merged."""

_MOST_LINES = 20_000
"""Lines of a text that is merged: with lines that are made for it the library takes a few seconds then."""


def require_merge_library() -> None:
    """Raise `OperatorError` where the library is not installed."""
    if find_spec("merge3") is None:
        raise OperatorError("merging needs a library: install homeftp[merge], or leave out --merge")


def merge_texts(base: bytes, one: bytes, other: bytes) -> bytes | None:
    """The text with what `one` and `other` each have changed in `base`; None where that is not clear.

    So it is where both have changed the same lines, or lines beside each other; where one of the three is no text in
    UTF-8, or is too large; and where the same lines occur so often that merging the result again with one of the two,
    as after an interruption, would repeat some. Blocks.
    """
    texts = [_lines(each) for each in (base, one, other)]
    if None in texts:
        return None
    agreed, first, second = (each for each in texts if each is not None)
    merged = _merge(agreed, first, second)
    if merged is None or any(_merge(agreed, each, merged) not in (merged, None) for each in (first, second)):
        return None
    return b"".join(merged)


def _merge(agreed: Sequence[bytes], one: Sequence[bytes], other: Sequence[bytes]) -> list[bytes] | None:
    """The merged lines; None for a conflict."""
    from merge3 import Merge3

    merged: list[bytes] = []
    for group in Merge3(agreed, one, other).merge_groups():
        if group[0] == "conflict":
            return None
        merged += group[1]
    return merged


def _lines(content: bytes) -> Sequence[bytes] | None:
    """The lines of a text, each with its end; None for what is none."""
    if len(content) > MOST_BYTES or b"\0" in content:
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = content.splitlines(keepends=True)
    return lines if len(lines) <= _MOST_LINES else None
