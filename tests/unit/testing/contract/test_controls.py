"""Every test of the contract has a wrong store that it catches."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from homeftp.testing.contract import StoreContract


class ControlTests(SynchronousTestCase):
    """The controls beside this file."""

    def test_every_test(self) -> None:
        """Each test of the contract is in a control."""
        sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
        controlled = {name for source in sources for name in re.findall(r"assert_caught\(\s*\"(test_\w+)\"", source)}
        for source in sources:
            for names in re.findall(r"for test in \(([^)]*)\)", source):
                controlled |= set(re.findall(r"test_\w+", names))
        promised = {name for name in dir(StoreContract) if name.startswith("test_")}
        self.assertEqual(promised - controlled, set())
        self.assertEqual(controlled - promised, set())
