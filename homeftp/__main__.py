"""`python -m homeftp`: the same as `homeftp`."""

import sys

from homeftp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
