"""DIGEST: the digest of a file by another algorithm than the protocol's own, with progress on the way."""

import hashlib
from typing import Literal

import attrs
from zope.interface import implementer

from homeftp.config import STREAM_PIECE
from homeftp.interfaces import IDispatcher, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock
from homeftp.wire.messages import RelEndpoint


@attrs.frozen
class Digest:
    rel_endpoint: RelEndpoint
    algorithm: Literal["blake2b", "sha512"] = "sha512"


@implementer(IDispatcher, IPathLocking)
class DigestDispatcher:
    request_type = "DIGEST"
    body_type = Digest

    def path_lock(self, body: Digest) -> PathLock:
        return PathLock(body.rel_endpoint, changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        body: Digest = request.body
        digest = hashlib.new(body.algorithm)
        file = await request.files.open(body.rel_endpoint)
        try:
            done = 0
            while data := await file.read(done, STREAM_PIECE):
                await request.workers.run(digest.update, data)
                done += len(data)
                await resolution.send({"done": done})
            await file.close_verified()
        finally:
            await file.close()
        resolution.resolve(0, f"digested {done} bytes", {body.algorithm: digest.hexdigest()})


digest = DigestDispatcher()
