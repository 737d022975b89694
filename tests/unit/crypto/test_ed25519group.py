"""The group in which SPAKE2 computes: that of the `spake2` package, computed by libsodium."""

from __future__ import annotations

import os
from unittest import mock

from nacl import bindings
from spake2 import SPAKE2_A, SPAKE2_B
from spake2.ed25519_basic import bytes_to_unknown_group_element
from spake2.ed25519_group import Ed25519Group as PythonGroup
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.ed25519group import BASE, POINT_BYTES, Ed25519Group, Element, parameters

GROUP = Ed25519Group()
SCALARS = (0, 1, 2, 7, 2**200 + 5, PythonGroup.order() - 1, PythonGroup.order(), PythonGroup.order() + 3, -1, -(2**99))


class ElementTests(SynchronousTestCase):
    """Arithmetic."""

    def test_same(self) -> None:
        """Sums and products are those of the package's own group."""
        self.assertEqual(BASE.to_bytes(), PythonGroup.Base.to_bytes())
        for seed in (b"M", b"N", os.urandom(8)):
            here, there = GROUP.arbitrary_element(seed), PythonGroup.arbitrary_element(seed)
            self.assertEqual(here.to_bytes(), there.to_bytes())
            for scalar in SCALARS:
                one, other = here.scalarmult(scalar), there.scalarmult(scalar)
                self.assertEqual(one.to_bytes(), other.to_bytes(), scalar)
                self.assertEqual(one.add(BASE).to_bytes(), other.add(PythonGroup.Base).to_bytes(), scalar)

    def test_neutral(self) -> None:
        """The neutral element stays what it is, and to multiply it takes no less than to multiply another."""
        neutral = BASE.add(BASE.scalarmult(-1))
        self.assertEqual(neutral.to_bytes(), PythonGroup.Zero.to_bytes())
        for element, scalar in ((BASE, 5), (neutral, 5), (BASE, 0)):
            name = "crypto_scalarmult_ed25519_noclamp"
            with mock.patch.object(bindings, name, wraps=getattr(bindings, name)) as multiply:
                product = element.scalarmult(scalar)
            self.assertEqual(multiply.call_count, 1)
            self.assertEqual(product == neutral, (element, scalar) != (BASE, 5))


class DecodingTests(SynchronousTestCase):
    """Elements that come from the other end."""

    def test_element(self) -> None:
        """An element is taken."""
        for element in (BASE, BASE.scalarmult(12345)):
            self.assertEqual(GROUP.bytes_to_element(element.to_bytes()), element)

    def test_none(self) -> None:
        """The neutral element, points of small and of mixed order, other encodings and other lengths are refused."""
        order_two = (2**255 - 20).to_bytes(POINT_BYTES, "little")
        mixed = PythonGroup.Base.add(bytes_to_unknown_group_element(order_two)).to_bytes()
        for encoded in (
            *(b"\1" + bytes(31), order_two, bytes(32), mixed, b"\xff" * 32, (2**255 - 18).to_bytes(32, "little")),
            *(b"", BASE.to_bytes()[:-1], BASE.to_bytes() + b"\0", b"\2" + bytes(31)),
        ):
            with self.assertRaises(ValueError):
                GROUP.bytes_to_element(encoded)


class ExchangeTests(SynchronousTestCase):
    """SPAKE2 in this group."""

    def test_with_the_other(self) -> None:
        """One end computes in this group, the other one in the package's own: they have the same key."""
        for first, second in (({"params": parameters()}, {}), ({}, {"params": parameters()})):
            device, server = SPAKE2_A(b"7-guitar-pine", **first), SPAKE2_B(b"7-guitar-pine", **second)
            here, there = device.start(), server.start()
            self.assertEqual(device.finish(there), server.finish(here))

    def test_guess_in_message(self) -> None:
        """A message that cancels out where a code is guessed right is taken like any other: a proof has to come."""
        password = GROUP.password_to_scalar(b"7-guitar-pine")
        blinding = Element(parameters().M.to_bytes()).scalarmult(password)
        server = SPAKE2_B(b"7-guitar-pine", params=parameters())
        server.start()
        self.assertEqual(len(server.finish(b"A" + blinding.to_bytes())), 32)
