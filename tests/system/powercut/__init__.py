"""What is on the disk after the power went, at whatever moment: the harness of tests/system/store/test_power_cut.py.

disk.py is a file in a FUSE file system of its own that writes down whatever
a loop device tells it. On that device is a real file system, in which
workload.py lets a store put files; history.py knows what was asked for and
what was acknowledged, and between which two writes of the disk that was.

states.py makes of the log (log.py) what the disk may hold after a cut: all
that came before the last flush, and of what came since then whatever it likes,
in part and in any order. recovery.py mounts such a disk as the next start
of the computer would, and verdict.py says what is not as it was promised.

stores.py has the store, and wrong ones, which the verdict must notice. All
comes together in power.py; `python -m tests.system.powercut --help` runs it by hand.
"""
