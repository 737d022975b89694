"""What is written over each value that an account's access is read from, and what logins get then."""

from __future__ import annotations

ITSELF = object()
"""Stands for the value that is there, as bytes."""

GARBAGE: dict[str, object] = {
    "nothing": None,
    "empty text": "",
    "the top": "/",
    "tops": "//",
    "text": "no value of this column",
    "outside": "../secret",
    "all rights, and more": "read,add,replace,delete,own",
    "rights in another order": "delete,replace,add,read",
    "an empty blob": b"",
    "a blob": b"\xff\xfe",
    "the right text as a blob": ITSELF,
    "zero": 0,
    "a negative number": -1,
    "a large number": 2**62,
    "a fraction": 1.5,
}
"""What is written over each value in turn."""

COLUMNS = {
    "accounts": ("name", "password", "home", "rights", "quota", "stamp", "account_id"),
    "devices": ("id", "name", "account", "paired", "kind", "credential", "rights", "home", "stamp"),
    "grants": ("account", "path", "rights"),
}
"""Everything that a login's access is read from."""

Given = list[list[str] | None]

REFUSED: dict[str, Given] = {"": [None, None], "devices": [["letter"], None]}
"""What logins get when a value of that table is garbled: a device concerns its own login only."""

SAME: Given = [["letter"], ["letter"]]
NOTHING: Given = [[], []]
NO_RESTRICTION: Given = [["letter", "tax/form"], ["letter", "tax/form"]]
NUMBERS = ("zero", "a negative number", "a large number", "a fraction")
"""Garbage of which a column of text keeps the digits."""

FOLDERS = ("text", "all rights, and more", "rights in another order", *NUMBERS)
"""Garbage that may be the name of a folder."""

TEXTS = (*(name for name, value in GARBAGE.items() if isinstance(value, str) and value), *NUMBERS)
"""Garbage that is any text."""

EXPECTED: dict[tuple[str, str, str], Given] = {
    **{("accounts", "password", name): [None, ["letter"]] for name in GARBAGE},
    **dict.fromkeys((("accounts", "home", name) for name in FOLDERS), NOTHING),
    ("accounts", "home", "the top"): [["secret", "home/letter", "home/tax/form"]] * 2,
    ("accounts", "quota", "nothing"): SAME,
    ("accounts", "quota", "a large number"): SAME,
    **dict.fromkeys((("accounts", column, name) for column in ("stamp", "account_id") for name in TEXTS), SAME),
    **{("devices", "paired", name): SAME for name in GARBAGE},
    **dict.fromkeys((("devices", "name", name) for name in ("empty text", *TEXTS)), SAME),
    **{("devices", "home", name): [["letter"], []] for name in FOLDERS},
    **dict.fromkeys((("devices", "stamp", name) for name in TEXTS), SAME),
    **dict.fromkeys((("grants", "path", name) for name in FOLDERS), NO_RESTRICTION),
}
"""Values that mean something, which is what the logins get: another home, no quota, no password, another stamp."""

OPEN_SESSIONS = ("a large number",)
"""Ends at which a session has not ended."""

UNIMPORTANT = {("devices", "name"), ("devices", "paired")}
"""Columns whose change ends no login: they do not decide about access."""

OPEN_CODES = {("ends", "a large number"), ("ends", "a fraction"), ("misses", "zero"), ("device", "nothing")}
"""Values with which a code is still open."""
