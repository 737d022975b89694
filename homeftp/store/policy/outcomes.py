"""Many things done together: one that fails must not end the others."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Callable, ParamSpec, Sequence, TypeVar

from homeftp.errors import Internal, Refusal
from homeftp.interfaces import IOpenFile

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def catch(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Exception:
    """The result of `step`, or the exception that it raises: the result of one item among many.

    A refusal loses its traceback, which no client is shown: its frames refer to the results, and with them all that the
    request needed would stay until a search for garbage. What the log shows keeps it.
    """
    try:
        return step(*args, **kwargs)
    except Internal as fault:
        return fault
    except Refusal as refused:
        return refused.with_traceback(None)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is this one item's result)
        return error


def results_of(many: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> Sequence[R]:
    """The results of a store's `many` for `items`, one for each; it is not called where there are none.

    A store that gives more or fewer is defective, and no result can be trusted: what it opened is closed, and
    RuntimeError is raised.
    """
    results = many(items) if items else ()
    if len(results) == len(items):
        return results
    with ExitStack() as opened:
        for result in results:
            if IOpenFile.providedBy(result):
                opened.callback(result.close)
    raise RuntimeError(f"the store gave {len(results)} results for {len(items)} items")


def only(results: Sequence[T | Exception]) -> T:
    """The result of a store's `many` for a single item; raises what it is where it is an exception."""
    (result,) = results
    if isinstance(result, Exception):
        raise result
    return result


def for_allowed(
    many: Callable[[Sequence[S]], Sequence[R | Exception]],
    items: Sequence[T],
    allowed: Callable[[T], S | Exception],
) -> list[R | Exception]:
    """The results of `many` for those items that are `allowed`, each as that gives it; the refusals of others."""
    asked = [allowed(item) for item in items]
    done = iter(results_of(many, [each for each in asked if not isinstance(each, Exception)]))
    return [each if isinstance(each, Exception) else next(done) for each in asked]
