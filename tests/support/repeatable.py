"""How Hypothesis runs here: the same examples each time, however slow the machine is. Tests do not assert speed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

REPEATABLE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
