"""Where a large write will go, and whether it can go there: checked before any content arrives."""

from __future__ import annotations

import os

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.model import WriteRequest
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.preconditions import Preconditions, check_file
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.limits import WriteLimits
from homeftp.store.policy.preconditions import check_kind


class Target(msgspec.Struct, frozen=True):
    """Where an upload will go: the deepest existing directory on the way, and the file that it replaces."""

    nearest: DirHandle
    directory: Endpoint
    """The endpoint of `nearest`."""
    device: int
    found: os.stat_result | None
    """The file that exists at the endpoint."""
    expected: str | None
    """The signature of the file that has the expected hash, if the precondition is a hash."""


class TargetChecker(msgspec.Struct, frozen=True):
    """Checks early whether a file can be written to its endpoint. Thread-safe."""

    root: SafeRoot
    limits: WriteLimits
    preconditions: Preconditions
    namespace: Namespace

    def check(self, request: WriteRequest) -> Target:
        """Refuse what can be refused now. The caller closes `Target.nearest`.

        Raises `Changed` (44), `WrongKind` (43), `TooLarge` (22), `FiletypeNotAllowed` (42), `BadEndpoint` (41).
        """
        self.limits.check(request)
        parent = request.endpoint.parent
        nearest, depth = self.root.open_nearest(parent)
        try:
            device = os.fstat(nearest.fd).st_dev
            found = None
            expected = None
            if depth == len(parent.parts):
                found = self.root.stat_in(nearest.fd, request.endpoint)
                check_file(request.endpoint, found, request.precondition)
                (result,) = self.preconditions.expected([(nearest, request.endpoint, request.precondition)])
                if isinstance(result, Exception):
                    raise result
                expected = result
            else:
                check_kind(request.endpoint, None, request.precondition)
            if found is None:
                self.namespace.foresee(nearest, request.endpoint.first(depth + 1))
            return Target(nearest, parent.first(depth), device, found, expected)
        except OSError as error:
            close_quietly(nearest.fd)
            raise refusal(error, request.endpoint) from error
        except BaseException:
            close_quietly(nearest.fd)
            raise
