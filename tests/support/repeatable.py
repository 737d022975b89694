"""How Hypothesis runs here: the same examples each time, however slow the machine is. Tests do not assert speed.

The same, that is, where the same modules are loaded: Hypothesis tries constants that it finds in them, and with -j each
process has loaded others. So a control is given as many examples as it may take, not as many as it took.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

REPEATABLE = settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
