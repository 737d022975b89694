"""What is wrong with a path, said once more and without a look at homeftp/endpoint.py.

One function for each rule, from its source: POSIX.1-2017 3.271 and 4.13 (paths), Microsoft's "Naming Files,
Paths, and Namespaces" (https://learn.microsoft.com/windows/win32/fileio/naming-a-file), UAX #15 (NFC), and the
protocol's own words.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import Callable

_WINDOWS_CHARACTERS = re.compile(r'[<>:"|?*\\\x00-\x1f]')
"""Microsoft: the reserved characters, and 0 to 31. The slash separates parts."""

_LEFT_OUT = re.compile(
    r"[\xad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2065"
    r"\u2066-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)
"""DerivedCoreProperties.txt: Default_Ignorable_Code_Point. HFS+ (Apple, TN1150) leaves out some, ext4 all of them."""

_WINDOWS_DEVICES = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$|clock\$) *(\..*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""Microsoft: device names, "also … followed immediately by an extension". Windows forgets spaces before it."""


def parts(text: str) -> list[str]:
    """The names in a path."""
    return text.split("/")


def leaves(text: str) -> bool:
    """Joined to a root it does not stay beneath it, or does not stay what it was."""
    joined = posixpath.join("/srv/root", text)
    return posixpath.normpath(joined) != joined or not joined.startswith("/srv/root/") or "\0" in text


def unencodable(text: str) -> bool:
    """It has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def uncomposed(text: str) -> bool:
    """It is not in NFC."""
    return any(unicodedata.normalize("NFC", part) != part for part in parts(text))


def too_long(text: str) -> bool:
    """A part of more than 255 bytes, or more than 4096 of them in all."""
    return len(text.encode(errors="replace")) > 4096 or any(len(p.encode(errors="replace")) > 255 for p in parts(text))


def too_deep(text: str) -> bool:
    """More than 128 parts."""
    return len(parts(text)) > 128


def windows_characters(text: str) -> bool:
    """Windows has no such characters in names."""
    return any(_WINDOWS_CHARACTERS.search(part) for part in parts(text))


def windows_device(text: str) -> bool:
    """Windows has a device of that name."""
    return any(_WINDOWS_DEVICES.fullmatch(part) for part in parts(text))


def windows_ending(text: str) -> bool:
    """Windows drops dots and spaces from the end of a name."""
    return any(re.search(r"[. ]\Z", part) for part in parts(text))


def control(text: str) -> bool:
    """A character that moves a cursor or ends a line: Unicode's Cc, and the separators of lines and paragraphs."""
    return any(unicodedata.category(letter) == "Cc" for letter in set(text)) or not set("\u2028\u2029").isdisjoint(text)


def reserved(text: str) -> bool:
    """A part that is our own folder's name or a temporary's, however it is spelled, or DOS's short name for one.

    Unicode: toNFKC_Casefold; Apple, TN1150: HFS+ leaves out joiners, marks and the byte order mark.
    """
    for part in parts(text):
        folded = _LEFT_OUT.sub("", part)
        for _ in range(3):
            folded = unicodedata.normalize("NFKC", folded).casefold()
        if re.match(r"\.homeftp(-|\Z)", folded) or re.fullmatch(r"ho(meft|[0-9a-f]{4})~\d+", folded, re.ASCII):
            return True
    return False


RULES: dict[str, Callable[[str], bool]] = {
    rule.__name__: rule
    for rule in (
        leaves,
        unencodable,
        uncomposed,
        too_long,
        too_deep,
        windows_characters,
        windows_device,
        windows_ending,
        control,
        reserved,
    )
}
"""By name; each says whether a path breaks it. The empty path, the root's, breaks none."""


def broken(text: str) -> list[str]:
    """The rules that a path breaks."""
    return [name for name, rule in RULES.items() if text and rule(text)]
