"""XML in both directions: bodies of requests as trees, within bounds, and text for responses.

Nothing that makes XML dangerous is understood: a document type is refused, and with it every entity; size, depth,
the number of elements and the length of their names are bounded. Expat does the rest.
"""

from __future__ import annotations

import re
from typing import Iterator
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import attrs

from homeftp.config import KIB
from homeftp.errors import BadRequest
from homeftp.server.http.messages import HttpRequest

DAV = "DAV:"
"""The namespace of WebDAV."""

MAX_XML = 256 * KIB
"""Bytes of a body, at most; a PROPFIND of any client has less than one KiB."""

MAX_DEPTH = 32
"""Elements inside each other, at most."""

MAX_ELEMENTS = 4096
"""Elements of a body, at most."""

MAX_NAMES = 64 * KIB
"""Characters of all names in a body, each with its namespace, at most: a short body could else become a huge answer."""

_XML = "http://www.w3.org/XML/1998/namespace"
"""The namespace of the prefix `xml`, which no other prefix can have (Namespaces in XML, section 3)."""

_SEPARATOR = "\x1f"
"""Between namespace and name: XML cannot contain it."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have."""

Name = tuple[str, str]
"""A namespace and a local name."""


@attrs.define(eq=False)
class XmlElement:
    """An element, with the elements and the text in it."""

    name: Name
    attributes: dict[Name, str] = attrs.field(factory=dict)
    content: list[XmlElement | str] = attrs.field(factory=list)

    def children(self) -> Iterator[XmlElement]:
        """The elements in it."""
        return (each for each in self.content if isinstance(each, XmlElement))

    def find(self, name: Name) -> XmlElement | None:
        """The first element of that name in it."""
        return next((each for each in self.children() if each.name == name), None)

    @property
    def text(self) -> str:
        """The text directly in it."""
        return "".join(each for each in self.content if isinstance(each, str))

    def inner(self) -> str:
        """The content of the element, as XML that declares its namespaces itself."""
        return "".join(xml_text(each) if isinstance(each, str) else each.outer() for each in self.content)

    def outer(self) -> str:
        """The element as such XML."""
        start, end = tags(self.name)
        attributes = "".join(_attribute(number, *each) for number, each in enumerate(self.attributes.items()))
        return f"{start[:-1]}{attributes}>{self.inner()}{end}"


def tags(name: Name) -> tuple[str, str]:
    """The start and the end of an element of any name."""
    namespace, local = name
    if namespace == DAV:
        return f"<D:{local}>", f"</D:{local}>"
    if not namespace:
        return f'<{local} xmlns="">', f"</{local}>"
    if namespace == _XML:
        return f"<xml:{local}>", f"</xml:{local}>"
    return f"<X:{local} xmlns:X={quoteattr(namespace)}>", f"</X:{local}>"


def empty(name: Name) -> str:
    """An element without content."""
    start, _ = tags(name)
    return f"{start[:-1]}/>"


def xml_text(text: str) -> str:
    """Text as XML; what XML does not have is left out."""
    return escape(_NO_XML.sub("", text))


def _attribute(number: int, name: Name, value: str) -> str:
    namespace, local = name
    shown = quoteattr(_NO_XML.sub("", value))
    if not namespace:
        return f" {local}={shown}"
    if namespace == _XML:
        return f" xml:{local}={shown}"
    return f" xmlns:A{number}={quoteattr(namespace)} A{number}:{local}={shown}"


async def read_xml(request: HttpRequest) -> XmlElement | None:
    """The root element of a request's body; None where it has no body. Raises `BadRequest` (20) and `TooLarge` (22)."""
    body = await request.body.read_all(MAX_XML)
    return parse_xml(body) if body.strip() else None


def parse_xml(document: bytes) -> XmlElement:
    """The root element of a document. Raises `BadRequest` (20)."""
    return _Builder().build(document)


class _Builder:
    """Makes the tree of one document."""

    def __init__(self) -> None:
        self._root: XmlElement | None = None
        self._open: list[XmlElement] = []
        self._elements = 0
        self._names = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace

    def build(self, document: bytes) -> XmlElement:
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError as error:
            raise BadRequest(f"the body is not XML: {expat.ErrorString(error.code)}") from None
        assert self._root is not None
        return self._root

    def _doctype(self, *_: object) -> None:
        raise BadRequest("the body has a document type: that is not allowed")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if prefix is not None and not uri:
            raise BadRequest("the body declares an empty namespace for a prefix")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise BadRequest(f"the body has more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} in each other")
        self._names += len(name) + sum(map(len, attributes))
        if self._names > MAX_NAMES:
            raise BadRequest(f"the names in the body have more than {MAX_NAMES} characters, with their namespaces")
        element = XmlElement(_split(name), {_split(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].content.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].content.append(text)


def _split(name: str) -> Name:
    namespace, _, local = name.rpartition(_SEPARATOR)
    return namespace, local
