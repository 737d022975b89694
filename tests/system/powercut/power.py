"""A power cut from end to end: a store works on a disk, and whatever the disk may hold then is judged."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Iterator, Sequence

import attrs

from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from tests.support import loops
from tests.system.powercut.filesystems import FILE_SYSTEMS, FileSystem
from tests.system.powercut.history import History
from tests.system.powercut.log import Event
from tests.system.powercut.recording import FORKING, end_with_parent, recording
from tests.system.powercut.recovery import ROOT, Recovery
from tests.system.powercut.states import Cut, Cuts, Images
from tests.system.powercut.stores import STORES
from tests.system.powercut.workload import Workload

_THREADS = 2
"""How many put files at once."""

_AT_ONCE = 4
"""Trials: most of each is waiting for mounts."""

_KEPT = 3
"""Bad disks that are kept for a person to look at: the first ones."""


@attrs.frozen(kw_only=True)
class Trial:
    """What is to be tried."""

    system: str
    store: str = "right"
    seed: int = 1
    steps: int = 40
    """Of each thread's workload."""
    states: int = 60
    enough: int | None = None
    """Bad states after which no more are tried."""
    workloads: int = 1
    """With other seeds, one after the other until there is enough: one has not always what a wrong store breaks."""


@attrs.define
class Report:
    """What came of it."""

    events: int = 0
    flushes: int = 0
    acknowledged: int = 0
    states: int = 0
    bad: int = 0
    """States in which something was not as it was promised."""
    faults: list[str] = attrs.Factory(list)
    """With all that is needed to see them again."""
    refusals: list[str] = attrs.Factory(list)
    """What the store did not take. It was asked for nothing that it may refuse."""
    seconds: tuple[float, float] = (0.0, 0.0)
    """For the workload, and for the states."""


def attempts(trials: Sequence[Trial], folder: str) -> list[Report]:
    """Try each in a process of its own, which gets a folder of its own in `folder`."""
    folders = [os.path.join(folder, f"{trial.system}-{trial.seed}") for trial in trials]
    for each in folders:
        os.makedirs(each)
    with ProcessPoolExecutor(_AT_ONCE, FORKING, end_with_parent) as pool:
        return list(pool.map(_one_after_the_other, trials, folders))


def _one_after_the_other(trial: Trial, folder: str) -> Report:
    """The report of the last workload."""
    for number in range(trial.workloads):
        own = os.path.join(folder, f"{number}")
        os.mkdir(own)
        report = attempt(attrs.evolve(trial, seed=trial.seed + number), own)
        if report.bad == trial.enough:
            break
    return report


def attempt(trial: Trial, folder: str) -> Report:
    """Run a workload, cut the power and judge. Mounts, so it wants root, and a mount namespace that ends with it.

    `folder` gets a file system in memory, so as not to wait for a
    real disk, and beside it the first bad disks.
    """
    memory = os.path.join(folder, "memory")
    os.mkdir(memory)
    system = FILE_SYSTEMS[trial.system]
    chance = random.Random(f"{trial.system} {trial.store} {trial.seed}")
    began = time.monotonic()
    with _in_memory(memory):
        base = os.path.join(memory, "base.img")
        _prepare(system, base, memory)
        history, events = _record(trial, system, base, memory, chance)
        recorded = time.monotonic()
        report = Report(
            events=len(events),
            flushes=sum(event.flush for event in events),
            acknowledged=len(history.acknowledgements()),
            refusals=history.refusals,
        )
        if not report.flushes:
            raise AssertionError("the loop device does not pass flushes on")
        for number, cut, disk, faults in _states(trial, base, folder, history, events, chance):
            report.states += 1
            if faults:
                report.bad += 1
                which = f"{trial.system}, {trial.store}, seed {trial.seed}, state {number}, {disk}"
                report.faults.extend(f"{which}: {fault}; {cut}" for fault in faults)
            if report.bad == trial.enough:
                break
    report.seconds = (recorded - began, time.monotonic() - recorded)
    return report


def _prepare(system: FileSystem, image: str, folder: str) -> None:
    """A disk with an empty folder to be shared."""
    point = os.path.join(folder, "prepared")
    os.mkdir(point)
    system.make(image)
    with system.mounted(image, point):
        os.mkdir(os.path.join(point, ROOT))


def _record(
    trial: Trial, system: FileSystem, base: str, folder: str, chance: random.Random
) -> tuple[History, list[Event]]:
    """Run the workload on a copy of the disk in `base`."""
    image = os.path.join(folder, "recorded.img")
    shutil.copyfile(base, image)
    calls = System()
    with contextlib.ExitStack() as opened:
        disk = opened.enter_context(recording(system, image, folder))
        history = History(disk.log.length)
        cache = opened.enter_context(contextlib.closing(HashCache(os.path.join(folder, "index.sqlite"))))
        root = os.path.join(disk.mounted, ROOT)
        store = opened.enter_context(contextlib.closing(STORES[trial.store].open(root, cache, chance)))
        whole = os.open(disk.mounted, os.O_RDONLY)
        opened.callback(os.close, whole)
        workloads = [
            Workload(f"{number}", store, history, random.Random(chance.random()), lambda: calls.syncfs(whole))
            for number in range(_THREADS)
        ]
        pool = opened.enter_context(ThreadPoolExecutor(_THREADS))
        for done in [pool.submit(workload.run, trial.steps) for workload in workloads]:
            done.result()
    return history, disk.log.events()


def _states(
    trial: Trial, base: str, folder: str, history: History, events: Sequence[Event], chance: random.Random
) -> Iterator[tuple[int, Cut, str, list[str]]]:
    """Each state with its number, where a bad one is kept, and its faults."""
    system, memory = FILE_SYSTEMS[trial.system], os.path.dirname(base)
    cuts = Cuts(events, system.sector, chance)
    images = Images(base, events, memory)
    recovery = Recovery(system, memory, history, STORES[trial.store].promises)
    image = os.path.join(memory, "state.img")
    kept = 0
    for number, cut in enumerate(cuts.choose(trial.states, history.acknowledgements()), 1):
        images.make(cut, image)
        faults = list(recovery.faults(image, cuts.position(cut)))
        disk = "not kept"
        if faults and kept < _KEPT:
            kept += 1
            disk = os.path.join(folder, f"{trial.system}-{trial.store}-{trial.seed}-{number}.img")
            images.make(cut, disk)
        yield number, cut, disk, faults


@contextlib.contextmanager
def _in_memory(folder: str) -> Iterator[None]:
    loops.mount("tmpfs", folder, "tmpfs")
    try:
        yield
    finally:
        loops.unmount(folder)
