"""UPPER: sends the payload back in capital letters, as it comes, however large it is."""

from zope.interface import implementer

from homeftp.errors import BadRequest
from homeftp.interfaces import IDispatcher, IPayload, IRequest, IResolution
from homeftp.wire.messages import NoBody


@implementer(IPayload)
class Capitals:
    """A payload made of another: each read of it reads one piece."""

    def __init__(self, source: IPayload) -> None:
        self.size = source.size
        self._source = source

    async def read(self) -> bytes:
        return (await self._source.read()).upper()

    async def read_all(self, limit: int) -> bytes:
        return (await self._source.read_all(limit)).upper()


@implementer(IDispatcher)
class Upper:
    request_type = "UPPER"
    body_type = NoBody

    def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        if not request.payload.size:
            raise BadRequest("UPPER needs a payload: send the text behind the line, with its content_length")
        resolution.resolve(0, "here it comes", payload=Capitals(request.payload))


upper = Upper()
