"""What benchmarks/transfer.py has measured, read from its files; runs of a load in several files count together."""

import json
import statistics


def read(paths):
    """All that was measured: the newest date, and the loads with the runs of all files."""
    files = sorted((json.loads(path.read_text(encoding="utf-8")) for path in paths), key=lambda file: file["date"])
    found = {key: files[-1][key] for key in ("date", "machine", "versions", "disk")}
    found["loads"], found["memory"] = {}, {}
    for file in files:
        found["memory"].update(file.get("memory", {}))
        for name, load in file["loads"].items():
            known = found["loads"].setdefault(name, {**load, "seconds": {}})
            for step, programs in load["seconds"].items():
                for program, costs in programs.items():
                    known["seconds"].setdefault(step, {}).setdefault(program, []).extend(costs)
    return found


def walls(load, step):
    """The seconds of every run of a step, for each program."""
    return {program: [cost[0] for cost in costs] for program, costs in load["seconds"][step].items()}


def median(load, step, program):
    """The median of the seconds, and of the processor's at both ends; None where that was not measured."""
    costs = load["seconds"].get(step, {}).get(program)
    if not costs:
        return None
    return statistics.median(cost[0] for cost in costs), statistics.median(cost[1] + cost[2] for cost in costs)


def amount(load):
    """Such as "10,000 files of 4 KiB"."""
    size = f"{load['size']:,} bytes"
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if load["size"] and not load["size"] % unit:
            size = f"{load['size'] // unit:,} {name}"
            break
    return f"1 file of {size}" if load["files"] == 1 else f"{load['files']:,} files of {size}"


def about(found):
    """Where and when it was measured, in sentences."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    counts = [
        len(values)
        for load in found["loads"].values()
        for step in load["seconds"]
        for values in walls(load, step).values()
    ]
    runs = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    runs = "One run of each" if runs == "1" else f"Medians of {runs} runs"
    return (
        f"Over loopback on {found['machine']}, on {found['date']}.",
        f"The disk is {found['disk']}.",
        f"{versions}.",
        f"{runs}.",
    )
