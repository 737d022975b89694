"""A program that uses a share of a processor and nothing else: what the machine loses to a client, without the client.

python benchmarks/burner.py 0.4
"""

from __future__ import annotations

import sys
import time

PERIOD_SECONDS = 0.01
"""In each of them it computes for its share, and waits for the rest."""


def burn(share: float) -> None:
    """Compute for this share of the time, for ever."""
    while True:
        began, used = time.monotonic(), time.process_time()
        while time.process_time() - used < share * PERIOD_SECONDS:
            pass
        time.sleep(max(0.0, began + PERIOD_SECONDS - time.monotonic()))


if __name__ == "__main__":
    burn(min(1.0, float(sys.argv[1])))
