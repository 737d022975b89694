"""The rule for the names of accounts and devices: any system can show and type them."""

from __future__ import annotations

import re

from homeftp.errors import OperatorError


def plain_name(text: str, whose: str, longest: int) -> str:
    """The name, if it is legal; raises `OperatorError` otherwise. `whose` is for the message: "an account's"."""
    if len(text) > longest or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text):
        raise OperatorError(
            f"{text!a} cannot be {whose} name: up to {longest} lower-case letters a-z, digits, '.', '_' and '-', "
            "the first a letter or a digit"
        )
    return text
