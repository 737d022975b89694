"""The group in which SPAKE2 computes, by libsodium: the `spake2` package's own arithmetic is Python.

Multiplications in Python held the interpreter for 7 ms in each pairing, and all
other threads wait for the interpreter meanwhile. libsodium needs a tenth of
that, and lets other threads run. The messages and the keys are the same.

SPAKE2 itself, and what goes into its key, stay the package's.
"""

from __future__ import annotations

from functools import cache
from typing import Callable

import attrs
from nacl import bindings
from spake2.ed25519_group import Ed25519Group as PythonGroup
from spake2.params import _Params

POINT_BYTES = 32

_IDENTITY = b"\1" + bytes(POINT_BYTES - 1)
"""The encoding of the neutral element (RFC 8032, 5.1.2), which libsodium takes for no point of the group."""

_ORDER: int = PythonGroup.order()


@attrs.frozen
class Element:
    """A point of the prime-order group of edwards25519, by its encoding."""

    encoded: bytes

    def add(self, other: Element) -> Element:
        """The sum of this element and another one."""
        return Element(bindings.crypto_core_ed25519_add(self.encoded, other.encoded))

    def scalarmult(self, scalar: int) -> Element:
        """The point so many times; a negative number counts from the order of the group.

        It takes as long for the neutral element. A client can send a message that makes it one exactly where a guess
        of the code is right, and would learn that from the time, without a proof that is counted.
        """
        times = scalar % _ORDER
        point = BASE.encoded if self.encoded == _IDENTITY else self.encoded
        product = bindings.crypto_scalarmult_ed25519_noclamp(_scalar_bytes(times or 1), point)
        return Element(product if times and self.encoded != _IDENTITY else _IDENTITY)

    def to_bytes(self) -> bytes:
        """The encoding of this element."""
        return self.encoded


BASE = Element(bindings.crypto_scalarmult_ed25519_base_noclamp((1).to_bytes(POINT_BYTES, "little")))
"""The generator (RFC 8032, 5.1)."""


class Ed25519Group:
    """The group, as `spake2` needs it."""

    Base = BASE

    def order(self) -> int:
        """How many elements there are."""
        return _ORDER

    def random_scalar(self, entropy: Callable[[int], bytes]) -> int:
        """A random scalar."""
        scalar: int = PythonGroup.random_scalar(entropy)
        return scalar

    def password_to_scalar(self, password: bytes) -> int:
        """The scalar that stands for a password."""
        scalar: int = PythonGroup.password_to_scalar(password)
        return scalar

    def arbitrary_element(self, seed: bytes) -> Element:
        """An element whose logarithm is unknown."""
        return Element(PythonGroup.arbitrary_element(seed).to_bytes())

    def bytes_to_element(self, encoded: bytes) -> Element:
        """The element with this encoding; raises `ValueError` where it is that of none, or of the neutral one."""
        if len(encoded) != POINT_BYTES or not bindings.crypto_core_ed25519_is_valid_point(encoded):
            raise ValueError("not an element of the group")
        return Element(encoded)


@cache
def parameters() -> _Params:
    """The parameters of SPAKE2 in this group."""
    return _Params(Ed25519Group())


def _scalar_bytes(scalar: int) -> bytes:
    return scalar.to_bytes(POINT_BYTES, "little")
