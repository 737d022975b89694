"""Whether a part of the store contract notices that a store is wrong: the controls of `homeftp.testing.contract`."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, Iterator, Mapping
from unittest import mock

from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.syscalls import System


@contextlib.contextmanager
def later(seconds: float) -> Iterator[None]:
    """In the block so many seconds have passed in this process."""
    now, running, monotonic = time.time() + seconds, System().running_seconds() + seconds, time.monotonic() + seconds
    with (
        mock.patch("time.time", lambda: now),
        mock.patch("time.time_ns", lambda: int(now * 1e9)),
        mock.patch("time.monotonic", lambda: monotonic),
        mock.patch.object(System, "running_seconds", lambda system: running),
    ):
        yield


def maintain_later(store: IStore, seconds: float) -> bool:
    """`ContractCase.maintain_later` for stores that ask this process for the time."""
    with later(seconds):
        store.maintain()
    return True


class ControlCase(SynchronousTestCase):
    """Runs single tests of `contract` with other stores."""

    contract: type[Any]

    def assert_caught(self, test: str, make_store: Callable[[StoreOptions], MemoryStore]) -> None:
        """That test fails with this store, and passes with the right one."""
        self.assertTrue(self._passes(test, MemoryStore), f"{test} fails with the right store")
        self.assertFalse(self._passes(test, make_store), f"{test} passes with a wrong store")

    def _passes(self, test: str, make_store: Callable[[StoreOptions], MemoryStore]) -> bool:
        class Case(self.contract, SynchronousTestCase):  # type: ignore[misc,name-defined]
            def make_store(self, options: StoreOptions) -> MemoryStore:
                return make_store(options)

            def reopen_store(self, store: MemoryStore, options: StoreOptions) -> MemoryStore:
                again = make_store(options)
                again._tree = getattr(store, "lasting", store._tree)
                return again

            def make_read_only_store(self, files: Mapping[str, bytes], options: StoreOptions) -> MemoryStore:
                store = make_store(options)
                store.write_many(
                    [(WriteRequest(endpoint=parse(path), size=len(data)), data) for path, data in files.items()]
                )
                store.read_only = "it is a test"
                return store

            def maintain_later(self, store: MemoryStore, seconds: float) -> bool:
                return maintain_later(store, seconds)

        result = TestResult()
        Case(test).run(result)
        self.assertEqual(result.testsRun, 1)
        return bool(result.wasSuccessful())
