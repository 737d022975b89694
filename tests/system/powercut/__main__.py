"""Power cuts, run by hand or by tests/system/store/test_power_cut.py; what came of each is printed as JSON.

Everything is mounted in a namespace of its own: `unshare --mount python -m tests.system.powercut ...`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile

import attrs

from tests.system.powercut.filesystems import FILE_SYSTEMS
from tests.system.powercut.power import Trial, attempts
from tests.system.powercut.stores import STORES


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.powercut", description=__doc__)
    parser.add_argument("systems", choices=FILE_SYSTEMS, nargs="+")
    parser.add_argument("--store", choices=STORES, default="right")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    for name, field in attrs.fields_dict(Trial).items():
        if name not in ("system", "store", "seed"):
            parser.add_argument(f"--{name}", type=int, default=field.default)
    parser.add_argument("--folder", help="where bad disks are kept")
    options = vars(parser.parse_args())
    folder = os.path.abspath(options.pop("folder") or tempfile.mkdtemp())
    systems, seeds = options.pop("systems"), options.pop("seeds")
    trials = [Trial(system=system, seed=seed, **options) for system in systems for seed in seeds]
    gc.freeze()  # the processes that are forked for the trials need not look through what is imported
    json.dump([attrs.asdict(report) for report in attempts(trials, folder)], sys.stdout, indent=1)


if __name__ == "__main__":
    main()
