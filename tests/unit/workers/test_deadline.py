"""One deadline for all that waits within an operation."""

from __future__ import annotations

import threading

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers.deadline import OPERATION_SECONDS, OperationDeadline, Patience, current, operation, under


class DeadlineTests(SynchronousTestCase):
    """A clock that a test sets."""

    def test_left(self) -> None:
        """Time passes until none is left; a part of it ends no later."""
        clock = Clock()
        deadline = OperationDeadline(6.0, clock.seconds)
        self.assertEqual(deadline.left(), 6.0)
        clock.advance(4.0)
        self.assertEqual((deadline.left(), deadline.at_most(1.5).left(), deadline.at_most(3.0).left()), (2.0, 1.5, 2.0))
        clock.advance(4.0)
        self.assertEqual((deadline.left(), deadline.at_most(1.0).left()), (0.0, 0.0))

    def test_shared(self) -> None:
        """An operation has one deadline, in all that it is made of; after it there is none."""
        self.assertIsNone(current())
        with operation() as whole:
            self.assertLessEqual(whole.left(), OPERATION_SECONDS)
            with operation(1000.0) as part:
                self.assertIs(part, whole)
            self.assertIs(current(), whole)
        self.assertIsNone(current())

    def test_apart(self) -> None:
        """What has a deadline of its own, or none, is no part of the operation around it."""
        own = OperationDeadline(1000.0)
        with operation() as whole:
            with under(own), operation() as part:
                self.assertIs(part, own)
            with under(None):
                self.assertIsNone(current())
            self.assertIs(current(), whole)

    def test_patience(self) -> None:
        """Each wait of maintenance has its time anew."""
        self.assertEqual((Patience(300.0).left(), Patience(300.0).at_most(2.0).left() <= 2.0), (300.0, True))

    def test_threads(self) -> None:
        """Each thread has its own."""
        found: list[OperationDeadline | None] = []
        with operation():
            thread = threading.Thread(target=lambda: found.append(current()))
            thread.start()
            thread.join()
        self.assertEqual(found, [None])

    def test_raises(self) -> None:
        """What raises ends the operation, too."""

        def fail() -> None:
            with operation():
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertIsNone(current())
