"""What an honest client waits for, and what memory a server needs, beside attacks.

    python benchmarks/attacks.py --disk ext4
    python benchmarks/attacks.py --only "TLS handshakes" --only "small" --seconds 10

A server that does not run as root shares a folder with 100,000 names, as many versions, and large files. One account
compares, fetches, pushes and lists at a fixed rate; then it does the same beside each attack by another account, or by
strangers. All attacks take a quarter of an hour. With --turns both are measured so many times, one after the other, and
all times of a kind count together. To mount a new ext4 or NTFS takes root.

Attackers have machines of their own, and here they share that of the server. So they are started by "chrt --idle 0":
Linux gives such a process what processor time nobody else wants, and takes it away at once when the server or the
honest client has something to do. Attackers with a nice value of 10 had a processor for some milliseconds when the
server needed it, and these counted as the server's: two programs that only computed, and never met the server, tripled
the 99th percentile. The first row is that control, in whose figures nothing is the server's. What may still be the
machine's in those of an attack is what the kernel does for the attacker's sockets.
An attacker that gets no processor attacks nobody, so each row has the answers that attackers had in a second, and how
much of a processor the server used, alone and beside them. --attackers same is the control of that, with attackers that
have the priority of everybody else. With --attackers apart they have a processor of their own, and the server and the
honest client have all others, alone and beside the attack.

The 99th percentile of a few seconds is one of the two or three slowest answers. So the last lines compare each attack
with all that the account saw alone in the whole run, too, and with the control.
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
from typing import Any, NamedTuple

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

COMPUTE = (sys.executable, "-c", "while True: pass")
"""What the control runs: what the machine loses to a client, without the client."""

CONTROL_PROGRAMS = 2
"""An attacker is one process, and uses about one processor."""

IDLE = ("chrt", "--idle", "0")
"""Before the command of an attacker that has what processor time nobody else wants."""

APART = ("taskset", "--cpu-list")
"""Before the command of a program and the processor that it has for itself."""

ALLOWED = 2
"""Times that an answer may take beside an attack, of what it takes alone."""

SETTLE_SECONDS = 0.5
"""After an attack, until the server has noticed that its clients are gone."""

LOADED = 0.1
"""Of a processor: what a server uses at least for an attack, besides what it uses alone; less is named at the end."""


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
    """What the honest client saw beside an attack, how much of a processor both programs used meanwhile, and how many
    answers the attackers had in a second."""

    answers: Answers
    attacker: float
    server: float
    rate: float


def beside_attack(attacker: list[str], client: RawClient, server: int, options: argparse.Namespace) -> Attacked:
    """The honest client beside an attack."""
    with subprocess.Popen([*options.before, *attacker], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin and process.stdout
            if process.stdout.readline() != b"ready\n":
                sys.exit("the attacker could not log in")
            before = processor(process.pid), processor(server)
            process.stdin.write(b"go\n")
            process.stdin.flush()
            answers = behave(client, options.seconds, options.rate)
            after = processor(process.pid), processor(server)
            process.stdin.write(b"stop\n")
            process.stdin.flush()
            answered = int(process.stdout.readline())
        finally:
            process.kill()
    attacking, serving = ((one - other) / options.seconds for one, other in zip(after, before, strict=True))
    return Attacked(answers, attacking, serving, answered / options.seconds)


def beside_programs(client: RawClient, server: int, options: argparse.Namespace) -> Attacked:
    """The honest client beside programs that compute, and do nothing else."""
    with contextlib.ExitStack() as running:
        programs = [
            running.enter_context(subprocess.Popen([*options.before, *COMPUTE])) for _ in range(CONTROL_PROGRAMS)
        ]
        for program in programs:
            running.callback(program.kill)
        before = processor(server)
        answers = behave(client, options.seconds, options.rate)
        used = sum(processor(program.pid) for program in programs)
        return Attacked(answers, used / options.seconds, (processor(server) - before) / options.seconds, 0)


def measure(name: str, victim: Victim, options: argparse.Namespace, all_alone: Answers) -> dict[str, Any]:
    """The honest client alone, and beside an attack or the control, in turn; `all_alone` gets what it saw alone."""
    script = Path(__file__).with_name("attackers.py")
    server, port, ca_file = victim.process, victim.ports[0], victim.ca_file
    attacker = [sys.executable, str(script), name, *map(str, victim.ports), str(ca_file), str(options.seconds + 1)]
    alone, beside = Answers({}, []), Answers({}, [])
    used: list[Attacked] = []
    alone_used = 0.0
    reset_peak(server)
    for _ in range(options.turns):
        with RawClient(port, str(ca_file)) as client:
            client.start_tls().login("honest", PASSWORD)
            before = processor(server)
            alone.add(behave(client, options.alone, options.rate))
            alone_used += processor(server) - before
            if name == CONTROL:
                used.append(beside_programs(client, server, options))
            else:
                used.append(beside_attack(attacker, client, server, options))
            beside.add(used[-1].answers)
            time.sleep(SETTLE_SECONDS)
    all_alone.add(alone)
    return {
        "attack": name,
        "alone": alone.figures(),
        "beside": beside.figures(),
        "requests": {"alone": alone.by_request(), "beside": beside.by_request()},
        "refused": beside.refused,
        "rate": statistics.mean(each.rate for each in used),
        "attacker": statistics.mean(each.attacker for each in used),
        "alone_processors": alone_used / options.turns / options.alone,
        "processors": statistics.mean(each.server for each in used),
        "peak_mib": memory_kib(server, "VmHWM") / 1024,
        "left_mib": memory_kib(server, "VmRSS") / 1024,
    }


HEAD = (
    f"{'':40} {'median, ms':20} {'p99, ms':20} {'longest, ms':20} refused   MiB  attackers      server alone, beside\n"
    f"{'':40} " + f"{'alone beside':20} " * 3
)


def show(found: dict[str, Any]) -> None:
    """One line."""
    alone, beside = found["alone"], found["beside"]
    times = " ".join(f"{alone[each]:5.1f} {beside[each]:6.1f} x{beside[each] / alone[each]:<5.1f} " for each in alone)
    attackers = f"{found['rate']:6.0f}/s {found['attacker']:4.0%}"
    server = f"{found['alone_processors']:4.0%} {found['processors']:4.0%}"
    refused = f"  {found['refused'][0]}" if found["refused"] else ""
    memory = f"{len(found['refused']):7} {found['peak_mib']:5.0f}"
    print(f"{found['attack']:40} {times} {memory} {attackers} {server}{refused}", flush=True)


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
            above = [f"{attack} ({ratio:.1f})" for attack, ratio in ratios.items() if ratio > ALLOWED]
            print(
                f"{name} against {against}: above {ALLOWED} times beside {len(above)} of {len(found)}, "
                f"at most {ratios[worst]:.1f} times ({worst})" + "".join(f"\n    {each}" for each in above)
            )
    longest = max(found, key=lambda each: float(each["beside"]["worst"]))
    print(f"longest answer: {longest['beside']['worst']:.0f} ms ({longest['attack']})")
    print(f"refused: {sum(len(each['refused']) for each in found)}")
    print(f"most memory: {max(each['peak_mib'] for each in found):.0f} MiB")
    idle = [each["attack"] for each in found if each["processors"] < each["alone_processors"] + LOADED]
    print(f"attacks that cost the server less than {LOADED:.0%} of a processor: {', '.join(idle) or 'none'}")


def keep_apart() -> list[str]:
    """Leave one processor to attackers, for this process and all that it starts from now on; before their command."""
    *others, last = sorted(os.sched_getaffinity(0))
    if not others:
        sys.exit("--attackers apart needs two processors")
    os.sched_setaffinity(0, others)
    return [*APART, str(last)]


def chosen(patterns: list[str] | None) -> list[str]:
    """The attacks whose names have one of these in them, or all."""
    found = [name for name in EVERY_ATTACK if not patterns or any(pattern in name for pattern in patterns)]
    return found or sys.exit("no attack has such a name")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", metavar="DIR", help="where to work")
    parser.add_argument("--disk", choices=("folder", "ext4", "ntfs-3g", "lowntfs-3g"), default="folder")
    parser.add_argument(
        "--only", action="append", metavar="PART", help="of the names of the attacks that are made; repeatable"
    )
    parser.add_argument("--names", type=int, default=100_000, metavar="N", help="in one directory, and versions")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of each attack")
    parser.add_argument("--turns", type=int, default=1, metavar="N", help="alone and beside each attack")
    parser.add_argument(
        "--attackers", choices=("idle", "same", "apart"), default="idle", help="how they get processors (default: idle)"
    )
    parser.add_argument("--alone", type=float, default=5.0, metavar="S", help="before each attack")
    parser.add_argument(
        "--rate", type=float, default=40.0, metavar="N", help="the honest client's requests in a second"
    )
    parser.add_argument("--json", metavar="FILE", help="where to write all figures")
    options = parser.parse_args()
    names = chosen(options.only)
    options.before = keep_apart() if options.attackers == "apart" else IDLE if options.attackers == "idle" else ()
    found = []
    all_alone = Answers({}, [])
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        disk(Path(folder, "share"), options.disk),
        victim(Path(folder), options.names) as attacked,
    ):
        print(HEAD)
        for name in (CONTROL, *names):
            found.append(measure(name, attacked, options, all_alone))
            show(found[-1])
    summarize(found[1:], found[0], all_alone)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
