"""The keys of the bucket are found where the owner put them, and are in no message."""

from __future__ import annotations

import os

from homeftp.cluster.credentials import BucketKeys, bucket_keys
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

FILE = """\
[default]
aws_access_key_id = key
aws_secret_access_key = top%secret

[other]
aws_access_key_id=two
aws_secret_access_key=second
aws_session_token=third
"""


class CredentialTests(QuickCase):
    """Variables and files."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.path = self.file("objects", FILE)

    def file(self, name: str, content: str, mode: int = 0o600) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def message(self, **environment: str) -> str:
        """That of the refusal, with what it was raised from."""
        error = self.assertRaises(OperatorError, bucket_keys, environment)
        self.assertIsNone(error.__cause__)
        return str(error)

    def test_variables(self) -> None:
        """The variables count first; without any there are no keys."""
        given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SHARED_CREDENTIALS_FILE": self.path}
        self.assertEqual(bucket_keys(given), BucketKeys("a", "b"))
        self.assertEqual(bucket_keys({**given, "AWS_SESSION_TOKEN": "c"}), BucketKeys("a", "b", "c"))
        self.assertEqual(bucket_keys({}), BucketKeys())

    def test_file(self) -> None:
        """A file that a variable names, of which another one names the section."""
        given = {"AWS_SHARED_CREDENTIALS_FILE": self.path, "CREDENTIALS_DIRECTORY": "/nowhere"}
        self.assertEqual(bucket_keys(given), BucketKeys("key", "top%secret"))
        self.assertEqual(bucket_keys({**given, "AWS_PROFILE": "other"}), BucketKeys("two", "second", "third"))

    def test_systemd(self) -> None:
        """A credential of the unit, whose mode is systemd's affair; a unit may have others only."""
        os.chmod(self.path, 0o440)
        self.assertEqual(bucket_keys({"CREDENTIALS_DIRECTORY": self.folder}), BucketKeys("key", "top%secret"))
        os.unlink(self.path)
        self.assertEqual(bucket_keys({"CREDENTIALS_DIRECTORY": self.folder}), BucketKeys())

    def test_refused(self) -> None:
        """A file that is missing, open to others, or holds no keys is refused, and what it holds is not shown."""
        self.assertIn("no file", self.message(AWS_SHARED_CREDENTIALS_FILE=self.path + "x"))
        others = self.file("others", FILE, 0o644)
        self.assertIn("chmod 600", self.message(AWS_SHARED_CREDENTIALS_FILE=others))
        self.assertIn("[absent]", self.message(AWS_SHARED_CREDENTIALS_FILE=self.path, AWS_PROFILE="absent"))
        for number, content in enumerate(
            ("", "topsecret", "[default]\ntopsecret", "[default]\naws_access_key_id = topsecret", FILE + "#" * 65536)
        ):
            message = self.message(AWS_SHARED_CREDENTIALS_FILE=self.file(str(number), content))
            self.assertIn("holds no keys", message)
            self.assertNotIn("secret =", message.replace("aws_secret_access_key = …", ""))
            self.assertNotIn("topsecret", message)
        os.unlink(self.path)
        os.mkdir(self.path)
        error = self.assertRaises(OperatorError, bucket_keys, {"CREDENTIALS_DIRECTORY": self.folder})
        self.assertIn("cannot read", str(error))

    def test_shown(self) -> None:
        """No secret is shown where the keys are."""
        self.assertNotIn("secret", repr(bucket_keys({"AWS_SHARED_CREDENTIALS_FILE": self.path})).replace("secret=", ""))
