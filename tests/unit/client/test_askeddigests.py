"""Digests that are asked for as soon as there is a connection: whose answer counts, and for how long."""

from __future__ import annotations

from unittest import mock

from homeftp.client import AskedDigests, Client
from homeftp.client.errors import ConnectionFailed
from homeftp.endpoint import parse
from homeftp.errors import Forbidden
from homeftp.model import TreeProgress
from tests.support.transfers import TransferCase


class AskedDigestsTests(TransferCase):
    """A folder `lib` on the server."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(20):
            self.make_remote_file(f"lib/a/{number:02}")
        self.asked = AskedDigests(parse("lib"))
        self.addCleanup(self.asked.close)

    def counted(self) -> mock.Mock:
        """The client's requests from now on."""
        patched = mock.patch.object(self.client, "request", wraps=self.client.request)
        self.addCleanup(patched.stop)
        return patched.start()

    def files(self) -> int:
        """How many files the answer counts."""
        steps: list[TreeProgress] = []
        found = self.run_work(self.asked.answer(self.client, steps.append))
        assert found is not None
        assert found.tree is not None
        self.assertEqual(set(found.directories), {"a"})
        return found.tree.files

    def test_taken_once(self) -> None:
        """The answer is that of the request that was sent; whoever takes it again gets a new one."""
        request = self.counted()
        self.asked.ask(self.client)
        self.wire.pump()
        self.make_remote_file("lib/b")
        self.assertEqual((self.files(), request.call_count), (20, 1))
        self.assertEqual((self.files(), request.call_count), (21, 2))

    def test_not_asked(self) -> None:
        """Where nothing was asked, `take` asks."""
        request = self.counted()
        self.assertEqual((self.files(), request.call_count), (20, 1))

    def test_progress(self) -> None:
        """Who takes the answer is told of the progress from then on."""
        self.asked.ask(self.client)
        steps: list[TreeProgress] = []
        self.run_work(self.asked.answer(self.client, steps.append))
        self.assertEqual(steps[-1].files, 20)

    def test_other_connection(self) -> None:
        """The answer of a connection that was lost does not count, and neither does its failure."""
        other = Client(self.wire.client, fingerprint="")
        other.server_info = self.client.server_info
        self.asked.ask(other)
        self.wire.pump()
        request = self.counted()
        self.assertEqual((self.files(), request.call_count), (20, 1))

    def test_failure(self) -> None:
        """A refusal is raised where the answer is taken; one that nobody takes is no error of the program."""
        with mock.patch.object(self.client, "cmp", side_effect=Forbidden("no")):
            self.asked.ask(self.client)
            self.assertRaises(Forbidden, self.files)
            self.asked.ask(self.client)
            self.asked.close()
        self.asked.ask(self.client)
        self.client.protocol.abort(ConnectionFailed("it is lost"))
        self.wire.pump()
        self.asked.close()
        self.asked.close()
