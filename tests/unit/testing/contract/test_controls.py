"""Every test of the contract has a wrong store that it catches."""

from __future__ import annotations

import collections
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from homeftp.testing.contract import ReadOnlyStoreContract, StoreContract
from homeftp.testing.contract.case import ContractCase


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

    def test_no_clash(self) -> None:
        """No part of the contract has a test or a helper of another's name: one of the two would never run."""
        for contract in (StoreContract, ReadOnlyStoreContract):
            self.assertEqual(_clashes(contract), [])

    def test_clash(self) -> None:
        """The control: a clash is found."""

        class One:
            test_it = None

        class Other:
            test_it = None

        class Both(One, Other): ...

        self.assertEqual(_clashes(Both), ["test_it"])


def _clashes(contract: type) -> list[str]:
    """The names that more than one part of a contract defines."""
    parts = [part for part in contract.__mro__ if part not in (contract, ContractCase, object)]
    defined = collections.Counter(name for part in parts for name in vars(part) if not name.startswith("__"))
    return [name for name, count in defined.items() if count > 1]
