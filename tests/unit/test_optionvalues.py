"""The values of the server's options: what each accepts, and what it says to do about the rest."""

from __future__ import annotations

from typing import Any, Callable

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp import optionvalues
from homeftp.config import DAY, KIB, MIB, Limits
from homeftp.optionvalues import FLAGS, LIMITS, MANY, PARAMETERS, RETENTION, SINGLE

CASES: list[tuple[Callable[[str], Any], dict[str, Any], str]] = [
    (optionvalues.count, {"1": 1, "250": 250}, "0 -1 1.5 x ²"),
    (optionvalues.seconds, {"1": 1.0, "0.5": 0.5}, "0 -1 x 1e3 1234567"),
    (optionvalues.size, {"0": 0, "12": 12, "5k": 5 * KIB, "500M": 500 * MIB, "1T": MIB * MIB}, "-1 5X 1.5G x"),
    (optionvalues.quota, {"1": 1, "2M": 2 * MIB}, "0 0G x"),
    (optionvalues.log_size, {"64K": 64 * KIB, "1M": MIB}, "63K 1 x"),
    (optionvalues.log_files, {"2": 2, "9": 9}, "0 1 x"),
    (optionvalues.days, {"0": 0.0, "30": 30 * DAY, "0.5": DAY / 2}, "-1 x"),
    (optionvalues.portion, {"20%": 20.0, "100%": 100.0, "50G": 50 * KIB * MIB}, "101% -1% x%"),
    (optionvalues.yes, {"yes": True, "On": True, "0": False, "false": False}, "maybe 2"),
    (optionvalues.tls_version, {"1.2": "1.2", "1.3": "1.3"}, "1.1 1 TLSv1.3"),
    (optionvalues.suffix, {".TXT": ".txt", "md": ".md", "tar.gz": ".tar.gz"}, ". a/b"),
]


class OptionValueTests(SynchronousTestCase):
    """Every kind of value."""

    def test_accepted(self) -> None:
        """Legal texts give the value that is meant, of its type."""
        for convert, accepted, _ in CASES:
            for text, value in accepted.items():
                found = convert(text)
                self.assertEqual((found, type(found)), (value, type(value)), (convert.__name__, text))

    def test_size_shown(self) -> None:
        """A size is shown as it can be typed."""
        for shown in ("1", "1023", "1K", "1500M", "50G", "2T", "1025G", "1000001K"):
            self.assertEqual(optionvalues.size_shown(optionvalues.size(shown)), shown)

    def test_refused(self) -> None:
        """Other texts are refused, in words that say what to give."""
        for convert, _, refused in CASES:
            for text in (*refused.split(), ""):
                error = self.assertRaises(ValueError, convert, text)
                self.assertGreater(len(str(error)), 5, (convert.__name__, text))
                self.assertNotIn("invalid literal", str(error))

    def test_days(self) -> None:
        """Days are those of several options: the words name none of them."""
        self.assertNotIn("version", str(self.assertRaises(ValueError, optionvalues.days, "x")))


class TableTests(SynchronousTestCase):
    """Each option stands in it once."""

    def test_names(self) -> None:
        """No option is in two tables, and each that takes one value has a help text."""
        tables = (SINGLE, RETENTION, LIMITS, MANY, dict.fromkeys(FLAGS))
        names = [name for table in tables for name in table]
        self.assertEqual(sorted(names), sorted(set(names)))
        described = {str(row[0]): str(row[3]) for row in PARAMETERS}
        self.assertEqual(set(described), ({*SINGLE, *RETENTION, *LIMITS, "config", "root"}) - {"state"})

    def test_limits(self) -> None:
        """Each limit exists, and its help says its default."""
        fields = {field.name for field in structs.fields(Limits)}
        self.assertEqual({field for field, _ in LIMITS.values()} - fields, set())
        for name in ("max-connections", "login-timeout"):
            (text,) = [str(row[3]) for row in PARAMETERS if row[0] == name]
            self.assertIn(f"[default: {getattr(Limits(), LIMITS[name][0]):g}]", text)
