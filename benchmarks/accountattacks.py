"""The attacks of accounts: each request type with the parameters that make it expensive."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from typing import Iterator

from attackkinds import HASH, WINDOW, Request, Target, attack, never_read, pump, repeated, unread
from homeftp.hashing.filehash import hash_bytes
from homeftp.wire.batch import encode_items
from tests.support.rawclient import RawClient
from victims import LARGE

BATCH = 8192
"""Entries."""

PIECE = bytes(64 * 1024)


def _compare(name: str) -> Request:
    return Request("CMP", {"rel_endpoint": name, "hash": HASH})


# -- hashing ---------------------------------------------------------------------------

repeated("CMP of a huge file x64", "reader", _compare("huge"))
repeated("CMP of a huge file x64, 18 connections", "reader", _compare("huge"), 18)
repeated("DELETE if the hash of 4 GiB is", "mallory", Request("DELETE", {"rel_endpoint": "huger", "if_hash": HASH}))
repeated("PUSH if the hash of 4 GiB is", "mallory", Request("PUSH", {"rel_endpoint": "huger", "if_hash": HASH}, b"x"))


@attack("CMP of 64 large files", "reader")
def _compare_large(target: Target, client: RawClient, number: int, until: float) -> None:
    pump(client, until, (_compare(f"large/{each % LARGE:02}") for each in itertools.count()))


repeated("digest of a changed tree", "mallory", Request("CMP", {"rel_endpoint": "compared", "full_digest": HASH}), 4)
repeated(
    "listing with hashes", "reader", Request("GET", {"rel_endpoint": "compared", "recursive": True, "hashes": True})
)
repeated("VERIFY of everything", "reader", Request("VERIFY", {"rel_endpoint": ""}), 4, 16)

# -- listings and versions ---------------------------------------------------------------

LISTING = Request("GET", {"rel_endpoint": "", "recursive": True})
never_read("listings x64, 5 connections, unread", "reader", LISTING, 5)
repeated("listings x64, 5 connections", "reader", LISTING, 5)
never_read("VERSIONS x64, unread", "reader", Request("VERSIONS", {"rel_endpoint": ""}))
repeated("VERSIONS x16", "reader", Request("VERSIONS", {"rel_endpoint": ""}), 1, 16)
repeated("listing as of long ago", "reader", Request("GET", {"rel_endpoint": "", "recursive": True, "as_of": 1}), 4)
repeated("GET of a file as of long ago", "reader", Request("GET", {"rel_endpoint": "versioned/one", "as_of": 1}), 4)
never_read(
    "GET of a file as of long ago, unread", "reader", Request("GET", {"rel_endpoint": "versioned", "as_of": 1}), 5
)
repeated("PRUNE, dry", "reader", Request("PRUNE", {"rel_endpoint": "versioned", "dry_run": True}), 4)
RESTORE = {"rel_endpoint": "versioned", "recursive": True}
repeated("RESTORE of a tree, dry", "mallory", Request("RESTORE", {**RESTORE, "dry_run": True}), 4)
repeated("RESTORE of a tree", "mallory", Request("RESTORE", {**RESTORE, "as_of": 1}), 2, 4)
repeated(
    "who wrote it", "reader", Request("CMP", {"rel_endpoint": "compared/d000/f0000", "hash": HASH, "writer": True})
)

# -- names ---------------------------------------------------------------------------------

DEEP = "/".join(["a"] * 2000)
repeated("paths of 2,000 parts x60", "reader", _compare(DEEP), 1, 60)


@attack("PUSH in paths of 128 parts", "adder")
def _push_deep(target: Target, client: RawClient, number: int, until: float) -> None:
    way = "/".join(["a"] * 120)
    paths = (f"deep/{os.getpid()}-{each}/{way}/x" for each in itertools.count())
    pump(client, until, (Request("PUSH", {"rel_endpoint": path}, b"x") for path in paths))


@attack("names too similar to 100,000", "adder")
def _push_similar(target: Target, client: RawClient, number: int, until: float) -> None:
    pump(
        client,
        until,
        (Request("PUSH", {"rel_endpoint": f"many/F{each % 100000:06}"}, b"x") for each in itertools.count()),
    )


# -- changes ---------------------------------------------------------------------------------


def _batch(prefix: str, entries: int, content: bytes = b"x") -> bytes:
    content_hash = hash_bytes(content)
    return encode_items(({"name": f"{prefix}{each:05}", "hash": content_hash}, content) for each in range(entries))


@attack("small PUSHes", "mallory", 4)
def _push_small(target: Target, client: RawClient, number: int, until: float) -> None:
    paths = (f"pushed/{number}-{each % 1000}" for each in itertools.count())
    pump(client, until, (Request("PUSH", {"rel_endpoint": path}, b"content") for path in paths))


@attack("PUSH of batches", "mallory", 2)
def _push_batches(target: Target, client: RawClient, number: int, until: float) -> None:
    payload = _batch(f"c{number}-", BATCH)
    pump(client, until, itertools.repeat(Request("PUSH", {"rel_endpoint": "batch", "kind": "batch"}, payload)), 2)


@attack("PUSH of batches in new directories", "mallory", 2)
def _push_directories(target: Target, client: RawClient, number: int, until: float) -> None:
    content_hash = hash_bytes(b"x")
    for each in itertools.count():
        if time.monotonic() > until:
            return
        entries = ({"name": f"{number}-{each}/d{entry}/x", "hash": content_hash} for entry in range(BATCH))
        payload = encode_items((entry, b"x") for entry in entries)
        client.ask("PUSH", {"rel_endpoint": "folders", "kind": "batch"}, payload)


@attack("GET of batches, unread", "reader", 4)
def _get_batches(target: Target, client: RawClient, number: int, until: float) -> None:
    payload = encode_items(({"name": f"f{each:06}"}, b"") for each in range(BATCH))
    unread(client, until, [Request("GET", {"rel_endpoint": "many", "batch": True}, payload)] * WINDOW)


@attack("large PUSHes", "mallory", 2)
def _push_large(target: Target, client: RawClient, number: int, until: float) -> None:
    size = 200 * len(PIECE)
    for each in itertools.count():
        client.send("PUSH", {"rel_endpoint": f"pushed/large{number}-{each % 4}"}, b"", content_length=size)
        for _ in range(200):
            client.socket.sendall(PIECE)
        client.answer()
        if time.monotonic() > until:
            return


@attack("space that is declared and trickled", "adder", 8)
def _trickle(target: Target, client: RawClient, number: int, until: float) -> None:
    client.send("PUSH", {"rel_endpoint": f"trickled{number}-{os.getpid()}"}, content_length=1 << 40)
    with contextlib.suppress(OSError):
        while time.monotonic() < until:
            client.socket.sendall(bytes(1024))
            time.sleep(0.5)


@attack("times in the near future", "mallory", 2)
def _near_future(target: Target, client: RawClient, number: int, until: float) -> None:
    def requests() -> Iterator[Request]:
        for each in itertools.count():
            mtime = int(time.time() * 1e6) + 20_000
            body = {"rel_endpoint": f"future/{number}-{each % 16}", "meta_data": [["mtime_us", mtime]]}
            yield Request("PUSH", body, b"content")
            yield Request("CMP", {"rel_endpoint": body["rel_endpoint"], "hash": HASH})
            yield Request("PUSH", {"rel_endpoint": body["rel_endpoint"], "if_hash": HASH}, b"x")

    pump(client, until, requests())


@attack("COPY of a huge file", "mallory", 4)
def _copy_huge(target: Target, client: RawClient, number: int, until: float) -> None:
    pump(client, until, itertools.repeat(Request("COPY", {"rel_endpoint": "huge", "to": f"copied{number}"})), 2)


@attack("COPY of small files", "mallory", 2)
def _copy_small(target: Target, client: RawClient, number: int, until: float) -> None:
    copies = (f"copies/{number}-{each % 500}" for each in itertools.count())
    pump(client, until, (Request("COPY", {"rel_endpoint": "compared/d000/f0000", "to": each}) for each in copies))


@attack("MOVE of a large tree", "mallory")
def _move_tree(target: Target, client: RawClient, number: int, until: float) -> None:
    client.ask("CMP", {"rel_endpoint": "moved", "full_digest": HASH})
    names = itertools.cycle([("moved", "a folder/with a longer name"), ("a folder/with a longer name", "moved")])
    for source, to in names:
        client.ask("MOVE", {"rel_endpoint": source, "to": to})
        if to == "moved" and time.monotonic() > until:
            return


@attack("MOVE of small files", "mallory", 2)
def _move_small(target: Target, client: RawClient, number: int, until: float) -> None:
    one, other = f"moves/{number}-a", f"moves/{number}-b"
    client.ask("PUSH", {"rel_endpoint": one}, b"content")
    moves = itertools.cycle([{"rel_endpoint": one, "to": other}, {"rel_endpoint": other, "to": one}])
    pump(client, until, (Request("MOVE", each) for each in moves))


@attack("DELETE of a large tree", "mallory")
def _delete_tree(target: Target, client: RawClient, number: int, until: float) -> None:
    while time.monotonic() < until:
        client.ask("DELETE", {"rel_endpoint": "removed", "recursive": True})
        client.ask("RESTORE", {"rel_endpoint": "removed", "recursive": True})


@attack("PRUNE of new versions", "mallory", 2)
def _prune(target: Target, client: RawClient, number: int, until: float) -> None:
    payload = _batch(f"p{number}-", 1000)
    while time.monotonic() < until:
        for _ in range(2):
            client.ask("PUSH", {"rel_endpoint": f"pruned{number}", "kind": "batch"}, payload)
        client.ask("PRUNE", {"rel_endpoint": f"pruned{number}"})


@attack("WATCH x16 beside a storm of changes", "mallory", 18)
def _watch(target: Target, client: RawClient, number: int, until: float) -> None:
    if number < 16:
        unread(client, until, [Request("WATCH", {"rel_endpoint": ""})])
    else:
        paths = (f"watched/{number}-{each}" for each in itertools.count())
        pump(client, until, (Request("PUSH", {"rel_endpoint": path}, b"content") for path in paths))


@attack("SETSTAT", "mallory", 2)
def _set_metadata(target: Target, client: RawClient, number: int, until: float) -> None:
    times = ([["mtime_us", each]] for each in itertools.count(1))
    pump(client, until, (Request("SETSTAT", {"rel_endpoint": "compared", "meta_data": each}) for each in times))


# -- reading ---------------------------------------------------------------------------------

never_read("GET of large files, unread", "reader", Request("GET", {"rel_endpoint": "large/00"}), 18)
repeated("GET of large files", "reader", Request("GET", {"rel_endpoint": "large/00"}), 2, 2)
repeated("CMP of small files", "reader", _compare("compared/d000/f0000"), 4)
repeated("GET of small files", "reader", Request("GET", {"rel_endpoint": "compared/d000/f0000"}), 4)
repeated("requests that are refused", "reader", Request("DELETE", {"rel_endpoint": "compared"}), 4)
repeated("unknown requests", "reader", Request("NOTHING", {"rel_endpoint": "x" * 8000}), 4)


@attack("half lines and slow lines", "reader", 18)
def _slow(target: Target, client: RawClient, number: int, until: float) -> None:
    with contextlib.suppress(OSError):
        client.socket.sendall(b'{"request_type": "GET", "body": {"rel_endpoint": "')
        while time.monotonic() < until:
            client.socket.sendall(b"x")
            time.sleep(0.002)
