"""Every default and every limit, frozen; the server's, the client's and the wire's.

Nothing else in the house holds such a number. A value is passed in, never
looked up, so a test states what it needs. Where a figure follows a
precedent, the precedent stands beside it.
"""

from __future__ import annotations

import attrs

KIB = 1024
MIB = 1024 * KIB

HOUR = 60 * 60.0
DAY = 24 * HOUR
"""In seconds."""

DEFAULT_PORT = 8421
ALPN = b"homeftp/1"
PROTOCOL_VERSION = 1

MAX_REQUEST_LINE = 16 * KIB
"""Bytes of a request's line without its ending. SMTP's lines have 512 (RFC 5321); a 4 KiB path, escaped, fits here."""

MAX_RESPONSE_LINE = 256 * KIB
"""Bytes of a response's line without its ending; a page of a listing is the longest."""

LISTING_PAGE = 500
"""Entries in one `more` line of a listing, at most."""

MAX_IN_FLIGHT = 64
"""Requests of one connection that are being answered; then the server stops reading."""

SMALL_FILE = 64 * KIB
"""Content up to this many bytes is held in memory whole, and many such files go through the disk as one job."""

PIECE = 256 * KIB
"""Bytes that go to or from the disk in one job while a large file streams."""

STREAM_PIECE = 1 * MIB
"""Bytes of a large payload that are handed to its reader at once, at most: each time costs a switch of threads."""

STREAM_MEMORY = 8 * MIB
"""Bytes that all large payloads together may hold, as long as that gives each a `PIECE`."""

READ_BUFFER = 256 * KIB
"""Bytes taken from a socket at once; Twisted's 64 KiB measured a fifth slower for large payloads."""

HEAP_SLACK = 2 * MIB
"""Free bytes that the server's heap may keep: twice the largest piece; with half of it each piece is paged in anew."""

RESUMABLE = 1 * MIB
"""Bytes of a file that must have arrived before a cut, for it to be worth keeping them."""

CHECKPOINT = 32 * MIB
"""Bytes after which it is noted what has arrived of a large file: so many are sent again after a crash, at most."""

FRAGMENT_SECONDS = 24 * 60 * 60
"""For how long what has arrived of a file that was cut off is kept."""

SLICE = 64 * MIB
"""Bytes hashed in one job; then the work queues again, so that a huge file does not shut out a small one."""

GOODBYE_BYTES = 1 * MIB
"""Bytes that are read and thrown away after the goodbye: a client that was sending has about so much on its way when it
hears of it. One that goes on does not listen, and is cut off."""

TLS_WRITE = 256 * KIB
"""Bytes given to TLS at once: less costs more calls, more costs memory and gains nothing measurable."""

SOCKET_WRITE = 1 * MIB
"""Bytes given to a socket at once; Twisted's 128 KiB measured a sixth slower: each write takes a turn of its own."""


MAX_ADDRESSES = 8
"""Addresses of one server that a client remembers; the one that worked longest ago makes way."""

CLIENT_THREADS = 4
"""Threads of the command line's pool, which reads, hashes and writes local files."""


@attrs.frozen(kw_only=True)
class Limits:
    """What one peer may cost us. Times are seconds by the monotonic clock."""

    connections: int = 200
    """Connections at once; OpenSSH's MaxStartups and pyftpdlib have caps of this order."""
    connections_per_address: int = 20
    """Connections at once from one address."""
    unauthenticated: int = 30
    """Connections at once that have not logged in; OpenSSH starts to drop at 10, drops all at 100."""
    in_flight: int = MAX_IN_FLIGHT
    """Requests of one connection that are being answered at once."""
    buffered: int = 1 * MIB
    """Bytes of payload or of unsent answers that one connection may keep in memory before it is paused."""
    file_size: int | None = None
    """Bytes of the largest file that may be pushed; None: only the disk decides."""
    guesses: int = 20
    """Wrong passwords, and wrong codes of pairings, from one address within `guess_seconds`, over all connections."""
    guess_seconds: float = 600.0
    pairings: int = 100
    """Wrong codes of pairings within `guess_seconds`, from all addresses together."""
    login_attempts: int = 3
    """Failed logins on one connection before it is closed."""
    tls_seconds: float = 10.0
    """From the connection to the end of the TLS handshake."""
    login_seconds: float = 30.0
    """From the connection to a login; OpenSSH allows 120, rsync 60."""
    stall_seconds: float = 60.0
    """A begun line, a payload or an answer must make progress within this time: 1 KiB for each second of it."""
    overdue_seconds: float = 60.0
    """A request that gets nowhere for so long while it is worked on is named in the log; nothing is done to it."""
    shutdown_seconds: float = 7.0
    """After SIGTERM, for what is in flight to end; then it is aborted, and all is closed within 10."""


@attrs.frozen
class Retention:
    """For how long what is replaced or removed is kept as a version, and how much of it: the oldest goes first."""

    seconds: float = 30 * 24 * 60 * 60.0
    """0: no versions are kept."""
    percent: float | None = 20.0
    """All versions on a disk together, at most, in percent of the disk."""
    size: int | None = None
    """The same in bytes, where `percent` is None."""

    def most(self, disk: int) -> int:
        """Bytes that versions may take up on a disk of so many."""
        return int(disk * self.percent / 100) if self.percent is not None else self.size or 0


@attrs.frozen(kw_only=True)
class Patience:
    """How long a client waits for its server: seconds by the monotonic clock."""

    connect_seconds: float = 30.0
    """For the connection itself, all of a host's addresses together."""
    attempt_seconds: float = 0.25
    """From the attempt at one of a server's addresses to that at the next (RFC 8305, section 8)."""
    tls_seconds: float = 10.0
    """From the connection to the end of the TLS handshake."""
    stall_seconds: float = 60.0
    """A begun line, a payload under way or unsent bytes must make progress within this time."""
    reconnect_seconds: float = 600.0
    """For a broken connection to be made again, counted anew whenever the transfer has got on."""
    answer_seconds: float = 3600.0
    """For an answer to begin: to compare a file of a terabyte the server has to read it."""


@attrs.frozen(kw_only=True)
class Settings:
    """What the server's owner decides; `tap.py` makes one from the command line."""

    root: str
    """The folder that is shared: an absolute path."""
    state: str
    """The folder of keys, accounts and the hash index: an absolute path, mode 0700."""
    listen: tuple[str, ...] = (f"tcp:{DEFAULT_PORT}",)
    """Endpoint descriptions that begin in plaintext and go on after STARTTLS."""
    listen_tls: tuple[str, ...] = ()
    """Endpoint descriptions that are TLS from the first byte."""
    tls_minimum: str = "1.3"
    """The lowest TLS version: "1.3", or "1.2" where the owner opts down."""
    pool_size: int = 4
    """Threads of the one pool that does all blocking work; fixed while the server runs."""
    pool_queue: int = 1024
    """Jobs that may wait for the pool; past them a request is answered BUSY."""
    auth_pool_size: int = 1
    """Threads of the pool that checks passwords, so that guessing never holds up files."""
    auth_pool_queue: int = 32
    """Logins that may wait to be checked; past them a login is answered BUSY."""
    filetypes: tuple[str, ...] = ()
    """Suffixes that files must have, such as ".txt"; none: any file."""
    dispatchers: tuple[str, ...] = ()
    """Request types of third-party dispatchers that the owner enabled."""
    plugin_dirs: tuple[str, ...] = ()
    """Folders with single-file dispatchers."""
    retention: Retention = Retention()
    """What is kept of what is replaced."""
    audit_size: int = 16 * MIB
    """Bytes of the audit log after which a new file is begun: some fifty thousand lines."""
    audit_files: int = 20
    """Files of the audit log that are kept, at least 2: with the one that is written."""
    quota: int | None = None
    """Bytes that the root may hold, versions among them; None: only the disk decides."""
    attended: bool = False
    """Whether a person sees what the server says when it starts, and not a log that others may read."""
    similar_names: bool = False
    """Whether a new name may differ from one beside it in case or compatible form alone."""
    announce: bool = True
    """Whether the server tells its network that it is there, where the extra for that is installed."""
    limits: Limits = attrs.field(factory=Limits)
