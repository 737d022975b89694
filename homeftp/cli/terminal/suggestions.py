"""Suggestions for a misspelled word."""

from __future__ import annotations

from typing import Iterable, Sequence

_MOST = 3
"""Suggestions for one word."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that names the known words that are like this one, behind a space; "" where none is."""
    from difflib import get_close_matches

    return suggest(get_close_matches(word, list(known), _MOST))


def suggest(words: Sequence[str]) -> str:
    """A question that names these words, behind a space; "" where there is none."""
    found = [f"`{each}`" for each in words]
    if not found:
        return ""
    return f" Did you mean {', '.join(found[:-1])}{' or ' if len(found) > 1 else ''}{found[-1]}?"
