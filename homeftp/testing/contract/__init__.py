"""The contract of storage backends as a test suite: `StoreContract`.

    class MyStoreTests(StoreContract, SynchronousTestCase):
        def make_store(self, options):
            return MyStore(self.mktemp(), options)

`ReadOnlyStoreContract` is the part of it for a backend that is always read-only:
write `make_read_only_store`.

Each test makes its own store. What `IStore.capabilities` denies is tested to
be refused. The suite says what a backend must do; whether it survives a power
cut only a test of its own can tell.
"""

from homeftp.testing.contract.conditions import ConditionsContract
from homeftp.testing.contract.editing import EditingContract
from homeftp.testing.contract.history import HistoryContract
from homeftp.testing.contract.integrity import IntegrityContract
from homeftp.testing.contract.limits import LimitsContract
from homeftp.testing.contract.reading import ReadingContract
from homeftp.testing.contract.readonly import ReadOnlyContract, ReadOnlyStoreContract
from homeftp.testing.contract.recording import RecordingContract
from homeftp.testing.contract.resuming import ResumingContract
from homeftp.testing.contract.snapshots import SnapshotsContract
from homeftp.testing.contract.trees import TreesContract
from homeftp.testing.contract.versions import VersionsContract
from homeftp.testing.contract.writing import WritingContract


class StoreContract(
    ReadingContract,
    SnapshotsContract,
    WritingContract,
    ResumingContract,
    EditingContract,
    TreesContract,
    ConditionsContract,
    VersionsContract,
    HistoryContract,
    LimitsContract,
    ReadOnlyContract,
    RecordingContract,
    IntegrityContract,
):
    """Every promise of `IStore`: mix it into a TestCase, and write `make_store`."""


__all__ = ["ReadOnlyStoreContract", "StoreContract"]
