"""The tests of homeftp: `unit` mirrors the package, `system` drives processes, faults and power cuts.

A test's docstring is the promise that it holds. A warning that escapes a test
fails it.
"""

import signal
import warnings

warnings.simplefilter("error")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
