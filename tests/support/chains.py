"""The contents that `tests.support.casworker` has stored: each names the one that it replaced."""

from __future__ import annotations

from homeftp.endpoint import ROOT, parse
from homeftp.model import ABSENT
from homeftp.store.cluster.store import ClusterStore
from tests.support.casworker import PATHS

_MOST = 1000
"""Bytes of a content, at most."""


def chains(store: ClusterStore) -> dict[str, list[str]]:
    """The hashes of each path, the first one first. Raises AssertionError where one content names another one."""
    history = store.history()
    assert history is not None
    found: dict[str, list[str]] = {path: [] for path in PATHS}
    for page in history.timelines(ROOT):
        for timeline in page:
            chain = found.get(timeline.name, [])
            contents = [
                (version.hash, history.open_version(parse(timeline.name), version.at_us).read(0, _MOST))
                for version in timeline.versions
            ]
            if timeline.current is not None and timeline.current.kind == "file":
                contents.append((timeline.current.hash, store.open(parse(timeline.name)).read(0, _MOST)))
            for hash, content in contents:
                before = chain[-1] if chain else ABSENT
                assert content.split()[-1].decode() == before, f"{timeline.name}: {content!r} follows {before}"
                chain.append(hash or "")
    return found
