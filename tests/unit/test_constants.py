"""Numbers have names: the rule over the whole package, and a control that shows that it notices."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.constants import ALLOWED, TESTS, bare_numbers
from tests.support.imports import modules


def offenders() -> dict[str, str]:
    """The lines with a bare number, as `module: line`, each with the number."""
    return {
        f"{module}: {source.splitlines()[line - 1].strip()}": number
        for module, source in modules()
        if not module.startswith(TESTS)
        for line, number in bare_numbers(source)
    }


class ConstantTests(SynchronousTestCase):
    """The package."""

    def test_named(self) -> None:
        """A number that needs a reason has a name, or is an exception; and no exception is left that nothing needs."""
        found = offenders()
        self.assertEqual({line: number for line, number in found.items() if line not in ALLOWED}, {})
        self.assertEqual(set(ALLOWED) - set(found), set())


class ControlTests(SynchronousTestCase):
    """What is found, and what is left alone."""

    def test_found(self) -> None:
        """Limits, sizes, times and truncations in functions and calls."""
        for line in (
            "name[:100]",
            "wait(5.0)",
            "lru_cache(maxsize=256)",
            "if size > 64 * KIB: pass",
            "os.read(fd, 2**20)",
            "x = 7 if len(parts) == 3 else 0",
        ):
            self.assertEqual(len({text for _, text in bare_numbers(f"def f():\n    {line}\n")} - {"7"}), 1, line)

    def test_types(self) -> None:
        """Limits in the type of a field, and in an alias of a type."""
        for source in (
            "class A:\n    name: Annotated[str, Meta(max_length=4096)]",
            "class A:\n    name: Annotated[str, Meta(max_length=4096)] | None = None",
            "class A:\n    name: Annotated[str, Meta(max_length=4096)] = field(default=8192)",
            "Name = Annotated[str, Meta(max_length=4096)]",
            "class A:\n    Name = Annotated[str, Meta(max_length=4096)]",
        ):
            self.assertEqual([text for _, text in bare_numbers(source)], ["4096"], source)

    def test_left_alone(self) -> None:
        """Constants with a name, defaults of fields, small numbers, modes, widths and factors between units."""
        for source in (
            "LIMIT = 64 * 1024",
            "class A:\n    seconds: float = 10.0",
            "Name = Annotated[str, Meta(max_length=LONGEST)]",
            "def f():\n    return a[0], b[-1], c[:2], match[3], range(1, n + 1)",
            "def f():\n    os.open(path, flags, 0o600)",
            "def f():\n    return f'{x:30}'",
            "def f():\n    return ns // 1000, seconds * 1_000_000, 10**6, minutes * 60",
        ):
            self.assertEqual(bare_numbers(source), [], source)
