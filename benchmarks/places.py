"""Where the benchmarks run: the disk, and the way between client and server."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, ContextManager, Iterator

EXT4 = ("mkfs.ext4", "-q", "-b", "4096", "-i", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0")
"""An inode for each block; made at once: lazily, the kernel would go on making it while it is measured."""

CLONE_NEWNET = 0x40000000
"""A network namespace; see unshare(2)."""

UNLIMITED = "100000"
"""Packets that may be on their way; netem drops what comes above 1000 otherwise."""

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

Way = Callable[[int], ContextManager[int]]
"""From the port of a server on loopback to the one that its clients are told."""


def find(program: str) -> str | None:
    """The path of a program, wherever Debian puts it."""
    return shutil.which(program, path=_PATH)


def may_mount() -> bool:
    """Whether there can be a new ext4 file system."""
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and find("mkfs.ext4") is not None


def check_space(folder: Path, size: int) -> None:
    """End the benchmark unless `folder` has this much space, and as much again."""
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        sys.exit(
            f"this needs up to {size >> 20:,} MiB, and half of what is free: {folder} has {free >> 20:,} MiB."
            " Name another --folder, or measure --files fewer."
        )


@contextlib.contextmanager
def ext4(folder: Path, size: int) -> Iterator[Path]:
    """A new file system of so many bytes, in an image in `folder` that takes what is written to it."""
    image, top = folder / "image", folder / "ext4"
    with image.open("wb") as file:
        file.truncate(size)
    top.mkdir()
    environment = {**os.environ, "PATH": _PATH}
    try:
        subprocess.run([*EXT4, image], check=True, env=environment)
        subprocess.run(["mount", "-o", "loop", image, top], check=True, env=environment)
        try:
            yield top
        finally:
            subprocess.run(["umount", top], check=True, env=environment)
    finally:
        image.unlink()
        top.rmdir()


@contextlib.contextmanager
def network(milliseconds: float) -> Iterator[Way]:
    """Loopback, on which a round trip takes so long; without a delay it is the machine's own.

    It is the kernel that delays, in a network namespace that this process and its children enter, where that may be;
    else a proxy for each server, which is the same for all programs.
    """
    if not milliseconds:
        yield contextlib.nullcontext
        return
    with _namespace(milliseconds / 2) as entered:
        yield contextlib.nullcontext if entered else lambda port: _proxy(port, milliseconds / 2)


@contextlib.contextmanager
def _namespace(milliseconds: float) -> Iterator[bool]:
    """Enter a network namespace whose loopback delays each packet; whether that could be done."""
    libc = ctypes.CDLL(None, use_errno=True)
    up = ["ip", "link", "set", "lo", "up"]
    late = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", f"{milliseconds}ms", "limit", UNLIMITED]
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    entered = not libc.unshare(CLONE_NEWNET)
    delayed = entered and _succeeds(up) and _succeeds(late)
    try:
        if entered and not delayed:
            _return_to(libc, before)
        yield delayed
    finally:
        if delayed:
            _return_to(libc, before)
        os.close(before)


def _return_to(libc: ctypes.CDLL, namespace: int) -> None:
    if libc.setns(namespace, CLONE_NEWNET):
        sys.exit(f"the network namespace cannot be left: {os.strerror(ctypes.get_errno())}")


def _succeeds(arguments: list[str]) -> bool:
    """Whether a program is there, and does what it is told."""
    program = find(arguments[0])
    return program is not None and not subprocess.run([program, *arguments[1:]], stderr=subprocess.DEVNULL).returncode


@contextlib.contextmanager
def _proxy(port: int, milliseconds: float) -> Iterator[int]:
    script = Path(__file__).with_name("delay.py")
    arguments = [sys.executable, str(script), f"--port={port}", f"--milliseconds={milliseconds}"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.terminate()
