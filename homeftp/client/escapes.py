"""Local names that the rules for endpoints forbid, in a form that they allow; docs/decisions/escaped-names.rst.

A forbidden character becomes `ESCAPE` and a character that looks like it. `escape_name` and `unescape_name` are each
other's inverse: no two local names become the same, and a name without a forbidden character stays as it is, unless
`ESCAPE` in it could be taken for the beginning of an escape.
"""

from __future__ import annotations

import os
import unicodedata

from homeftp.endpoint import is_device_name, name_problem

ESCAPES = os.name == "posix"
"""Whether local files may have the names that are escaped. Windows forbids them too, so nothing is unescaped there."""

ESCAPE = "\u201b"
"""SINGLE HIGH-REVERSED-9 QUOTATION MARK, which rclone uses for this too: hardly any name has it."""

_FULLWIDTH = 0xFEE0
"""From a character of ASCII to its fullwidth form (Unicode, block Halfwidth and Fullwidth Forms)."""

_PICTURES = 0x2400
"""From a control character of ASCII to its picture (block Control Pictures); also from the space."""

_BYTES = 0x2800
"""From a byte of a name that is not UTF-8 to its Braille pattern. Those below 0x80 stand for the control characters
beyond ASCII, which have no pictures, and for the separators of lines and paragraphs."""

_SURROGATE = 0xDC00
"""From a byte to the surrogate as which Python shows it in a name that is not UTF-8 (PEP 383)."""


_CONTROLS, _DELETE, _MORE_CONTROLS = range(0x01, 0x20), 0x7F, range(0x80, 0xA0)
"""The control characters (C0, DEL and C1 of Unicode); no name has NUL."""

_HIGH_BYTES = range(0x80, 0x100)
"""The bytes that a name that is not UTF-8 may have where UTF-8 has none."""


def _table() -> dict[str, str]:
    """The character behind `ESCAPE` for each character that is escaped anywhere in a name."""
    table = {character: chr(ord(character) + _FULLWIDTH) for character in '\\<>:"|?*'}
    table |= {chr(code): chr(_PICTURES + code) for code in _CONTROLS}
    table[chr(_DELETE)] = "\u2421"
    others = [*map(chr, _MORE_CONTROLS), "\u2028", "\u2029"]
    table |= {character: chr(_BYTES + place) for place, character in enumerate(others)}
    table |= {chr(_SURROGATE + byte): chr(_BYTES + byte) for byte in _HIGH_BYTES}
    return table


_ANYWHERE = _table()
_AT_THE_END = {".": chr(ord(".") + _FULLWIDTH), " ": chr(_PICTURES + ord(" "))}
_IN_DEVICES = {letter: chr(ord(letter) + _FULLWIDTH) for letter in "CPANLcpanl"}
"""The first letters of the names of devices."""

_ORIGINAL = {ESCAPE: ESCAPE} | {
    replaced: original for table in (_ANYWHERE, _AT_THE_END, _IN_DEVICES) for original, replaced in table.items()
}
"""The original character for each one behind `ESCAPE`."""


def escape_name(name: str) -> str:
    """The name on the wire of a local name in composed form (NFC). It may still be reserved, or too long."""
    if ESCAPE not in name and name_problem(name) is None:
        return name
    is_device = is_device_name(name)
    escaped = ""
    for at in range(len(name) - 1, -1, -1):
        character = name[at]
        replaced = _ANYWHERE.get(character)
        if replaced is None and at == len(name) - 1:
            replaced = _AT_THE_END.get(character)
        if replaced is None and at == 0 and is_device:
            replaced = _IN_DEVICES[character]
        if replaced is None and character == ESCAPE and escaped[:1] in _ORIGINAL:
            replaced = ESCAPE
        escaped = (character if replaced is None else ESCAPE + replaced) + escaped
    return escaped


def unescape_name(name: str) -> str | None:
    """The local name of a name on the wire; None for one that `escape_name` does not give for any local name."""
    if ESCAPE not in name:
        return name
    found = ""
    at = 0
    while at < len(name):
        original = _ORIGINAL.get(name[at + 1 : at + 2]) if name[at] == ESCAPE else None
        found += name[at] if original is None else original
        at += 1 if original is None else 2
    if found in (".", ".."):
        return None
    return found if escape_name(unicodedata.normalize("NFC", found)) == name else None
