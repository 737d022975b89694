"""The fixed pool of threads that runs everything that blocks, fair between accounts, and batches of small jobs."""

from homeftp.workers.batcher import Batcher, items_per_job
from homeftp.workers.inline import InlineWorkers
from homeftp.workers.pool import ThreadWorkers
from homeftp.workers.turn import turn

__all__ = ["Batcher", "InlineWorkers", "ThreadWorkers", "items_per_job", "turn"]
