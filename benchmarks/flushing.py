"""Many small files, made durable: homeftp beside rsync --fsync, on a disk whose flushes take as long as you say.

    python benchmarks/flushing.py --milliseconds 0.3 1 4 8

To flush its cache, a good SSD for the home takes 1 to 5 ms, a hard disk 8 ms
and more, and a disk with a battery or behind a hypervisor next to nothing. The
cost of a flush decides the result, so it is set here. The disk is a FUSE file behind a loop
device, with ext4; it takes root, and what the tests take (.ci/run installs it).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator

from loads import make_tree, same_tree
from measuring import run
from programs import homeftp, homeftp_server, pair, reserved_port, rsync, ssh_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.system.powercut.disk import Disk, mount
from tests.system.powercut.filesystems import EXT4, FileSystem


class SlowDisk(Disk):
    """A disk that keeps nothing, and takes `seconds` for a flush."""

    def __init__(self, image: str, seconds: float) -> None:
        super().__init__(image, "/dev/null")
        self._seconds = seconds

    def fsync(self, path: str, data_only: int, handle: int) -> int:
        """A flush."""
        time.sleep(self._seconds)
        return 0


@contextlib.contextmanager
def slow_disk(folder: Path, size: int, seconds: float) -> Iterator[Path]:
    """The root of a new file system on such a disk of `size` bytes; `folder` is for all that belongs to it."""
    fuse, mounted = folder / "fuse", folder / "share"
    fuse.mkdir()
    mounted.mkdir()
    system = FileSystem(name="ext4", type="ext4", make_command=EXT4, size=size)
    system.make(str(folder / "image"))
    arguments = [sys.executable, __file__, "--be-the-disk", str(folder / "image"), str(seconds), str(fuse)]
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            sys.exit("the disk did not start")
        try:
            with system.mounted(str(fuse / "disk"), str(mounted)):
                yield mounted
        finally:
            subprocess.run(["umount", fuse], check=True)
    finally:
        process.kill()
        process.communicate()


def measure(folder: Path, source: Path, size: int, seconds: float) -> None:
    """One push of each program, and the ratio of their times."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(slow_disk(folder, size, seconds))
        port = reserved_port()
        server = stack.enter_context(homeftp_server(folder, port))
        pair(folder, port)
        config, sshd = stack.enter_context(ssh_server(folder / "ssh"))
        times = []
        for program in (homeftp(root, server), rsync(config, sshd, "--fsync")):
            target = root / program.copy
            cost = run(program.commands["up"](source, target), program.server)
            if not same_tree(source, target):
                sys.exit(f"{program.name}: the copy is not the source")
            times.append(cost.wall)
            print(f"{seconds * 1000:6.1f} ms  {program.name:14} {cost.wall:8.2f} s", flush=True)
        print(
            f"{seconds * 1000:6.1f} ms  homeftp takes {times[0] / times[1]:.2f} of the time of rsync --fsync",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for, and print it."""
    if sys.argv[1:2] == ["--be-the-disk"]:
        image, seconds, point = sys.argv[2:]
        mount(SlowDisk(image, float(seconds)), point)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[4.0], help="that a flush takes (default 4)")
    parser.add_argument("--files", type=int, default=10_000, help="how many (default 10,000)")
    parser.add_argument("--file-size", type=int, default=4096, help="bytes of each (default 4096)")
    parser.add_argument("--folder", help="where to work; default: the system's folder for temporary files")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # not without unmounting
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [name for name in ("rsync", "ssh", "ssh-keygen", "mkfs.ext4", "fusermount3") if not shutil.which(name)]
    if missing:
        sys.exit(f"install what has {', '.join(missing)} first")
    size = max(160 << 20, 4 * options.files * (options.file_size + 4096))
    for milliseconds in options.milliseconds:
        with tempfile.TemporaryDirectory(prefix="homeftp-benchmark-", dir=options.folder) as name:
            folder = Path(name)
            source = folder / "source"
            make_tree(source, options.files, options.file_size)
            measure(folder, source, size, milliseconds / 1000)


if __name__ == "__main__":
    main()
