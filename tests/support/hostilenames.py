"""Strings that somebody will send as an endpoint, each with a word of the refusal that it must get, or "" for none."""

from __future__ import annotations

from typing import Iterator

LEAVES = "leaves the share's root"
ABSOLUTE = "starts with /"
EMPTY = "has an empty part"
DOT = "is . or .."
CONTROL = "control character"
ENDING = "ends in a dot or a space"
DEVICE = "device"
LONG = "longer than"
DEEP = "has more than 128 parts"
NFC = "composed form"
SURROGATE = "is not UTF-8"
RESERVED = "is reserved"

_OPENINGS: dict[str, str] = {
    **dict.fromkeys(("..", "../x", "../../etc/passwd", "a/..", "a/../b", "a/../../x", "a/b/../../../x"), LEAVES),
    **dict.fromkeys(("../", "..//x", "a/b/c/../../../../x", "../.homeftp"), LEAVES),
    **dict.fromkeys(("/", "/etc/passwd", "//server/share", "///", "/..", "//", "/ a"), ABSOLUTE),
    **dict.fromkeys(("a/", "a//b", "a/b/", "a//", "x//../y", "a/b//c"), EMPTY),
    **dict.fromkeys((".", "./x", "a/.", "a/./b", "./..", "./."), DOT),
    **dict.fromkeys((r"..\x", r"a\b", r"\\server\share", "\\", r"a/..\..\x", r"\??\C:\x"), "holds \\"),
    **dict.fromkeys(
        ("C:", r"C:\x", "c:x", "C:/x", "a:b", "file.txt:stream", "x::$DATA", "a/b:c/d", "file:///etc/x"), "holds :"
    ),
    **dict.fromkeys(("a*", "*", "a?b", "?", '"a"', "a<b", "a>b", "a|b", "<script>"), "holds "),
    **dict.fromkeys(("...", "a.", "a ", "a. ", "a .", " ", "a/b./c", "a /b", "x.txt.", "x.txt ", ". .", ".. "), ENDING),
    **dict.fromkeys(("..../x", "a/.../b", " /x", ". ", "  "), ENDING),
}

_CONTROLS = [*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029]

_DEVICES = [
    *"CON PRN AUX NUL con Prn aUx nul CONIN$ CONOUT$ conin$ CLOCK$".split(),
    *(f"{port}{digit}" for port in ("COM", "lpt") for digit in "0123456789¹²³"),
]

_RESERVED = (
    ".homeftp",
    ".HOMEFTP",
    ".HomeFtp",
    ".homeftp/incoming/x",
    "a/.homeftp",
    "a/.homeftp/lock",
    ".homeftp-0123",
    "a/.HOMEFTP-x",
    "\u2024homeftp",
    "\uff0ehomeftp",
    ".\uff48omeftp",
    ".home\uff46tp",
    ".\U0001d421omeftp",
    ".ho\u217fe\uff26TP",
    ".\u24d7omeftp",
    ".HOME\u1da0tp",
    ".homeftp\uff0dx",
    ".homeftp\ufe63x",
)

_DECOMPOSED = (
    "e\u0301",
    "re\u0301sume\u0301.txt",
    "a/A\u030a",
    "\u212b",
    "\u2126",
    "\u212a",
    "\u1100\u1161",
    "\u0374",
    "\u1fef",
    "\u2000x",
    "q\u0307\u0323",
    "\uf900",
    "\u0958",
    "\u0344",
)
"""Among them the letters that look composed and are not: angstrom, ohm, kelvin, and ideographs with two numbers."""

_SURROGATES = ("\ud800", "\udcff", "x\udfff", "a/\udc80/b", "\ud83d", "\ude00\ud83d", "caf\udce9.txt", "\ud800\udc00")

_TOO_LONG = ("x" * 256, "a/" + "y" * 256, "ä" * 128, "😀" * 64, "x" * 5000, "d/" * 2048 + "f", "ä/" * 1500, "n" * 10**6)

_TOO_DEEP = ("d/" * 128 + "f", "d/" * 2047 + "f", "ä/" * 200 + "f", "../" * 128 + "f")

_FINE = (
    *("", "a", "a/b/c", "x" * 255, "ä" * 127, "😀" * 63, "a" + "/a" * 127, "d" * 255 + ("/" + "d" * 255) * 15),
    *("..a", "...a", ".a", "a..b", "a/..b/c", ".hidden", "a b", " a", "a  b.txt", "~", "~root", "-rf", "--help"),
    *("CON1", "COM10", "console", "xCON", "aux-1", "null", "com", "LPT", "a.CON", "x.nul", "CON-", "COM¹0", "lpt٣"),
    *(".homeftpx", "homeftp", ".homeftp.txt", "x.homeftp", ".homeft", ".homeftp_", "a.homeftp-x", "..homeftp"),
    *(
        "é",
        "Å",
        "ß",
        "ﬁ",
        "İ",
        "\u0131",
        "\u017f",
        "日本語/ファイル.txt",
        "한글",
        "עברית",
        "नमस्ते",
        "👩‍👩‍👧",
        "%2e%2e%2f",
        "%00",
        "$(rm)",
    ),
    *("a;b", "a&b", "a'b", "a`b", "{a,b}", "[a]", "a=b", "a#b", "a%b", "a@b", "a+b", "a,b", "!a", "^a", "file (1).txt"),
)


def hostile() -> Iterator[tuple[str, str]]:
    """The corpus: what is sent, and a part of what must be answered; "" where it is an endpoint."""
    yield from _OPENINGS.items()
    for number in _CONTROLS:
        yield f"a{chr(number)}b", CONTROL
    for text in ("\0", "a\0.txt", "a/\0/b", "x.txt\0.jpg", "a\nb", "a\r\nGET b", "\x1b[31mred", "a/b\t"):
        yield text, CONTROL
    for device in _DEVICES:
        for text in (device, f"a/{device.lower()}", f"{device}.txt", f"{device} .x/b"):
            yield text, DEVICE
    yield from ((text, RESERVED) for text in _RESERVED)
    yield from ((text, NFC) for text in _DECOMPOSED)
    yield from ((text, SURROGATE) for text in _SURROGATES)
    yield from ((text, LONG) for text in _TOO_LONG)
    yield from ((text, DEEP) for text in _TOO_DEEP)
    yield from ((text, "") for text in _FINE)
