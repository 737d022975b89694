"""PROPPATCH."""

from __future__ import annotations

from xml.etree import ElementTree

from homeftp.accounts.access import AccessTable
from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.server.http.dav.properties.live import WINDOWS
from homeftp.store.policy.rights import parse_rights
from tests.support.davcases import DavCase

DATE = "Wed, 01 May 2024 10:40:00 GMT"
MTIME_US = 1_714_560_000_000_000


def update(*properties: str, instruction: str = "set") -> bytes:
    """The body that sets or removes these, which are XML; W is the namespace of Windows."""
    inner = f"<D:{instruction}><D:prop>{''.join(properties)}</D:prop></D:{instruction}>"
    return f'<D:propertyupdate xmlns:D="DAV:" xmlns:W="{WINDOWS}" xmlns:x="urn:x">{inner}</D:propertyupdate>'.encode()


class ProppatchTests(DavCase):
    """Changes of properties."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", b"x")

    def patched(self, body: bytes, path: str = "a") -> dict[str, str]:
        """The status of each property."""
        answer = self.ask("PROPPATCH", path, body=body)
        self.assertEqual(answer.status, 207, answer.body)
        return {
            each.tag: (propstat.findtext("{DAV:}status") or "").split()[1]
            for propstat in ElementTree.fromstring(answer.body).iter("{DAV:}propstat")
            for each in propstat.find("{DAV:}prop")  # type: ignore[union-attr]
        }

    def test_mtime(self) -> None:
        """Windows, and others in their ways, give a file its time."""
        for name in ("W:Win32LastModifiedTime", "D:getlastmodified", "D:lastmodified"):
            self.put("a", b"x")
            self.assertEqual(set(self.patched(update(f"<{name}>{DATE}</{name}>")).values()), {"200"})
            found = self.server.store.stat(parse("a"))
            assert found is not None
            self.assertEqual(found.mtime_us, MTIME_US, name)
            bad = self.patched(update(f"<{name}>yesterday</{name}>"))
            self.assertEqual(set(bad.values()), {"409"})

    def test_windows(self) -> None:
        """What Windows sets after an upload succeeds."""
        names = ("Win32CreationTime", "Win32LastAccessTime", "Win32LastModifiedTime")
        body = update(
            *(f"<W:{each}>{DATE}</W:{each}>" for each in names), "<W:Win32FileAttributes>20</W:Win32FileAttributes>"
        )
        self.assertEqual(set(self.patched(body).values()), {"200"})
        self.assertEqual(len(self.patched(body)), 4)

    def test_dead(self) -> None:
        """Others are kept, and removed, with success also where there are none."""
        self.assertEqual(
            self.patched(update("<x:p>1</x:p>", "<x:q><y/></x:q>")), {"{urn:x}p": "200", "{urn:x}q": "200"}
        )
        self.assertEqual(len(self.database.of(parse("a"))), 2)
        self.assertEqual(self.patched(update("<x:p/>", "<x:z/>", instruction="remove"))["{urn:x}z"], "200")
        self.assertEqual(set(self.database.of(parse("a"))), {("urn:x", "q")})

    def test_reserved_namespace(self) -> None:
        """A property of XML's own namespace, and one with such an element in it, are told as XML to all who ask."""
        self.patched(update("<xml:p>1</xml:p>", "<x:q><xml:r/></x:q>"))
        answer = self.ask("PROPFIND", "", ("Depth", "1"))
        told = {each.tag: each for each in ElementTree.fromstring(answer.body).iter()}
        self.assertEqual(told["{http://www.w3.org/XML/1998/namespace}p"].text, "1")
        self.assertIn("{http://www.w3.org/XML/1998/namespace}r", told)

    def test_protected(self) -> None:
        """What only the server sets is refused, and with it all others of the request."""
        told = self.patched(update("<D:getetag>x</D:getetag>", "<x:p>1</x:p>"))
        self.assertEqual(told, {"{DAV:}getetag": "403", "{urn:x}p": "424"})
        self.assertEqual(self.database.of(parse("a")), {})
        self.assertEqual(
            self.patched(update("<D:getlastmodified/>", instruction="remove")), {"{DAV:}getlastmodified": "403"}
        )

    def test_refused(self) -> None:
        """Bodies that ask for nothing or for too much, what is not there, and what the account may not change."""
        for body in (b"", b"<x/>", update(), update(*(f"<x:p{each}/>" for each in range(300)))):
            self.assertEqual(self.status("PROPPATCH", "a", body=body), 400)
        self.assertEqual(self.status("PROPPATCH", "nothing", body=update("<x:p/>")), 404)
        self.assertEqual(self.status("PROPPATCH", "a", body=update("<x:p>" + "y" * 20_000 + "</x:p>")), 507)
        self.server.state.add_account("ann", None)
        AccessTable(self.server.state).set_rights("ann", parse_rights("read"))
        self.assertEqual(self.status("PROPPATCH", "a", body=update("<x:p/>")), 403)

    def test_followed(self) -> None:
        """Properties go with a file that somebody moves or removes without WebDAV."""
        body = b'<propertyupdate xmlns="DAV:"><set><prop><p xmlns="urn:x">1</p></prop></set></propertyupdate>'
        asked = b'<propfind xmlns="DAV:"><prop><p xmlns="urn:x"/></prop></propfind>'
        self.put("one", b"x")
        self.assertEqual(self.status("PROPPATCH", "one", body=body), 207)
        self.server.store.move(parse("one"), parse("two"), None, None)
        (found,) = self.properties("two", asked).values()
        self.assertEqual(found["{urn:x}p"].text, "1")
        self.assertEqual(sum(self.server.store.remove(parse("two"), None, False)), 1)
        self.put("two", b"y")
        self.assertEqual(list(self.properties("two", asked).values()), [{}])


class BoundTests(DavCase):
    """An account that may have two properties."""

    limits = Limits(account_properties=2)

    def test_too_many(self) -> None:
        """One more is refused with 507, in words; where one is removed, another one can be set."""
        for name in ("a", "b", "c"):
            self.put(name, b"x")
        statuses = [self.status("PROPPATCH", name, body=update("<x:p/>")) for name in ("a", "b")]
        self.assertEqual(statuses, [207, 207])
        answer = self.ask("PROPPATCH", "c", body=update("<x:p/>"))
        self.assertEqual(answer.status, 507)
        self.assertIn(b"too many WebDAV properties", answer.body)
        self.assertEqual(self.status("PROPPATCH", "a", body=update("<x:p/>", instruction="remove")), 207)
        self.assertEqual(self.status("PROPPATCH", "c", body=update("<x:p/>")), 207)
