"""The tests of homeftp, laid out as the package is: homeftp/store/jail.py is tested in tests/store/test_jail.py.

A test's docstring is the promise that it holds. A warning that escapes a test
fails it.
"""

import warnings

warnings.simplefilter("error")
