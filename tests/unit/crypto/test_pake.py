"""Pairing codes, and the two halves of a pairing."""

from __future__ import annotations

import os
from itertools import combinations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.codewords import WORDS
from homeftp.crypto.pake import (
    MESSAGE_BYTES,
    PROOF_BYTES,
    Code,
    PakeExchange,
    new_words,
    parse_code,
    proves,
    resembles_code,
)
from homeftp.crypto.tls import BINDING_BYTES
from homeftp.errors import BadRequest, OperatorError

CODE = Code(7, "guitar-pine")
BINDING = os.urandom(BINDING_BYTES)


class WordTests(SynchronousTestCase):
    """The words."""

    def test_apart(self) -> None:
        """Each is short and plain, and its first three letters are its own."""
        self.assertEqual(len({word[:3] for word in WORDS}), len(WORDS))
        self.assertEqual([word for word in WORDS if not (word.isascii() and word.isalpha() and word.islower())], [])
        self.assertLessEqual(max(map(len, WORDS)), 8)
        self.assertGreaterEqual(len(WORDS) ** 2, 2**17)

    def test_new(self) -> None:
        """New secrets are of these words, and not always the same."""
        made = {new_words() for _ in range(100)}
        self.assertGreater(len(made), 90)
        for words in made:
            self.assertEqual(str(parse_code(f"3-{words}")), f"3-{words}")


class CodeTests(SynchronousTestCase):
    """Codes as they are typed."""

    def test_typed(self) -> None:
        """However it is written, it is the same."""
        for text in (
            "7-guitar-pine",
            " 7 Guitar Pine ",
            "7_GUITAR_PINE",
            "7 guitar-pine.",
            "7guitar pine",
            "07-guitar-pine",
        ):
            self.assertEqual(parse_code(text), CODE, text)

    def test_none(self) -> None:
        """Text that is not a code is refused in one line, with the word that was probably meant, without the secret."""
        for text in ("", "guitar-pine", "7-guitar", "7-guitar-pine-oven", "-7", "99999-guitar-pine"):
            with self.assertRaisesRegex(OperatorError, "a number and two words"):
                parse_code(text)
        with self.assertRaisesRegex(OperatorError, r"^no code has this first word\. Did you mean 'guitar'\?$"):
            parse_code("7-gitar-pine")
        with self.assertRaisesRegex(OperatorError, r"^no code has this second word\. Type the code as it is shown\.$"):
            parse_code("7-guitar-zzzzzz")

    def test_resembles(self) -> None:
        """A code, even a mistyped one, is told from the name of a machine."""
        for text in (
            *("7-guitar-pine", " 7 Guitar Pine ", "7_GUITAR_PINE", "7 guitar-pine.", "7guitar pine", "7.guitar.pine"),
            *("7-gitar-pinne", "7-guitar", "7 gitar", "7guitar", "7/guitar/pinne", "0007-guitar-pine"),
        ):
            self.assertTrue(resembles_code(text), text)
        for text in (
            *("", "nas", "192.168.1.10", "7", "[fd00::7]", "unix:/run/7-guitar-pine", "7-guitar-pine:8421", "1nas"),
            *("nas.local 7-guitar-pine", "10.0.0.7 7 guitar pine", "1.example.org", "3com", "7-a-b-c", "nas-7"),
        ):
            self.assertFalse(resembles_code(text), text)

    def test_repr(self) -> None:
        """The secret does not get into a log by accident."""
        self.assertNotIn("guitar", repr(CODE))


class HalfTests(SynchronousTestCase):
    """The exchange."""

    def proofs(self, server_code: Code = CODE, bindings: tuple[bytes, bytes] = (BINDING, BINDING)) -> list[bool]:
        """Whether each end is convinced by the other."""
        device, server = PakeExchange(CODE, is_server=False), PakeExchange(server_code, is_server=True)
        self.assertEqual({len(device.message), len(server.message)}, {MESSAGE_BYTES})
        here = device.finish(server.message, bindings[0])
        there = server.finish(device.message, bindings[1])
        self.assertEqual({len(here.device), len(here.server)}, {PROOF_BYTES})
        self.assertNotEqual(here.device, here.server)
        return [proves(here.device, there.device), proves(there.server, here.server)]

    def test_same(self) -> None:
        """The same code in the same session."""
        self.assertEqual(self.proofs(), [True, True])

    def test_other_code(self) -> None:
        """Another number, or other words, are refused by both ends."""
        for code in (Code(8, "guitar-pine"), Code(7, "pine-guitar"), Code(7, "guitar-oven")):
            self.assertEqual(self.proofs(code), [False, False])

    def test_other_session(self) -> None:
        """The right code in another TLS session is refused: that is the man in the middle."""
        self.assertEqual(self.proofs(bindings=(BINDING, os.urandom(BINDING_BYTES))), [False, False])

    def test_fresh(self) -> None:
        """Nothing of one pairing is good for another."""
        pairs = []
        for _ in range(3):
            device, server = PakeExchange(CODE, is_server=False), PakeExchange(CODE, is_server=True)
            pairs.append((device.message, server.message, device.finish(server.message, BINDING).device))
        for one, other in combinations(pairs, 2):
            self.assertEqual(set(one) & set(other), set())

    def test_nonsense(self) -> None:
        """Garbage, a reflected message and points that are none are refused; nothing else is raised."""
        own = PakeExchange(CODE, is_server=True)
        low_order = b"A" + bytes(32)
        identity = b"A" + b"\1" + bytes(31)
        for message in (b"", b"A", b"A" + b"\xff" * 32, own.message, b"x" * 1000, low_order, identity, b"B" * 33):
            half = PakeExchange(CODE, is_server=True)
            with self.assertRaises(BadRequest):
                half.finish(message, BINDING)
        with self.assertRaises(BadRequest):
            own.finish(own.message, BINDING)

    def test_no_binding(self) -> None:
        """Without the session's secret there is no proof at all."""
        device, server = PakeExchange(CODE, is_server=False), PakeExchange(CODE, is_server=True)
        with self.assertRaises(ValueError):
            device.finish(server.message, b"")
