"""WORDCOUNT: how many words a text file on the server has."""

from zope.interface import implementer

from homeftp.interfaces import IDispatcher, IRequest, IResolution
from homeftp.wire.messages import AtEndpoint


@implementer(IDispatcher)
class WordCount:
    request_type = "WORDCOUNT"
    body_type = AtEndpoint

    async def dispatch(self, request: IRequest, resolution: IResolution) -> None:
        text = await request.files.read(request.body.rel_endpoint, limit=1_000_000)
        resolution.resolve(0, "counted", {"words": len(text.split())})


wordcount = WordCount()
