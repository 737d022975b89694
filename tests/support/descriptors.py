"""How many files this process has open."""

from __future__ import annotations

import gc
import os


def count_descriptors() -> int:
    """The open files of the process: two counts of a test can be compared.

    What only garbage keeps open is closed before, if it was made since the count before. Older objects are left
    alone from then on: to look through all that a thousand tests have made takes a fifth of a second each time.
    """
    gc.collect()
    gc.freeze()
    return len(os.listdir("/dev/fd"))
