"""What an honest client waits for, and what memory a server needs, beside attacks.

    python benchmarks/attacks.py --disk ext4
    python benchmarks/attacks.py --attack "TLS handshakes" --attack "small PUSHes" --seconds 10

A server that does not run as root shares a folder with 100,000 names, as many versions, and large files. One account
compares, fetches, pushes and lists at a fixed rate; then it does the same beside each attack by another account, or by
strangers. Printed are the median, the 99th percentile and the longest of the times that its requests took, alone and
beside the attack, how much of a processor the attacker and the server used, and the most memory that the server had
meanwhile. With --turns both are measured so many times, one after the other, and all times of a kind count together.
The attack runs with a lower priority: the server is measured, and not the share of the processors that a client takes.
What remains of that share shows the control, the first row of all: the same account beside two programs of the same
priority that compute all the time, and never meet the server. An attack whose figures are no worse than these may have
cost nothing but processors. With --burner the account is measured beside such a program after each attack, too, which
computes for as long as that attacker did. With --apart no share is taken at all: the attacker has a processor of its
own, and the server and the honest client have all others, alone and beside the attack.
Give the figures of both: attackers who meet the server by a network take none of its processors, and what is left of
their share with a lower priority counts as the server's without --apart; with it, a server has fewer processors.

The 99th percentile of a few seconds is one of the two or three slowest answers. So the last lines compare each attack
with all that the account saw alone in the whole run, too, and with the control. To mount a new ext4 or NTFS takes root.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from attackers import EVERY_ATTACK
from attackkinds import HASH, Request
from measuring import TICKS, memory_kib, reset_peak
from tests.support.rawclient import RawClient
from victims import PASSWORD, Victim, disk, victim

MIX = (
    Request("CMP", {"rel_endpoint": "small", "hash": HASH}),
    Request("GET", {"rel_endpoint": "small"}),
    Request("PUSH", {"rel_endpoint": "pushed"}, b"content" * 600),
    Request("GET", {"rel_endpoint": "listed"}),
    Request("GET", {"rel_endpoint": "medium"}),
)
"""What the honest client asks, over and over."""

CONTROL = "no attack: 2 programs that compute"
"""The row of the control."""

CONTROL_SHARES = (1.0, 1.0)
"""How much of a processor each program of the control uses; an attacker is one process, and uses about one."""

NICE = ("nice", "-n", "10")
"""Before the command of an attacker."""

APART = ("taskset", "--cpu-list")
"""Before the command of a program and the processor that it has for itself."""

ALLOWED = 2
"""Times that an answer may take beside an attack, of what it takes alone."""

SETTLE_SECONDS = 0.5
"""After an attack, until the server has noticed that its clients are gone."""


class Answers(NamedTuple):
    """What an honest client saw: the seconds of its answers by request, and what was refused."""

    seconds: dict[str, list[float]]
    refused: list[str]

    def add(self, more: Answers) -> None:
        """Count what was seen another time."""
        for name, seconds in more.seconds.items():
            self.seconds.setdefault(name, []).extend(seconds)
        self.refused.extend(more.refused)

    @property
    def all(self) -> list[float]:
        """The seconds of all answers, in order."""
        return sorted(itertools.chain.from_iterable(self.seconds.values()))

    def figures(self) -> dict[str, float]:
        """In milliseconds."""
        return milliseconds(self.all)

    def by_request(self) -> dict[str, dict[str, float]]:
        """The same for each request."""
        return {name: milliseconds(sorted(seconds)) for name, seconds in self.seconds.items()}


def milliseconds(ordered: list[float]) -> dict[str, float]:
    """The median, the 99th percentile and the longest of some seconds, which are in order."""
    return {
        "median": statistics.median(ordered) * 1e3,
        "p99": ordered[int(len(ordered) * 0.99)] * 1e3,
        "worst": ordered[-1] * 1e3,
    }


def behave(client: RawClient, seconds: float, rate: float) -> Answers:
    """Ask at a fixed rate, for some seconds; what comes late is asked at once."""
    answers = Answers({}, [])
    began = time.monotonic()
    for number, request in enumerate(itertools.cycle(MIX)):
        due = began + number / rate
        if due > began + seconds:
            return answers
        time.sleep(max(0.0, due - time.monotonic()))
        asked = time.perf_counter()
        answer, _ = client.ask(*request)
        name = f"{request.request_type} {request.body['rel_endpoint']}"
        answers.seconds.setdefault(name, []).append(time.perf_counter() - asked)
        if answer["status"] >= 20:
            answers.refused.append(f"{name}: {answer['status']}")
    raise AssertionError("the mix has no end")


def processor(process: int) -> float:
    """Seconds of a processor that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS


class Attacked(NamedTuple):
    """What the honest client saw beside an attack, and how much of a processor both programs used meanwhile."""

    answers: Answers
    attacker: float
    server: float


def beside_attack(attacker: list[str], client: RawClient, server: int, options: argparse.Namespace) -> Attacked:
    """The honest client beside an attack."""
    with subprocess.Popen([*options.attackers, *attacker], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin and process.stdout
            if process.stdout.readline() != b"ready\n":
                sys.exit("the attacker could not log in")
            before = processor(process.pid), processor(server)
            process.stdin.write(b"go\n")
            process.stdin.flush()
            answers = behave(client, options.seconds, options.rate)
            after = processor(process.pid), processor(server)
        finally:
            process.kill()
    used = [(one - other) / options.seconds for one, other in zip(after, before, strict=True)]
    return Attacked(answers, *used)


def beside_programs(shares: Sequence[float], client: RawClient, server: int, options: argparse.Namespace) -> Attacked:
    """The honest client beside programs that use so much of a processor each, and nothing else."""
    script = Path(__file__).with_name("burner.py")
    with contextlib.ExitStack() as running:
        programs = [
            running.enter_context(subprocess.Popen([*options.attackers, sys.executable, str(script), str(share)]))
            for share in shares
        ]
        for program in programs:
            running.callback(program.kill)
        before = processor(server)
        answers = behave(client, options.seconds, options.rate)
        used = sum(processor(program.pid) for program in programs)
        return Attacked(answers, used / options.seconds, (processor(server) - before) / options.seconds)


def measure(name: str, victim: Victim, options: argparse.Namespace, all_alone: Answers) -> dict[str, Any]:
    """The honest client alone, and beside an attack or the control, in turn; `all_alone` gets what it saw alone."""
    script = Path(__file__).with_name("attackers.py")
    server, port, ca_file = victim.process, victim.ports[0], victim.ca_file
    attacker = [sys.executable, str(script), name, *map(str, victim.ports), str(ca_file), str(options.seconds + 1)]
    begin: Callable[..., Attacked] = beside_programs if name == CONTROL else beside_attack
    what = CONTROL_SHARES if name == CONTROL else attacker
    alone, beside, burner = Answers({}, []), Answers({}, []), Answers({}, [])
    used: list[Attacked] = []
    reset_peak(server)
    for _ in range(options.turns):
        with RawClient(port, str(ca_file)) as client:
            client.start_tls().login("honest", PASSWORD)
            alone.add(behave(client, options.alone, options.rate))
            used.append(begin(what, client, server, options))
            beside.add(used[-1].answers)
            time.sleep(SETTLE_SECONDS)
            if options.burner:
                burner.add(beside_programs([used[-1].attacker], client, server, options).answers)
    all_alone.add(alone)
    found: dict[str, Any] = {
        "attack": name,
        "alone": alone.figures(),
        "beside": beside.figures(),
        "requests": {"alone": alone.by_request(), "beside": beside.by_request()},
        "refused": beside.refused,
        "attacker": statistics.mean(each.attacker for each in used),
        "processors": statistics.mean(each.server for each in used),
        "peak_mib": memory_kib(server, "VmHWM") / 1024,
        "left_mib": memory_kib(server, "VmRSS") / 1024,
    }
    if options.burner:
        found["burner"] = burner.figures()
    return found


def show(found: dict[str, Any]) -> None:
    """One line."""
    alone, beside, burner = found["alone"], found["beside"], found.get("burner")
    times = "  ".join(
        f"{alone[each]:6.1f} {beside[each]:7.1f} x{beside[each] / alone[each]:<5.1f}"
        + (f"{burner[each]:6.1f} x{beside[each] / burner[each]:<5.1f}" if burner else "")
        for each in alone
    )
    refused = f"  refused {len(found['refused'])}: {found['refused'][0]}" if found["refused"] else ""
    used = f"{found['attacker']:5.0%} {found['processors']:5.0%} {found['peak_mib']:6.0f}"
    print(f"{found['attack']:40} {times} {used}{refused}", flush=True)


def summarize(found: list[dict[str, Any]], control: dict[str, Any], all_alone: Answers) -> None:
    """How many attacks exceed what is allowed, and by how much: of the seconds before each, of all these, and of what
    the honest client saw beside the control."""
    together, computing = all_alone.figures(), control["beside"]
    for told, figures in (("all alone", together), ("control", computing)):
        print(f"{told}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in figures.items()))
    for against, base in (("alone before it", None), ("all alone", together), ("the control", computing)):
        for name in ("median", "p99"):
            ratios = {each["attack"]: each["beside"][name] / (base or each["alone"])[name] for each in found}
            worst = max(ratios, key=ratios.__getitem__)
            above = sum(ratio > ALLOWED for ratio in ratios.values())
            print(
                f"{name} against {against}: above {ALLOWED} times beside {above} of {len(found)}, "
                f"at most {ratios[worst]:.1f} times ({worst})"
            )
    longest = max(found, key=lambda each: float(each["beside"]["worst"]))
    print(f"longest answer: {longest['beside']['worst']:.0f} ms ({longest['attack']})")
    print(f"refused: {sum(len(each['refused']) for each in found)}")
    print(f"most memory: {max(each['peak_mib'] for each in found):.0f} MiB")


def keep_apart() -> list[str]:
    """Leave one processor to attackers, for this process and all that it starts from now on; before their command."""
    *others, last = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("--apart needs two processors")
    os.sched_setaffinity(0, others)
    return [*APART, str(last)]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", metavar="DIR", help="where to work")
    parser.add_argument("--disk", choices=("folder", "ext4", "ntfs-3g", "lowntfs-3g"), default="folder")
    parser.add_argument(
        "--attack", action="append", choices=EVERY_ATTACK, metavar="NAME", help="repeatable; default: all"
    )
    parser.add_argument("--names", type=int, default=100_000, metavar="N", help="in one directory, and versions")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of each attack")
    parser.add_argument("--turns", type=int, default=1, metavar="N", help="alone and beside each attack")
    parser.add_argument("--burner", action="store_true", help="also beside a program that uses what the attacker used")
    parser.add_argument("--apart", action="store_true", help="attackers have a processor of their own, and no other")
    parser.add_argument("--alone", type=float, default=4.0, metavar="S", help="before each attack")
    parser.add_argument(
        "--rate", type=float, default=40.0, metavar="N", help="the honest client's requests in a second"
    )
    parser.add_argument("--json", metavar="FILE", help="where to write all figures")
    options = parser.parse_args()
    options.attackers = keep_apart() if options.apart else NICE
    found = []
    all_alone = Answers({}, [])
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        disk(Path(folder, "share"), options.disk),
        victim(Path(folder), options.names) as attacked,
    ):
        columns = "alone, beside, burner" if options.burner else "alone, beside"
        width = 36 if options.burner else 23
        head = "  ".join(f"{each + ', ms: ' + columns:{width}}" for each in ("median", "p99", "longest"))
        print(f"{'':40} {head} attk   cpu    MiB")
        for name in (CONTROL, *(options.attack or EVERY_ATTACK)):
            found.append(measure(name, attacked, options, all_alone))
            show(found[-1])
    summarize(found[1:], found[0], all_alone)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
