"""Which types a browser is told, by a file's name: only such as can run nothing, whatever the file holds.

HTML and scripts are shown as text. What is not in the table is saved, not shown.
"""

from __future__ import annotations

from typing import Mapping, Sequence

TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
PDF = "application/pdf"

_TEXTS = (
    "bash c cfg conf cpp cs css csv diff go h hpp htm html ics ini java js json jsx kt log lua md mjs patch php pl"
    " properties ps1 py rb rs rst sh sql srt swift tex text toml ts tsv tsx txt vcf vtt xhtml xml yaml yml"
)

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(_TEXTS.split(), TEXT),
    "aac": "audio/aac",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "flac": "audio/flac",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "pdf": PDF,
    "png": "image/png",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
    "3gp": "video/3gpp",
}

_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""The policy of an SVG picture in its own tab: it looks as it is meant to. In a page pictures run nothing anyway."""

_VIEWER = "frame-ancestors 'none'"
"""Browsers show PDF files in a program apart from pages, which a sandbox would keep from starting."""


def shown_type(name: str) -> str | None:
    """The type that a file is shown as; None for one that is saved."""
    return _TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None


def type_headers(content_type: str | None) -> Sequence[tuple[str, str]]:
    """The header fields for content of that type."""
    policy = _VIEWER if content_type == PDF else _SANDBOX
    return [("Content-Type", content_type or BINARY), ("Content-Security-Policy", policy)]
