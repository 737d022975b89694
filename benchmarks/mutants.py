"""Mutation tests of the rules of access: each rule is changed in turn, and the unit tests must notice.

    pip install cosmic-ray
    python benchmarks/mutants.py [MODULE ...]

For each module a copy of the repository is made, and changed by cosmic-ray: conditions are negated, `and` and `or`
exchanged, comparisons turned round, loops left out, numbers and caught exceptions replaced. What survives is printed
with its difference; a survivor that gives somebody more than before needs a test. It takes one to ten minutes a module.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

ACCOUNTS = "tests.unit.accounts"
RULES = "tests.unit.store.policy"
LOGIN = (f"{ACCOUNTS}.test_login", f"{ACCOUNTS}.test_changed_accounts")
AUTHORIZED = (f"{RULES}.test_authorized", f"{RULES}.test_authorized_writes")
TESTS = {
    "accounts/access": [f"{ACCOUNTS}.test_access", f"{ACCOUNTS}.test_realm", f"{ACCOUNTS}.test_failclosed"],
    "accounts/realm": [f"{ACCOUNTS}.test_realm"],
    "accounts/validator": [f"{ACCOUNTS}.test_validator", *LOGIN],
    "accounts/passwords": [f"{ACCOUNTS}.test_passwords"],
    "accounts/devicelogin": [f"{ACCOUNTS}.test_devicelogin"],
    "accounts/devices": [
        *(f"{ACCOUNTS}.test_{name}" for name in ("devices", "devicelogin", "pairing", "failclosed")),
        f"{ACCOUNTS}.sessions",
        f"{ACCOUNTS}.links",
    ],
    "accounts/credentials/apppasswords": [f"{ACCOUNTS}.credentials.test_apppasswords"],
    "accounts/credentials/sshkeys": [f"{ACCOUNTS}.credentials.test_sshkeys"],
    "accounts/credentials/websessions": [f"{ACCOUNTS}.credentials.test_websessions"],
    "accounts/credentials/tokens": [f"{ACCOUNTS}.credentials"],
    "accounts/links/accountlinks": [f"{ACCOUNTS}.links"],
    "accounts/links/table": [f"{ACCOUNTS}.links"],
    "accounts/links/visits": [f"{ACCOUNTS}.links"],
    "accounts/sessions/signin": [f"{ACCOUNTS}.sessions"],
    "accounts/sessions/table": [f"{ACCOUNTS}.sessions"],
    "accounts/throttle": [f"{ACCOUNTS}.test_throttle"],
    "accounts/database": [ACCOUNTS],
    "accounts/login": [*LOGIN],
    "accounts/invitations": [f"{ACCOUNTS}.test_invitations", f"{ACCOUNTS}.test_pairing"],
    "accounts/pairing": [f"{ACCOUNTS}.test_pairing"],
    "files/jobs/revocation": ["tests.unit.files.jobs.test_revocation"],
    "store/policy/authorized": [RULES, "tests.unit.server.json.test_rights", "tests.unit.server.json.test_watched"],
    "store/policy/authorizedhistory": [f"{RULES}.test_authorizedhistory", f"{RULES}.test_permissions"],
    "store/policy/disclosure": [f"{RULES}.test_disclosure", *AUTHORIZED],
    "store/policy/folders": [f"{RULES}.test_folders", *AUTHORIZED],
    "store/policy/permissions": [f"{RULES}.test_permissions", f"{RULES}.test_authorizedhistory", *AUTHORIZED],
    "store/policy/rights": [RULES],
}
"""Each module, and the tests that say what it gives to whom."""

SECONDS = 120
"""For the tests of one mutant: one that runs longer counts as noticed."""

OPERATORS = (
    "AddNot|Delete_Not|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceTrueWithFalse|ReplaceFalseWithTrue",
    "ZeroIterationForLoop|ExceptionReplacer|NumberReplacer|ReplaceContinueWithBreak",
    "Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt",
    "Add_Sub|Sub_Add|BitAnd_BitOr|BitXor_BitAnd",
)
"""The changes that can mean something. `|` is left alone, which is in most annotations."""


def configuration(module: str) -> str:
    """cosmic-ray's settings for one module."""
    wanted = "|".join(OPERATORS)
    command = f"{sys.executable} -m twisted.trial -x {' '.join(TESTS[module])}"
    return f"""[cosmic-ray]
module-path = "homeftp/{module}.py"
timeout = {SECONDS}
excluded-modules = []
test-command = {json.dumps(command)}
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = [{json.dumps(f"^(?!core/.*({wanted})$).*$")}]
"""


def survivors(module: str) -> tuple[int, list[str]]:
    """How many mutants of a module there are, and the differences of those that no test noticed."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in ("homeftp", "tests", "twisted"):
            shutil.copytree(REPOSITORY / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        Path(folder, "settings.toml").write_text(configuration(module), encoding="utf-8")

        def run(*arguments: str) -> str:
            """One step, in the copy."""
            program = [str(Path(sys.executable).with_name(arguments[0])), *arguments[1:]]
            # Twisted's plugin cache and the copy come before an installed homeftp.
            environment = {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
            return subprocess.run(
                program, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
            ).stdout

        run("cosmic-ray", "baseline", "settings.toml")  # the control: without a change the tests pass
        run("cosmic-ray", "init", "settings.toml", "session.sqlite")
        run("cr-filter-operators", "session.sqlite", "settings.toml")
        run("cosmic-ray", "exec", "settings.toml", "session.sqlite")
        tried, alive = 0, []
        for line in run("cosmic-ray", "dump", "session.sqlite").splitlines():
            _, result = json.loads(line)
            if result is None or result["worker_outcome"] == "skipped":
                continue
            tried += 1
            if result["test_outcome"] == "survived":
                alive.append(result["diff"])
        return tried, alive


def main() -> None:
    """Try the modules that were named, or all of them."""
    parser = argparse.ArgumentParser(description="Mutation tests of the rules of access.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=list(TESTS), help="such as accounts/realm")
    for module in parser.parse_args().modules:
        tried, alive = survivors(module)
        for difference in alive:
            print(difference)
        print(f"{module}: {tried} mutants, {len(alive)} survived", flush=True)


if __name__ == "__main__":
    main()
