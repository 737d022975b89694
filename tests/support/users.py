"""Tests that become another user for a while, because root may read and change everything."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

from tests.support import needs

NOBODY = 65534
"""The user without rights, on every Linux."""


@contextlib.contextmanager
def as_nobody(*paths: str) -> Iterator[None]:
    """Give these paths to a user without rights and be that user. Only one thread may run meanwhile; needs root."""
    needs.root()
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
