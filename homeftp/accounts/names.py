"""What accounts and devices may be called: plain names, which any system can show and type."""

from __future__ import annotations

import re

from homeftp.errors import OperatorError


def plain_name(text: str, whose: str, longest: int) -> str:
    """The name, if it can be one. Raises `OperatorError` otherwise; `whose` is said in words such as "an account's"."""
    if len(text) > longest or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text):
        raise OperatorError(
            f"{text!a} cannot be {whose} name: up to {longest} lower-case letters a-z, digits, '.', '_' and '-', "
            "the first a letter or a digit"
        )
    return text
