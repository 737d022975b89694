"""PROPFIND."""

from __future__ import annotations

from typing import Any, Callable, Mapping
from xml.etree import ElementTree

import attrs

from homeftp.interfaces import IServerContext
from homeftp.server.http.dav.properties.propfind import ENTRIES_PER_TURN
from homeftp.server.http.messages import IHandler
from homeftp.store.policy.rights import ALL
from homeftp.workers import InlineWorkers
from tests.support.davcases import DavCase

SET = b'<propertyupdate xmlns="DAV:"><set><prop><p xmlns="urn:x">1<q/></p></prop></set></propertyupdate>'


def prop(*names: str) -> bytes:
    """The body that asks for these properties of WebDAV."""
    return (
        b'<propfind xmlns="DAV:"><prop>' + b"".join(b"<%b/>" % each.encode() for each in names) + b"</prop></propfind>"
    )


class PropfindTests(DavCase):
    """Properties of files and folders."""

    def setUp(self) -> None:
        super().setUp()
        self.status("MKCOL", "d")
        self.put("d/a%20b.txt", b"hello")
        self.status("MKCOL", "d/%C3%A9")

    def test_depths(self) -> None:
        """A folder alone, or with what is directly in it; a file is always alone; a deeper listing is refused."""
        self.assertEqual(set(self.properties("d")), {"/dav/d/"})
        self.assertEqual(set(self.properties("d", depth="1")), {"/dav/d/", "/dav/d/a%20b.txt", "/dav/d/%C3%A9/"})
        self.assertEqual(set(self.properties("d/a%20b.txt", depth="1")), {"/dav/d/a%20b.txt"})
        self.assertEqual(set(self.properties("", depth="1")), {"/dav/", "/dav/d/"})
        for headers in ((("Depth", "infinity"),), ()):
            answer = self.ask("PROPFIND", "d", *headers)
            self.assertEqual((answer.status, b"propfind-finite-depth" in answer.body), (403, True))
        self.assertEqual(self.status("PROPFIND", "nothing", ("Depth", "0")), 404)

    def test_all(self) -> None:
        """Without a body, and for allprop, everything; for propname the names."""
        for body in (None, b'<propfind xmlns="DAV:"><allprop/></propfind>'):
            (found,) = self.properties("d/a%20b.txt", body).values()
            self.assertEqual(found["{DAV:}getcontentlength"].text, "5")
            self.assertEqual(found["{DAV:}displayname"].text, "a b.txt")
            self.assertNotIn("{DAV:}quota-available-bytes", found)
        (found,) = self.properties("d/a%20b.txt", b'<propfind xmlns="DAV:"><propname/></propfind>').values()
        self.assertIn("{DAV:}getetag", found)
        self.assertIsNone(found["{DAV:}getetag"].text)

    def test_some(self) -> None:
        """Those that are asked for, and which of them there are not."""
        answer = self.ask("PROPFIND", "d", ("Depth", "1"), body=prop("getcontentlength", "nonsense"))
        for response in ElementTree.fromstring(answer.body):
            is_file = (response.findtext("{DAV:}href") or "").endswith(".txt")
            statuses = {
                each.findtext("{DAV:}status"): [name.tag for name in each.find("{DAV:}prop")]  # type: ignore[union-attr]
                for each in response.findall("{DAV:}propstat")
            }
            missing = ["{DAV:}nonsense"] if is_file else ["{DAV:}getcontentlength", "{DAV:}nonsense"]
            self.assertEqual(sorted(statuses["HTTP/1.1 404 Not Found"]), missing)
            self.assertEqual("HTTP/1.1 200 OK" in statuses, is_file)

    def test_quota(self) -> None:
        """What can still be stored, and what is used, is told of folders where it is asked for."""
        names = prop("quota-available-bytes", "quota-used-bytes")
        found = self.properties("d", names, "1")
        for name in ("available", "used"):
            self.assertGreater(int(found["/dav/d/"][f"{{DAV:}}quota-{name}-bytes"].text), 1000)
        self.assertEqual(found["/dav/d/a%20b.txt"], {})
        body = b'<propfind xmlns="DAV:"><allprop/><include><quota-available-bytes/></include></propfind>'
        self.assertIn("{DAV:}quota-available-bytes", self.properties("d", body)["/dav/d/"])

    def test_dead(self) -> None:
        """Properties that were set are told with everything, and by name."""
        self.assertEqual(self.status("PROPPATCH", "d/a%20b.txt", body=SET), 207)
        asked = b'<propfind xmlns="DAV:"><prop><p xmlns="urn:x"/></prop></propfind>'
        for depth, path in (("0", "d/a%20b.txt"), ("1", "d")):
            for body in (asked, None):
                found = self.properties(path, body, depth)["/dav/d/a%20b.txt"]
                self.assertEqual(ElementTree.tostring(found["{urn:x}p"]).count(b"q"), 1)

    def test_way(self) -> None:
        """Of a directory that only leads to its folders an account sees neither properties nor locks."""
        self.assertEqual(self.status("PROPPATCH", "d", body=SET), 207)
        self.assertEqual(self.status("MKCOL", "d/%C3%A9/in"), 201)
        self.assertEqual(self.status("PROPPATCH", "d/%C3%A9", body=SET), 207)
        self.assertEqual(self.status("PROPPATCH", "d/%C3%A9/in", body=SET), 207)
        self.lock("d", ("Depth", "0"))
        self.lock("d/%C3%A9/in")
        self.narrow({"d/\u00e9/in": ALL})
        found = (
            self.properties("", depth="1") | self.properties("d", depth="1") | self.properties("d/%C3%A9", depth="1")
        )
        shown = {
            path: ("{urn:x}p" in names, len(names["{DAV:}lockdiscovery"]) > 0)
            for path, names in found.items()
            if path != "/dav/"
        }
        hidden = dict.fromkeys(("/dav/d/", "/dav/d/%C3%A9/"), (False, False))
        self.assertEqual(shown, {**hidden, "/dav/d/%C3%A9/in/": (True, True)})

    def test_bad(self) -> None:
        """What is no propfind, and what asks for too much."""
        for body in (
            b"<x/>",
            b'<x xmlns="DAV:"/>',
            b'<propfind xmlns="DAV:"/>',
            prop(*(f"p{each}" for each in range(300))),
            prop(*(f"p{each}{'n' * 1000}" for each in range(9))),
            b'<propfind xmlns="DAV:"><prop xmlns:x="%s"><x:a/><x:b/></prop></propfind>' % (b"u" * 5000),
        ):
            self.assertEqual(self.status("PROPFIND", "d", ("Depth", "0"), body=body), 400)

    def test_large_folder(self) -> None:
        """A folder of many files is sent piece by piece, all of it."""
        for number in range(1200):
            self.server.put(f"large/f{number:04}", b"x")
        answer = self.ask("PROPFIND", "large", ("Depth", "1"), body=prop("getcontentlength"))
        self.assertEqual(len(ElementTree.fromstring(answer.body)), 1201)
        self.assertEqual(answer.headers["transfer-encoding"], "chunked")


class CountedTurns(InlineWorkers):
    """Gives every account its turn at once, and counts the turns."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Count, and call."""
        self.turns += 1
        super().in_turn(call, *args)


class TurnsTests(DavCase):
    """A large folder."""

    def handlers(self, context: IServerContext) -> Mapping[str, IHandler]:
        self.workers = CountedTurns()
        return super().handlers(attrs.evolve(context, workers=self.workers))  # type: ignore[misc]

    def test_in_turn(self) -> None:
        """What is in it is described in parts, each at the account's turn; nothing is left out between them."""
        self.status("MKCOL", "d")
        for number in range(2 * ENTRIES_PER_TURN + 1):
            self.put(f"d/{number}", b"")
        before = self.workers.turns
        self.assertEqual(len(self.properties("d", depth="0")), 1)
        self.assertEqual(self.workers.turns, before, "the control")
        self.assertEqual(len(self.properties("d", depth="1")), 2 * ENTRIES_PER_TURN + 2)
        self.assertEqual(self.workers.turns, before + 2)
