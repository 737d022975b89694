"""An action that an account has no right to is refused before anything is read or sent."""

from __future__ import annotations

import io
import os
from typing import Callable
from unittest import mock

from homeftp.accounts.access import AccessTable
from homeftp.client import Client, Outcome, TransferOptions
from homeftp.client.connection.replies import Hello
from homeftp.client.plan.stdio import get_stream, push_stream
from homeftp.errors import Forbidden, NotFound
from homeftp.store.policy.rights import parse_rights
from tests.support.inmemory import PASSWORD
from tests.support.transfers import TransferCase, reader_of


class RightsTests(TransferCase):
    """Accounts with few rights."""

    def enter(self, rights: str) -> None:
        """Log in again with these rights."""
        state = self.server.state
        if not state.has_account("ann"):
            state.add_account("ann", None)
        AccessTable(state).set_rights("ann", parse_rights(rights))
        self.wire = self.connect()
        self.client = Client(self.wire.client)
        self.wire.pump()
        self.run_work(self.client.login("ann", PASSWORD))

    def test_refused(self) -> None:
        """Each action that needs a right that the account lacks; the message names both."""
        path = self.make_file("file", b"content")
        reading: dict[str, Callable[[], object]] = {
            "get": lambda: self.get("file", self.here),
            "compare": lambda: self.cmp(path, "file"),
            "stream": lambda: self.run_work(
                get_stream(self.client, self.context, "file", io.BytesIO(), self.observer())
            ),
        }
        storing: dict[str, Callable[[], object]] = {
            "push": lambda: self.push(path, "file"),
            "stream": lambda: self.run_work(
                push_stream(self.client, self.context, reader_of(b""), "file", TransferOptions(), self.observer())
            ),
        }
        for rights, refused, expected in (
            ("add", reading, 'needs the right "read". Your account (ann) has only: "add".'),
            ("read", storing, 'needs the right "add" or "replace". Your account (ann) has only: "read".'),
            ("read,delete", storing, 'has only: "read", "delete".'),
            ("none", {**reading, **storing}, "Your account (ann) has no rights."),
        ):
            self.enter(rights)
            with mock.patch.object(self.client.protocol, "request") as asked:
                for name, work in refused.items():
                    words = str(self.assertRaises(Forbidden, work))
                    self.assertIn(expected, words, name)
            asked.assert_not_called()

    def test_drop_box(self) -> None:
        """An account that may only add can push; the server refuses existing files one by one."""
        path = self.make_file("file", b"content")
        self.enter("add")
        self.push(path, "file")
        self.assertEqual(self.outcomes(), {"file": Outcome.NEW})
        self.push(path, "file")
        (item,) = self.results
        self.assertEqual(item.outcome, Outcome.REFUSED)
        self.assertIn("your account may not replace anything at file", item.reason)
        self.assertIn("perhaps there is a file of that name already", item.reason)
        self.enter("read")
        self.get("file", os.path.join(self.here, "back"))
        self.assertEqual(self.outcomes(), {"back": Outcome.NEW})
        self.assertRaises(NotFound, self.get, "nothing", self.here)

    def test_tree_into_a_drop_box(self) -> None:
        """With only "add" a whole tree is stored; the second time all of it is refused."""
        self.make_file("a/b/file", b"content")
        self.make_file("a/other", b"content")
        os.makedirs(os.path.join(self.here, "a", "empty"))
        self.enter("add")
        self.push(os.path.join(self.here, "a"), "a", recursive=True)
        self.assertEqual({item.outcome for item in self.results}, {Outcome.NEW})
        self.assertEqual(self.remote_files(), {"a/b/file": b"content", "a/other": b"content"})
        self.assertTrue(os.path.isdir(os.path.join(self.server.root, "a", "empty")))
        self.push(os.path.join(self.here, "a"), "a", recursive=True)
        self.assertEqual({item.outcome for item in self.results}, {Outcome.REFUSED})

    def test_not_said(self) -> None:
        """A request is sent where the server does not tell the rights."""
        self.client.server_info = Hello(protocol=1)
        self.push(self.make_file("file", b"content"), "file")
        self.assertEqual(self.outcomes(), {"file": Outcome.NEW})
