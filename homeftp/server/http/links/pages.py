"""The pages of share links: HTML in which every name and word is escaped, and one script, which shows local times."""

from __future__ import annotations

import base64
import hashlib
import html
import time
from typing import Mapping, Sequence
from urllib.parse import quote

import attrs

from homeftp.model import SECOND_US, Entry
from homeftp.server.http.links.words import LANGUAGES

STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:0 auto;padding:1.5rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
td,th{padding:.5rem .5rem .5rem 0;text-align:left;border-bottom:1px solid #8884}
td+td,th+th{white-space:nowrap;width:1%}
.act{display:inline-block;font:inherit;padding:.6rem 1.2rem;border-radius:.5rem;border:0;background:#1a5fb4;color:#fff;
text-decoration:none;cursor:pointer}
input{font:inherit;display:block;width:100%;box-sizing:border-box;margin:.5rem 0 1rem;padding:.6rem;
border:1px solid #8888;border-radius:.5rem}
input[type=file]{padding:2rem .6rem;border-style:dashed}
.small{color:GrayText;font-size:.9rem}
.wrong{color:#c01c28}
"""

SCRIPT = """
const language = document.documentElement.lang;
const locale = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;
for (const each of document.querySelectorAll("time")) {
  const shown = each.className ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  each.textContent = new Date(each.dateTime).toLocaleString(locale, shown);
}
"""
"""Without it the times are those of UTC, and say so."""


def _source(text: str) -> str:
    """The source of an inline style or script in a policy: its hash, so that no other one is allowed."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Vary", "Accept-Language"),
)
"""The fields of every page: nothing is loaded, nothing runs but that one script, and no search engine keeps it.

No other site learns the address. With the policy `no-referrer` browsers would send forms with `Origin: null`, as from
another site (Fetch, "append a request Origin header").
"""

END = f"</main>\n<script>{SCRIPT}</script>\n"
"""The end of each page."""

_STEP = 1000
"""From one unit of size to the next, as disks are sold."""


@attrs.frozen
class LinkPages:
    """Makes the pages in one language."""

    language: str

    @property
    def words(self) -> Mapping[str, str]:
        """The words of the language."""
        return LANGUAGES[self.language]

    def _size(self, size: int) -> str:
        """A number of bytes, with the comma or point of the language."""
        return size_shown(size).replace(".", self.words["point"])

    def text(self, key: str, **values: str) -> str:
        """A text, with values in it; escaped."""
        return html.escape(self.words[key].format(**values))

    def page(self, title: str, body: str) -> bytes:
        """A whole page; `title` is not escaped yet."""
        return f"{self.head(title)}{body}{END}".encode()

    def head(self, title: str) -> str:
        """The beginning of a page, with its title above the content."""
        shown = html.escape(title)
        return (
            f'<!doctype html>\n<html lang="{self.language}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
            f"<title>{shown}</title><style>{STYLE}</style>\n<main><h1>{shown}</h1>\n"
        )

    def shared_by(self, account: str, ends: float) -> str:
        """The account that shares it, and for how long."""
        words = html.escape(self.words["shared-by"])
        until = _time(ends, "%Y-%m-%d %H:%M UTC", "")
        return f'<p class="small">{words.format(account=html.escape(account), ends=until)}</p>\n'

    def file(self, name: str, entry: Entry, shared_by: str) -> bytes:
        """The page of a link to a file."""
        return self.page(
            name,
            f'<p>{html.escape(self._size(entry.size))}</p>\n<p><a class="act" href="?download" download>'
            f"{self.text('download')}</a></p>\n{shared_by}",
        )

    def row(self, entry: Entry) -> str:
        """The row of a directory's entry in its table. The name is one part: listings give no more here."""
        is_directory = entry.kind == "directory"
        target = quote(entry.name, safe="") + ("/" if is_directory else "?download")
        size = "" if is_directory else self._size(entry.size)
        return (
            f'<tr><td><a href="./{target}">{html.escape(entry.name)}{"/" if is_directory else ""}</a></td>'
            f"<td>{html.escape(size)}</td><td>{_day(entry.mtime_us)}</td></tr>\n"
        )

    def password(self, *, wrong: bool) -> bytes:
        """The page that asks for the password of a link."""
        problem = f'<p class="wrong" role="alert">{self.text("password-wrong")}</p>\n' if wrong else ""
        return self.page(
            self.words["password-title"],
            f'{problem}<form method="post"><label>{self.text("password")}'
            '<input type="password" name="password" required autofocus autocomplete="off"></label>'
            f'<button class="act">{self.text("open")}</button></form>\n',
        )

    def upload(self, account: str, shared_by: str) -> bytes:
        """The page of a drop box."""
        return self.page(
            self.words["upload-title"],
            f"<p>{self.text('upload-help', account=account)}</p>\n"
            '<form method="post" enctype="multipart/form-data"><input type="file" name="files" multiple required>'
            f'<button class="act">{self.text("upload")}</button></form>\n{shared_by}',
        )

    def received(self, stored: Sequence[str], refused: Sequence[tuple[str, str]]) -> bytes:
        """The results of the files of a form; `refused` has names with the key of a text each."""
        body = ""
        if stored:
            names = "".join(f"<li>{html.escape(name)}</li>" for name in stored)
            body += f"<p>{self.text('stored')}</p>\n<ul>{names}</ul>\n"
        if refused:
            names = "".join(f"<li>{html.escape(name)}: {self.text(why)}</li>" for name, why in refused)
            body += f'<p class="wrong" role="alert">{self.text("refused")}</p>\n<ul>{names}</ul>\n'
        return self.page(self.words["upload-title"], f'{body}<p><a class="act" href="./">{self.text("more")}</a></p>\n')

    def problem(self, key: str) -> bytes:
        """Why a link does not work."""
        return self.page(self.words["gone-title"], f"<p>{self.text(key)}</p>\n<p>{self.text('ask')}</p>\n")


def size_shown(size: int) -> str:
    """A number of bytes for people."""
    left = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if left < _STEP:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= _STEP
    return f"{left:.1f} TB"


def _day(mtime_us: int | None) -> str:
    return "" if mtime_us is None else _time(mtime_us / SECOND_US, "%Y-%m-%d", ' class="day"')


def _time(seconds: float, form: str, attributes: str) -> str:
    """A time in UTC, which the script replaces; "" for what is none."""
    try:
        at = time.gmtime(seconds)
        exact, shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", at), time.strftime(form, at)
    except (ValueError, OverflowError, OSError):
        return ""
    return f'<time{attributes} datetime="{exact}">{shown}</time>'
