"""Whether the time of an answer reveals to an account what it may not see.

    python benchmarks/telling_apart.py --samples 1000

Two accounts with homes of their own, and a folder in which one of them may do
nothing. It asks, by every request type, for names that exist in the other's
home or in that folder, and for names that do not, at random. Printed is the
median of both, and how often an answer about what exists takes longer than
one about what does not: 50 % is no difference. Then come listings and version
listings of all that it sees, before and after files are added to the folder
that it does not: neither pages nor times may differ. Each part ends with the
control, where there is a difference: a large file of its own that is compared,
and the same listings by the account that sees the folder.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.support.processes import PASSWORD, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient

NAMES = 50
LISTINGS = 9
OTHER = "sha256:" + "0" * 64


class Kind(NamedTuple):
    """A request type, with what its body has besides the endpoint."""

    request_type: str
    body: dict[str, Any]
    payload: bytes = b""


KINDS = (
    Kind("GET", {}),
    Kind("CMP", {"hash": OTHER}),
    Kind("PUSH", {"if_hash": OTHER}, b"x"),
    Kind("DELETE", {}),
    Kind("MOVE", {"to": "elsewhere"}),
    Kind("COPY", {"to": "elsewhere"}),
    Kind("VERSIONS", {}),
    Kind("PRUNE", {}),
    Kind("RESTORE", {}),
    Kind("SETSTAT", {"meta_data": [["mode", 0o644]]}),
    Kind("VERIFY", {}),
    Kind("LINK", {}),
)


def sample(client: RawClient, kind: Kind, samples: int, prefix: str) -> tuple[list[float], list[float]]:
    """Seconds of the answers about what exists, and about what does not; both must read alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(samples):
        answers = []
        for exists in random.sample((True, False), 2):  # by turns, what comes every so often would hit one
            endpoint = f"{prefix}{'exists' if exists else 'absent'}{number % NAMES:02}"
            began = time.perf_counter()
            answer, payload = client.ask(kind.request_type, {"rel_endpoint": endpoint, **kind.body}, kind.payload)
            times[not exists].append(time.perf_counter() - began)
            answers.append((str(answer).replace(endpoint, "*"), payload))
        if answers[0] != answers[1]:
            sys.exit(f"{kind.request_type} is answered differently: {answers}")
    return times


def show(what: str, exists: list[float], absent: list[float]) -> None:
    """One line."""
    longer = sum(one > other for one in exists for other in absent) / (len(exists) * len(absent))
    medians = [statistics.median(times) * 1e6 for times in (exists, absent)]
    print(
        f"{what:26} exists {medians[0]:7.0f} us   does not {medians[1]:7.0f} us   takes longer {longer:6.1%}",
        flush=True,
    )


def pages(client: RawClient, request_type: str) -> list[int]:
    """The number of entries on each page of a listing of everything."""
    client.send(request_type, {"rel_endpoint": "", **({"recursive": True} if request_type == "GET" else {})})
    found = []
    while True:
        answer, _ = client.response()
        body = answer["body"]
        found.append(len(body.get("entries", body.get("versions", ()))))
        if not answer.get("more"):
            return found


def count(folder: str, hidden: int, clients: dict[str, RawClient], samples: int) -> None:
    """Listings before and after the hidden files come."""
    for name, client in clients.items():
        for request_type in ("GET", "VERSIONS"):
            runs: list[tuple[list[int], list[float]]] = []
            for exist in (False, True):
                Path(folder).mkdir()
                for number in range(hidden if exist else 0):
                    Path(folder, f"{number:06}").touch()
                times = []
                for _ in range(samples):
                    began = time.perf_counter()
                    found = pages(client, request_type)
                    times.append(time.perf_counter() - began)
                runs.append((found, times))
                shutil.rmtree(folder)
            (before, without), (after, with_hidden) = runs
            told = "alike" if before == after else f"{sum(before)} and {sum(after)} entries"
            print(
                f"{request_type:8} {name:17} without {statistics.median(without) * 1e3:7.1f} ms   with {hidden} hidden "
                f"files {statistics.median(with_hidden) * 1e3:7.1f} ms   pages {told}",
                flush=True,
            )


def account(state: str, *arguments: str) -> None:
    """A command on the accounts."""
    done = run_homeftp(*arguments, "--state", state, input=f"{PASSWORD}\n")
    if done.returncode:
        sys.exit(done.stderr)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1000, metavar="N", help="of each")
    parser.add_argument("--hidden", type=int, default=30_000, metavar="N", help="files that are hidden from a listing")
    parser.add_argument(
        "--paged", type=int, default=600, metavar="N", help="listed files, each with a version: several pages"
    )
    parser.add_argument("--folder", metavar="DIR", help="where to work")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        server = ServerProcess(folder=folder)
        try:
            account(server.state, "account", "add", "bob", "--password-stdin", "--home", "people/bob", "--links", "on")
            account(server.state, "account", "change", "ann", "--home", "people/ann")
            account(server.state, "account", "add", "eve", "--password-stdin", "--home", "people/bob")
            account(server.state, "grant", "bob", "hidden", "none")
            for home in ("people/ann", "people/bob/hidden"):
                Path(server.path(home)).mkdir(parents=True)
                for number in range(NAMES):
                    Path(server.path(f"{home}/exists{number:02}")).write_bytes(b"content")
            Path(server.path("people/bob/large")).write_bytes(bytes(10_000_000))
            with RawClient(server.ports[0], server.ca_file) as client:
                client.start_tls().login("bob", PASSWORD)
                for where, prefix in (("another's home", ""), ("a forbidden folder", "hidden/")):
                    for kind in KINDS:
                        times = sample(client, kind, options.samples, prefix)
                        show(f"{kind.request_type:8} {where}", *times)
                control: tuple[list[float], list[float]] = ([], [])
                for _ in range(options.samples):
                    for place, name in enumerate(("large", "absent")):
                        began = time.perf_counter()
                        client.ask("CMP", {"rel_endpoint": name, "hash": OTHER})
                        control[place].append(time.perf_counter() - began)
                show("CMP      its own (control)", *control)
                for number in range(options.paged):
                    for content in (b"1", b"2"):
                        client.ask("PUSH", {"rel_endpoint": f"paged/{number:03}"}, content)
                account(server.state, "grant", "bob", "counted", "none")
            bob, eve = (RawClient(server.ports[0], server.ca_file) for _ in range(2))
            with bob, eve:
                clients = {"does not see them": bob.start_tls(), "sees them (control)": eve.start_tls()}
                bob.login("bob", PASSWORD)
                eve.login("eve", PASSWORD)
                count(server.path("people/bob/counted"), options.hidden, clients, LISTINGS)
        finally:
            server.end()


if __name__ == "__main__":
    main()
