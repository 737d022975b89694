"""A store without capabilities refuses what it cannot do, in words that say so."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Forbidden
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from tests.support.plainstores import DictStore


class BasicStoreTests(SynchronousTestCase):
    """What the base class does."""

    def test_refused(self) -> None:
        """Edits, metadata, copies and verification are refused; of what it does not keep there is nothing."""
        store, a = DictStore(StoreOptions()), parse("a")
        for act in (
            lambda: store.edit(WriteRequest(endpoint=a)),
            lambda: store.set_metadata(a, mtime_us=1, mode=None, precondition=None),
            lambda: store.copy(a, parse("b"), source_precondition=None, target_precondition=None),
            lambda: store.verify(a),
        ):
            self.assertRaises(Forbidden, act)
        self.assertEqual((list(store.versions(a)), store.damaged(), store.space().free), ([], (), None))
        self.assertIsNone(store.resume_point(a, None, 1, 1))
