"""One power cut, run by hand or by tests/system/store/test_power_cut.py; what came of it is printed as JSON.

Everything is mounted in a namespace of its own: `unshare --mount python -m tests.system.powercut ...`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile

import attrs

from tests.system.powercut.filesystems import FILE_SYSTEMS
from tests.system.powercut.power import Trial, attempt
from tests.system.powercut.stores import STORES


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.powercut", description=__doc__)
    parser.add_argument("system", choices=FILE_SYSTEMS)
    parser.add_argument("store", choices=STORES, nargs="?", default="right")
    for name, field in attrs.fields_dict(Trial).items():
        if name not in ("system", "store"):
            parser.add_argument(f"--{name}", type=int, default=field.default)
    parser.add_argument("--folder", help="where bad disks are kept")
    options = vars(parser.parse_args())
    folder = os.path.abspath(options.pop("folder") or tempfile.mkdtemp())
    os.makedirs(folder, exist_ok=True)
    json.dump(attrs.asdict(attempt(Trial(**options), folder)), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
