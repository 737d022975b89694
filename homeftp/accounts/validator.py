"""Whether those who came in may still be here, and may do what they could then."""

from __future__ import annotations

from typing import Sequence

import attrs

from homeftp.accounts.access import AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.realm import Account


@attrs.frozen
class AccessValidator:
    """By what `state` says now. `own_accounts`: whether the accounts are those in it."""

    state: AccountDatabase
    own_accounts: bool

    def of(self, came_in: Sequence[tuple[Account, Device | None]]) -> list[bool]:
        """For each login (account, and device if there is one): whether it is valid. Blocks; raises `OperatorError`."""
        devices = {device.id: device.account for device in Devices(self.state).all()}
        accesses = {name: AccessTable(self.state).find(name) for name in self.state.account_names()}

        def stands(account: Account, device: Device | None) -> bool:
            if device is not None and devices.get(device.id) != account.name:
                return False
            if device is None and not self.own_accounts:
                return True
            return account.name in accesses and accesses[account.name] == account.access

        return [stands(account, device) for account, device in came_in]
