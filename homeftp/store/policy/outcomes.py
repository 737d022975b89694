"""Many things done together: one that fails must not end the others."""

from __future__ import annotations

from typing import Callable, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def catch(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """What `step` returns, or the exception that it raises: the result of one item among many."""
    try:
        return step(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is this one item's result)
        return error
