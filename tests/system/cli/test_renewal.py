"""A device's certificate is renewed by any command after half of its lifetime, without a message."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices
from homeftp.crypto.devicecert import DEVICE_LIFE, certify_device, new_request
from homeftp.host import now
from tests.support import replay
from tests.support.processes import ServerProcess
from tests.system.cli.test_pair import PairCase


class RenewalTests(PairCase):
    """A real server, and a device that has been away for a while."""

    def remote(self) -> dict[str, Any]:
        """What the device keeps of the server."""
        with open(os.path.join(self.home, "remotes", "nas.json"), encoding="ascii") as file:
            kept: dict[str, Any] = json.load(file)
            return kept

    def age(self, actor: timedelta) -> None:
        """Let the device have a certificate that was made so long ago."""
        (device,) = Devices(AccountDatabase(self.server.state)).all()
        key, request = new_request()

        def then() -> datetime:
            return now() - actor

        certificate = certify_device(self.server.state, request, device.id, now=then)
        kept = {
            **self.remote(),
            "certificate": certificate.public_bytes(Encoding.PEM).decode(),
            "key": key.decode(),
        }
        with open(os.path.join(self.home, "remotes", "nas.json"), "w", encoding="ascii") as file:
            json.dump(kept, file)

    def ends(self) -> datetime:
        """When the device's certificate ends."""
        return x509.load_pem_x509_certificate(self.remote()["certificate"].encode()).not_valid_after_utc

    def renewals(self) -> int:
        return len([line for line in replay.lines(self.server.state) if line["event"] == "renewal"])

    def test_renewed(self) -> None:
        """Once half of its life is over there is a new one, with a new key, and the device is the same."""
        self.paired()
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        self.assertEqual(self.renewals(), 0, "the control: a new one is left alone")
        self.age(DEVICE_LIFE * 0.6)
        before = self.remote()
        self.assertLess(self.ends(), now() + DEVICE_LIFE / 2)
        listed = self.homeftp("ls", "nas:")
        self.assertEqual((listed.returncode, listed.stdout, listed.stderr), (0, "", ""))
        self.assertGreater(self.ends(), now() + DEVICE_LIFE * 0.9)
        after = self.remote()
        self.assertNotEqual(after["key"], before["key"])
        self.assertEqual({**after, "key": "", "certificate": ""}, {**before, "key": "", "certificate": ""})
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        self.assertEqual(self.renewals(), 1)
        self.assertEqual([device.name for device in Devices(AccountDatabase(self.server.state)).all()], ["ann-laptop"])

    def test_keys_gone(self) -> None:
        """A server whose keys are gone is another one: it says so when it starts, and the device is not fooled."""
        self.paired()
        self.assertNotIn("were recreated", self.server.output())
        self.server.end()
        shutil.rmtree(os.path.join(self.server.state, "identity"))
        folder, listen = self.server.folder, self.server.listen
        self.server = ServerProcess(account=False, program=self.program, folder=folder, listen=listen)
        self.assertIn("were recreated", self.server.output())
        listed = self.homeftp("ls", "nas:")
        self.assertEqual((listed.returncode, listed.stdout), (4, ""))

    def test_too_late(self) -> None:
        """An expired certificate is no login: one line says what to do."""
        self.paired()
        self.age(DEVICE_LIFE + timedelta(days=1))
        listed = self.homeftp("ls", "nas:")
        self.assertEqual((listed.returncode, listed.stdout, len(listed.stderr.splitlines())), (3, "", 1))
        self.assertIn("homeftp invite", listed.stderr)
