"""Whether logins are still valid: their device is still paired, and their account still has the same rights."""

from __future__ import annotations

from typing import Sequence

import attrs

from homeftp.accounts.access import AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.realm import Account


@attrs.frozen
class AccessValidator:
    """Compares logins with the database.

    `own_accounts`: whether accounts are those of the database, or those of another checker (`--auth`).
    """

    state: AccountDatabase
    own_accounts: bool

    def are_valid(self, logins: Sequence[tuple[Account, Device | None]]) -> list[bool]:
        """Whether each login (its account, and its device if it has one) is valid. Blocks; raises `OperatorError`."""
        devices = {device.id: device.account for device in Devices(self.state).all()}
        accesses = {name: AccessTable(self.state).find(name) for name in self.state.account_names()}

        def is_valid(account: Account, device: Device | None) -> bool:
            if device is not None and devices.get(device.id) != account.name:
                return False
            if device is None and not self.own_accounts:
                return True
            return account.name in accesses and accesses[account.name] == account.access

        return [is_valid(account, device) for account, device in logins]
