"""The keys of the bucket: from variables, or from a file that has the form of every S3 program's credentials."""

from __future__ import annotations

import configparser
import os
from typing import Mapping

import attrs

from homeftp.crypto.secretfiles import read_private
from homeftp.errors import OperatorError

CREDENTIAL = "objects"
"""The name of the keys among the credentials of a systemd unit: `LoadCredential=objects:/etc/homeftp/objects`."""

_PROFILE = "default"

_MOST_BYTES = 65536
"""Bytes of a file of keys, at most."""


@attrs.frozen
class BucketKeys:
    """The keys for a bucket; None where nothing is known, as for a bucket that is open to all."""

    id: str | None = None
    secret: str | None = attrs.field(default=None, repr=False)
    token: str | None = attrs.field(default=None, repr=False)


def bucket_keys(environment: Mapping[str, str]) -> BucketKeys:
    """The keys by these variables; raises `OperatorError`, which shows none of them.

    `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` count first, then the file that `AWS_SHARED_CREDENTIALS_FILE` names,
    and then the credential `objects` of the systemd unit. Of a file the section `AWS_PROFILE` counts, or "default".
    """
    if environment.get("AWS_ACCESS_KEY_ID"):
        return BucketKeys(
            environment["AWS_ACCESS_KEY_ID"],
            environment.get("AWS_SECRET_ACCESS_KEY") or None,
            environment.get("AWS_SESSION_TOKEN") or None,
        )
    profile = environment.get("AWS_PROFILE") or _PROFILE
    if path := environment.get("AWS_SHARED_CREDENTIALS_FILE"):
        content = read_private(path)
        if content is None:
            raise OperatorError(f"there is no file {path}, which AWS_SHARED_CREDENTIALS_FILE names")
        return _keys_of(content, path, profile)
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        path = os.path.join(folder, CREDENTIAL)
        content = _read_credential(path)
        if content is not None:
            return _keys_of(content, path, profile)
    return BucketKeys()


def _read_credential(path: str) -> bytes | None:
    """A credential of systemd, which sees to it that only the unit may read it; None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error


def _keys_of(content: bytes, path: str, profile: str) -> BucketKeys:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        if len(content) > _MOST_BYTES:
            raise ValueError
        parser.read_string(content.decode())
        section = parser[profile]
        return BucketKeys(
            section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token")
        )
    except (configparser.Error, KeyError, ValueError):  # its message may show the keys
        raise OperatorError(
            f"{path} holds no keys of a bucket: write a line [{profile}], and below it the lines "
            "aws_access_key_id = … and aws_secret_access_key = …"
        ) from None
