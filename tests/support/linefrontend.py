"""The line-based front end of the tutorial, on a free port of loopback."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "docs" / "plugins" / "examples" / "frontend" / "frontend_line.py"
"""The tutorial's listing."""


def _load() -> Any:
    spec = spec_from_file_location("tutorial_lines", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_lines = _load()
LineProtocol: Any = _lines.LineProtocol


def line_front_end() -> Any:
    """The front end; its `listener` tells the port."""
    return _lines.LineFrontEnd("tcp:0:interface=127.0.0.1")
