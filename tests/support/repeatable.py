"""How Hypothesis runs here: the same examples each time, however slow the machine is. Tests do not assert speed.

The same, that is, where the same modules are loaded: Hypothesis tries constants that it finds in them, and with -j each
process has loaded others. So a control is given as many examples as it may take, not as many as it took.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).parents[2] / ".hypothesis")
"""Where the constants are kept: each process would read all of homeftp for them, which takes seconds."""

REPEATABLE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
