"""The tests of homeftp: `unit` mirrors the package, `system` drives processes, faults and power cuts.

A test's docstring is the promise that it holds. A warning that escapes a test
fails it.
"""

import gc
import signal
import warnings

warnings.simplefilter("error")

gc.set_threshold(10_000, 20, 20)
"""Collect garbage seldom: each time all that the tests have imported is looked through, for a tenth of a second."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
