"""The rule for the names of accounts and devices: any system can show and type them; and names that were verified."""

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


class VerifiedName(bytes):
    """The name of an account of our own database whose credentials were right, in UTF-8.

    `stamp` is the account's stamp when they were read: the credentials say nothing about an account that has another.
    """

    stamp: str

    def __new__(cls, name: str, stamp: str) -> VerifiedName:
        """The name, verified while the account had that stamp."""
        made = super().__new__(cls, name.encode())
        made.stamp = stamp
        return made
