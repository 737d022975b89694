"""Names that are too similar to one beside them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadEndpoint
from homeftp.store.policy.similarnames import check, similar


class SimilarNamesTests(SynchronousTestCase):
    """The rule, on a list of siblings."""

    def test_similar(self) -> None:
        """Case and compatible forms do not tell names apart; anything else does."""
        for name, sibling in (("photo.JPG", "Photo.jpg"), ("ﬁn", "fin"), ("STRASSE", "straße"), ("é", "É")):
            self.assertEqual(similar(name, ["x", sibling]), sibling)
        for name in ("photo2.jpg", "photo.jpeg", "e"):
            self.assertIsNone(similar(name, ["Photo.jpg", "é"]))

    def test_itself(self) -> None:
        """A name that exists is not too similar to itself, nor to another that exists already."""
        self.assertIsNone(similar("a", ["a", "A"]))
        check("a", ["a", "A"])
        check("b", ["a", "A"])

    def test_refusal(self) -> None:
        """The refusal names both; what looks the same is spelled out."""
        self.assertIn("'A' differs from 'a'", str(self.assertRaises(BadEndpoint, check, "A", ["a"])))
        self.assertIn("e\\u0301", str(self.assertRaises(BadEndpoint, check, "é", ["e\u0301"])))
