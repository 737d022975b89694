"""What is right after a fault: the one judgement by which all tests of faults are made."""

from __future__ import annotations

import os
import re
from typing import Iterator, Mapping, Sequence

from homeftp.endpoint import parse
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from tests.support.stores import put_of
from tests.system.faults.driver import AFTERWARDS, AFTERWARDS_CONTENT
from tests.system.faults.driving import NAMING, SYNCING, Answer, Call, Outcome
from tests.system.faults.scenarios import (
    ABSENT,
    DIRECTORY,
    HUGE,
    LARGE,
    OLD,
    SMALL,
    VERSIONS,
    Scenario,
    file,
)

LINK = "a link"
"""The state of a path where a symbolic link is: clients make none, and a restored version leaves one as its mark."""

METADATA = ".homeftp"
KEPT = frozenset({"clock", "lock", "incoming", "versions", "partial"})
"""What of the metadata directory may stay; all but the first two are for files."""


def _known() -> dict[int, list[tuple[bytes, str]]]:
    """By size: the contents that the scenarios write, and their states."""
    known: dict[int, list[tuple[bytes, str]]] = {}
    for content in (OLD, LARGE, HUGE, *SMALL):
        known.setdefault(len(content), []).append((content, file(content)))
    return known


_KNOWN = _known()


def state(content: bytes) -> str:
    """The state of a path where a file with this content is. To compare is much quicker than to hash."""
    found = (state for known, state in _KNOWN.get(len(content), ()) if known == content)
    return next(found, None) or file(content)


def tree(root: str) -> dict[str, str]:
    """The state of every path in a root, but for the metadata directory."""
    found = {}
    for directory, folders, names in os.walk(root):
        if directory == root and METADATA in folders:
            folders.remove(METADATA)
        above = f"{directory}/".removeprefix(f"{root}/")
        for name in folders:
            found[f"{above}{name}"] = DIRECTORY
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                found[f"{above}{name}"] = LINK  # it may lead nowhere
                continue
            with open(path, "rb") as opened:
                found[f"{above}{name}"] = state(opened.read())
    return found


def _above(name: str) -> Iterator[str]:
    while name := os.path.dirname(name):
        yield name


def lawful(scenario: Scenario, answers: Mapping[int, Answer]) -> dict[str, set[str]]:
    """What may stand at each path after these answers; a path that is not named must be free.

    An answer that promises is true. Where there is none yet, it is the old
    state or the new one; after a refusal it is the old one, unless the refusal
    says that there is doubt, or it was of several steps. A directory that was
    made on the way may stay, as nothing is lost by it.
    """
    states: dict[str, set[str]] = {}
    for name, content in scenario.before.items():
        if not name.startswith(f"{METADATA}/"):
            states[name] = {file(content)}
            states.update((above, {DIRECTORY}) for above in _above(name))
    in_steps = scenario.in_steps
    for number, promise in enumerate(scenario.promises[: scenario.begun(len(answers))]):
        answer = answers.get(number)
        made = {above: DIRECTORY for name, state in promise.items() if state != ABSENT for above in _above(name)}
        for name, state in {**made, **promise}.items():
            before = states.setdefault(name, {ABSENT})
            if answer is not None and not answer.refusal:
                states[name] = {state}
            elif answer is None or in_steps[number] or "in doubt" in answer.message or state == DIRECTORY:
                before.add(state)
    return states


def unlawful(scenario: Scenario, answers: Mapping[int, Answer], found: Mapping[str, str]) -> list[str]:
    """What exists and must not, and what does not and must."""
    allowed = lawful(scenario, answers)
    return [
        f"{name} is {found.get(name, ABSENT)}, not {' or '.join(sorted(allowed.get(name, {ABSENT})))}"
        for name in sorted(allowed.keys() | found.keys())
        if found.get(name, ABSENT) not in allowed.get(name, {ABSENT})
    ]


def lost(scenario: Scenario, root: str) -> list[str]:
    """Contents that were there, and are nowhere any more: what is replaced or removed is kept as a version."""
    held = set(tree(root).values()) | set(tree(os.path.join(root, VERSIONS)).values())
    return [
        f"lost: the content of {name}"
        for name, content in scenario.before.items()
        if file(content) not in held and not scenario.may_lose(name)
    ]


def litter(root: str) -> list[str]:
    """What is left in the metadata directory and must not be."""
    folder = os.path.join(root, METADATA)
    found = [name for name in os.listdir(folder) if name not in KEPT]
    return [f"left behind: {name}" for name in [*found, *os.listdir(os.path.join(folder, "incoming"))]]


def after_restart(root: str) -> list[str]:
    """What is wrong with a store that is opened again: it starts, clean, with the same files, and takes new ones."""
    before = tree(root)
    cache = HashCache(os.path.join(os.path.dirname(root), "index.sqlite"))
    try:
        store = LocalStore(root, cache)
        try:
            found = litter(root)
            after = tree(root)
            if before != after:
                found.append(f"the restart changed {sorted(set(before.items()) ^ set(after.items()))}")
            for name, state in after.items():
                entry = store.stat(parse(name))
                if entry is None or (entry.hash is not None and entry.hash != state):
                    found.append(f"{name} is {state}, and is said to be {entry}")
            (answer,) = store.write_many([put_of(AFTERWARDS, AFTERWARDS_CONTENT)])
            if isinstance(answer, Exception):
                found.append(f"nothing can be put any more: {answer!r}")
        finally:
            store.close()
    finally:
        cache.close()
    return found


def synced_again(calls: Sequence[Call]) -> list[str]:
    """Syncs of a descriptor after one of it has failed; a failed syncfs was one of every descriptor."""
    found = []
    doubtful: dict[str, str] = {}
    for call in calls:
        if call.name == "close":
            doubtful.pop(call.descriptor, None)
        elif call.name in SYNCING:
            if call.descriptor in doubtful or "syncfs" in doubtful.values():
                found.append(f"synced again after a failure: {call}")
            if call.failed:
                doubtful[call.descriptor] = call.name
    return found


def doubt(outcome: Outcome) -> list[str]:
    """What is wrong with the way in which the answers speak of a failed disk."""
    hit = outcome.hit
    if hit is None:
        return []
    refused = [answer for answer in outcome.answers.values() if answer.refusal]
    if not hit.in_root:
        return [f"refused for what is not in the store: {answer.message}" for answer in refused]
    named = any(call.name in NAMING and not call.failed for call in outcome.calls[: outcome.calls.index(hit)])
    found = [f"in doubt of what? {answer.message}" for answer in refused if "in doubt" in answer.message and not named]
    if hit.name in SYNCING and not refused:
        found.append("answered as if the sync had not failed")
    return found + synced_again([call for call in outcome.calls if call.in_root])


def _was_full(outcome: Outcome) -> bool:
    """Whether the disk was full: then versions are removed."""
    return outcome.refusals == {"NoSpace"} or re.search("ENOSPC|EDQUOT", str(outcome.hit)) is not None


def after_failure(scenario: Scenario, outcome: Outcome, root: str) -> list[str]:
    """What is wrong in the same process, after some call has failed and one more file was put."""
    if outcome.status or outcome.afterwards is None:
        return [f"the process ended with status {outcome.status}"]
    found_tree = tree(root)
    if scenario.starts and outcome.afterwards.refusal == "Forbidden":  # read-only until it is started again
        return unlawful(scenario, outcome.answers, found_tree)
    found = [] if found_tree.pop(AFTERWARDS, ABSENT) == file(AFTERWARDS_CONTENT) else ["the next file is not there"]
    if outcome.afterwards.refusal:
        found.append(f"the next file was refused: {outcome.afterwards.message}")
    if len(outcome.answers) < len(scenario.promises):
        found.append("not everything was answered")
    found += [answer.message for answer in outcome.answers.values() if answer.refusal.startswith("not a refusal")]
    found += unlawful(scenario, outcome.answers, found_tree)
    name = outcome.hit.name if outcome.hit else ""
    if not name.startswith("unlink"):
        found += litter(root)
    if not _was_full(outcome):
        found += lost(scenario, root)
    if name != "close":
        found += [f"still open: {path}" for path in outcome.kept]
    return found + doubt(outcome)
