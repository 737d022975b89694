"""Public test helpers: for authors of dispatchers, storage backends and front ends."""

from homeftp.testing.call import CallResult, call

__all__ = ["CallResult", "call"]
