"""DIGEST: the digest of a file by another algorithm than the protocol's own, with news on the way."""

import hashlib
from typing import Any, Literal

import attrs
from zope.interface import implementer

from homeftp.endpoint import parse
from homeftp.interfaces import IDispatcher, IOpenFile, IPathLocking, IRequest, IResolution
from homeftp.model import PathLock

PIECE = 8 * 1024 * 1024


@attrs.frozen
class Digest:
    rel_endpoint: str
    algorithm: Literal["blake2b", "sha512"] = "sha512"


def add(digest: Any, file: IOpenFile, offset: int) -> int:
    """In a worker: digest one piece; gives its size."""
    data = file.read(offset, PIECE)
    digest.update(data)
    return len(data)


@implementer(IDispatcher, IPathLocking)
class DigestDispatcher:
    request_type = "DIGEST"
    body_type = Digest

    def claims(self, body: Digest) -> PathLock:
        return PathLock(parse(body.rel_endpoint), changes=False)

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        body: Digest = request.body
        run = request.workers.run
        digest = hashlib.new(body.algorithm)
        file = await run(request.account.share.open, parse(body.rel_endpoint))
        try:
            done = 0
            while done < file.entry.size:
                done += await run(add, digest, file, done)
                await resolution.send({"done": done})
            await run(file.settle, None)
        finally:
            await run(file.close)
        resolution.resolve(0, f"digested {done} bytes", {body.algorithm: digest.hexdigest()})


digest = DigestDispatcher()
