"""The table of metrics keeps the rules of Prometheus, and is that of the owner's page."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.monitoring.declared import COUNTER, GAUGE, HISTOGRAM, METRICS

PAGE = Path(__file__).parents[4] / "docs" / "owner" / "metrics.rst"
_ROW = re.compile(r"^   \* - ``(homeftp_\w+)``(.*)\n     - (\w+)\n     - ((?:.|\n       )+)$", re.MULTILINE)


def rows(text: str) -> dict[str, tuple[str, tuple[str, ...], str]]:
    """The rows of the page's table: kind, labels and text of each metric."""
    return {
        name: (kind, tuple(re.findall(r"``(\w+)``", labels)), " ".join(help.split()))
        for name, labels, kind, help in _ROW.findall(text)
    }


class DeclaredTests(SynchronousTestCase):
    """`METRICS`."""

    def test_names(self) -> None:
        """What only grows ends in _total, and nothing else does; sizes and times are in bytes and seconds."""
        for name, declared in METRICS.items():
            self.assertRegex(name, r"\Ahomeftp_[a-z_]+\Z")
            self.assertIn(declared.kind, (COUNTER, GAUGE, HISTOGRAM), name)
            self.assertEqual(name.endswith("_total"), declared.kind == COUNTER, name)
            self.assertNotRegex(name, r"_(milli\w*|micro\w*|minutes|hours|ms|us|[kmg]i?b)(_|\Z)")
            self.assertTrue(declared.help.endswith("."), name)

    def test_page(self) -> None:
        """The owner's page has a row for each metric, with its kind and its labels, and no other."""
        found = rows(PAGE.read_text(encoding="utf-8"))
        declared = {name: (each.kind, each.labels) for name, each in METRICS.items()}
        self.assertEqual({name: row[:2] for name, row in found.items()}, declared)

    def test_rows(self) -> None:
        """The control: a row is found with its labels, over several lines."""
        text = "   * - ``homeftp_a_total`` (``pool``, ``lane``)\n     - counter\n     - All\n       of it.\n"
        self.assertEqual(rows(text), {"homeftp_a_total": ("counter", ("pool", "lane"), "All of it.")})


class AlertTests(SynchronousTestCase):
    """The example of rules for Prometheus."""

    def test_alerts(self) -> None:
        """It is YAML, each rule has what Prometheus needs, and only metrics and labels that there are."""
        with open(PAGE.parent / "alerts.yml", encoding="utf-8") as file:
            (group,) = yaml.safe_load(file)["groups"]
        names = [rule["alert"] for rule in group["rules"]]
        self.assertEqual(len(names), len(set(names)))
        for rule in group["rules"]:
            self.assertLessEqual(set(rule), {"alert", "expr", "for", "annotations"}, rule)
            self.assertRegex(rule.get("for", "1m"), r"\A[0-9]+m\Z")
            self.assertTrue(rule["annotations"]["summary"].endswith("."), rule)
            self.assertEqual(unknown(rule["expr"]), [], rule)

    def test_unknown(self) -> None:
        """The control: a metric and a label that do not exist are found, and parentheses that do not match."""
        self.assertEqual(unknown("homeftp_gone > 0"), ["homeftp_gone"])
        self.assertEqual(unknown('homeftp_threads{lane="x"} > 0'), ["lane"])
        self.assertEqual(unknown("rate(homeftp_threads[5m]"), ["("])


def unknown(expression: str) -> list[str]:
    """The metrics and labels in an expression that are not declared, and parentheses that do not match."""
    found = [each for each in "([{" if expression.count(each) != expression.count({"(": ")", "[": "]", "{": "}"}[each])]
    for name, matched in re.findall(r"(homeftp_\w+)(?:\{([^}]*)\})?", expression):
        declared = METRICS.get(name) or METRICS.get(name.removesuffix("_bucket"))
        if declared is None:
            found.append(name)
        else:
            found += [label for label in re.findall(r"(\w+)=", matched) if label not in declared.labels]
    return found
