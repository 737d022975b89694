"""The settings of server and client, and the limits that several packages share.

An owner or an application sets `Settings` (with `Limits` and `Retention`) and
`ClientTimeouts`; both are frozen and passed in, so that a test states what it
needs. The constants follow from the protocol or from measurements. A constant
that only one module needs is in that module, with a name and a reason
(tests/unit/test_constants.py). A figure that follows a precedent names it.
"""

from __future__ import annotations

import msgspec

KIB = 1024
MIB = 1024 * KIB

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""In seconds."""

DEFAULT_PORT = 8421
HTTPS_PORT = 8443
SFTP_PORT = 8022
METRICS_PORT = 9421
MAX_PORT = 2**16 - 1
ALPN = b"homeftp/1"
PROTOCOL_VERSION = 1

MAX_REQUEST_LINE = 16 * KIB
"""Bytes of a request's line without its ending. SMTP's lines have 512 (RFC 5321); a 4 KiB path, escaped, fits here."""

MAX_NAME = 256
"""Characters of a name in a message, at most: of a request type, a host, a device or an account."""

MAX_PASSWORD = 1024
"""Characters of a password, at most, wherever one is set or sent."""

MOST_LINK_SECONDS = int(366 * DAY)
"""How long a share link may work, at most."""

MOST_LINK_USES = 10_000
"""The highest limit of uses of a share link: more is as good as none."""

MAX_INVITATION = 9999
"""The largest number of an invitation: the code that people type begins with its four digits."""

MAX_RESPONSE_LINE = 256 * KIB
"""Bytes of a response's line without its ending; a page of a listing is the longest."""

LISTING_PAGE = 500
"""Entries in one page of a listing, at most."""

LISTING_PAGE_BYTES = MAX_RESPONSE_LINE * 3 // 4
"""Bytes of one page of a listing, as a store counts them: a front end encodes it, with its envelope, as one line."""

MAX_IN_FLIGHT = 64
"""Requests of one connection that are in progress at once, at most; then the server stops reading."""

SMALL_FILE = 64 * KIB
"""Files up to this many bytes are held in memory whole, and many of them are written in one job."""

BATCH_ENTRIES = 8192
"""Entries in the payload of one request, at most: a batch of small files. The next request's answer waits for it."""

BATCH_BYTES = 64 * MIB
"""Bytes of such a payload, at most."""

BATCH_JOB = 512
"""Entries of it that one job reads or writes, at most: a few hundredths of a second."""

PIECE = 256 * KIB
"""Bytes of a file that are read at once where one job reads all of it."""

STREAM_PIECE = 1 * MIB
"""Bytes of a large payload that are read or written at once, at most: each piece costs a switch of threads."""

MIN_PIECE = 32 * KIB
"""The smallest piece: where many clients send or fetch large files at once, each job moves little."""

STREAM_MEMORY = 8 * MIB
"""Bytes of the pieces of all large payloads together, as long as each has a `MIN_PIECE`."""

READ_BUFFER = 256 * KIB
"""Bytes taken from a socket at once, and written to it before the writer has to wait, at most; Twisted's 64 KiB
measured a fifth slower for large payloads."""

MIN_BUFFER = 32 * KIB
"""The smallest buffer: two TLS records."""

BUFFER_MEMORY = 4 * MIB
"""Bytes of all connections' buffers together, as long as each has a `MIN_BUFFER`: 16 connections have large ones."""

HEAP_SLACK = 4 * MIB
"""Free bytes that the server's heap may keep: two pieces of `STREAM_PIECE`, and those that they are joined from. With
half as much most pieces are paged in again, which takes a quarter of a second for each GiB."""

RESUMABLE = 1 * MIB
"""Bytes of an interrupted upload that must have arrived for it to be kept: fewer are sent again quickly."""

NAME_COST = 4 * KIB
"""The least that a quota counts for a name, of a file, a version or a directory: the block that most file systems take
for a small file or a directory. Without it an account could use up all inodes of a disk within its quota."""

RESERVED_SPACE = 64 * MIB
"""The default of `Limits.reserved`: two checkpoints. Of two uploads that compete for the end of a disk the first one
gets so much, and an account that declares everything and sends nothing keeps no more from the others."""

CHECKPOINT = 32 * MIB
"""Bytes after which the progress of an upload is recorded: after a crash so many are sent again, at most."""

PARTIAL_UPLOAD_SECONDS = 1 * DAY
"""How long an interrupted upload or download is kept to be resumed."""

SLICE = 8 * MIB
"""Bytes hashed in one job: 5 to 20 ms of a processor. The next slice queues again, behind those of others."""

GOODBYE_BYTES = 1 * MIB
"""Bytes that are read and discarded after the server has closed a connection: about what a client that was sending has
in flight when it learns of that. The connection of one that sends more is aborted."""

TLS_WRITE = 256 * KIB
"""Bytes given to TLS at once: less costs more calls; more costs memory and gains nothing measurable."""

SOCKET_WRITE = 1 * MIB
"""Bytes given to a socket at once; Twisted's 128 KiB measured a sixth slower: each write takes a turn of its own."""


MAX_ADDRESSES = 8
"""Addresses of one server that a client remembers, or that a server announces; the oldest is dropped first."""

MOST_LISTED = 2_000_000
"""Names, or versions, that a client takes in one listing, and responses to one request. So many entries of a listing
take about 100 MiB, directories left aside."""

MOST_DISCARDED = 64 * MIB
"""Bytes of an answer that a client reads only to throw them away; for more it is quicker to connect again."""

KEEPALIVE_SECONDS = 15
"""Silence after which a server that works on a request shows that it is there, to a client that asked for that."""

CLIENT_THREADS = 4
"""Threads of the command line's pool, which reads, hashes and writes local files."""

CLIENT_QUEUE = 1024
"""Jobs that may wait for that pool: more than a transfer begins at once."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one client's cost to the server. Times are seconds by the monotonic clock."""

    connections: int = 200
    """Connections at once; OpenSSH's MaxStartups and pyftpdlib have caps of this order."""
    connections_per_address: int = 40
    """Connections at once from one address: a household of five browsers, each with six connections, behind one router.
    All machines of a household are in one IPv6 network of 64 bits, so that such a network counts as one address only
    until they have logged in."""
    account_connections: int = 40
    """Connections at once of one account: two of each device of a household. With more it loses its oldest ones, so
    that it keeps no other account out."""
    unauthenticated: int = 64
    """Connections at once that have not logged in; OpenSSH starts to drop at 10, drops all at 100."""
    unauthenticated_per_address: int = 32
    """The most from one address, or one IPv6 network of 64 bits: those of a household that opens a page at once; half
    of what there may be, so that one network alone keeps no other waiting."""
    in_flight: int = MAX_IN_FLIGHT
    """Requests of one connection that are in progress at once."""
    account_in_flight: int = 4 * MAX_IN_FLIGHT
    """Requests of one account that run at once, over all its connections; the next wait until one is answered. Four
    clients at full speed; each holds a few kilobytes and perhaps a descriptor."""
    account_listings: int = 4
    """Listings and recursive removals of one account that are under way at once; the next wait until one has ended. A
    client needs one or two; each holds a page and some names, about a megabyte, for as long as its client reads."""
    account_watches: int = 16
    """Watches of one account at once: one of each device of a household, and of each of its programs."""
    account_properties: int = 20_000
    """WebDAV properties that an account may attach to files and folders: a fifth of those of all accounts. Programs
    attach a few to a file, most of them to none."""
    account_property_bytes: int = 16 * MIB
    """Bytes of them, with their names: a quarter of those of all accounts. No quota counts them."""
    watches: int = 64
    """Watches of all accounts at once. Each costs a look at every change, and up to 100 KiB while it is behind."""
    buffered: int = 1 * MIB
    """Bytes of payloads that one connection may keep in memory before the server stops reading from it."""
    request_memory: int = 20 * MIB
    """Bytes that the requests in progress and the waiting answers of all connections may hold together. An account may
    hold half of what others leave, a connection half of what its account's others leave of that: a single connection
    a quarter, which is four times what the protocol promises it."""
    file_size: int | None = None
    """Bytes of the largest file that may be pushed; None: no limit but free space."""
    reserved: int = RESERVED_SPACE
    """Bytes that one account's uploads may hold back from other accounts before they have arrived."""
    guesses: int = 20
    """Wrong passwords, and wrong codes of pairings, from one address within `guess_seconds`, over all connections."""
    guess_seconds: float = 600.0
    """The period in which wrong passwords and codes are counted."""
    login_attempts: int = 3
    """Failed logins on one connection before it is closed."""
    tls_seconds: float = 10.0
    """From the connection to the end of the TLS handshake."""
    login_seconds: float = 30.0
    """From the connection to a login; OpenSSH allows 120, rsync 60."""
    stall_seconds: float = 60.0
    """A begun line, a payload or an answer must make progress within this time: 1 KiB for each second of it."""
    stuck_seconds: float = 60.0
    """A request that makes no progress for so long is named in the log; nothing else is done to it."""
    shutdown_seconds: float = 7.0
    """How long requests in progress may take to end when the server stops; then they are aborted. Under 10 in all."""


class Retention(msgspec.Struct, frozen=True):
    """How long replaced and removed files are kept as versions, and how much of them: the oldest is dropped first."""

    seconds: float = 30 * DAY
    """0: no versions are kept."""
    percent: float | None = 20.0
    """Space of all versions together, in percent of the disk."""
    size: int | None = None
    """The most bytes, used where `percent` is None."""
    protected_seconds: float = 1 * DAY
    """Versions younger than this are not removed to make space for new files, so that what is replaced or removed by
    mistake, or by somebody else, can be put back on the next day even if the disk was full meanwhile."""

    def most(self, disk: int) -> int:
        """Bytes that all versions may occupy on a disk of `disk` bytes."""
        return int(disk * self.percent / 100) if self.percent is not None else self.size or 0


class ClientTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a client waits for its server, in seconds by the monotonic clock."""

    connect_seconds: float = 30.0
    """For a connection to be made, to any of the server's addresses."""
    attempt_seconds: float = 0.25
    """Between the attempts at two of a server's addresses (RFC 8305, section 8)."""
    tls_seconds: float = 10.0
    """From the connection to the end of the TLS handshake."""
    stall_seconds: float = 60.0
    """A begun line, a payload under way or unsent bytes must make progress within this time."""
    reconnect_seconds: float = 600.0
    """For a broken connection to be made again; starts anew whenever the transfer makes progress."""
    answer_seconds: float = 3600.0
    """For a response to begin, from a server that does not show that it is there: to compare a file of a terabyte it
    has to read it. Before a server has said whether it does, and where it does, `stall_seconds` count."""
    notice_seconds: float = 15.0
    """Silence after which a person is told, and then again after each such time."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's settings; `tap.py` makes them from the command line."""

    root: str
    """The store: the absolute path of a folder, or a URL that `homeftp.store.factory` opens."""
    state: str
    """The folder of keys, accounts, audit log and hash cache: an absolute path, mode 0700."""
    objects: str | None = None
    """The URL of the bucket for the bytes of files, where `root` is a database."""
    listen: tuple[str, ...] = (f"tcp:{DEFAULT_PORT}",)
    """Endpoint descriptions on which clients begin TLS with STARTTLS."""
    listen_tls: tuple[str, ...] = ()
    """Endpoint descriptions with TLS from the first byte."""
    https: tuple[str, ...] = ()
    """Endpoint descriptions on which the web page and WebDAV are served; none: there is no HTTPS."""
    sftp: tuple[str, ...] = ()
    """Endpoint descriptions on which SFTP is served; none: there is no SFTP."""
    metrics: tuple[str, ...] = ()
    """Endpoint descriptions on which monitoring systems are answered, in plaintext and without a login."""
    web_cert: str | None = None
    """The file of the web's certificate, and those above it; None: the home's CA makes one."""
    web_key: str | None = None
    """The file of its private key."""
    tls_minimum: str = "1.3"
    """The lowest TLS version that is accepted: "1.3", or "1.2" where the owner allows it."""
    pool_size: int = 4
    """Threads of the one pool that does all blocking work; fixed while the server runs."""
    pool_queue: int = 1024
    """Jobs of one account that may wait for the pool; past them a request of that account is answered BUSY."""
    auth_pool_size: int = 1
    """Threads of the pool that checks passwords: it is separate, so that guessing never delays file transfers."""
    auth_pool_queue: int = 32
    """Logins that may wait to be checked; past them a login is answered BUSY."""
    filetypes: tuple[str, ...] = ()
    """Suffixes that files must have, such as ".txt"; none: any file."""
    dispatchers: tuple[str, ...] = ()
    """Request types of third-party dispatchers that the owner enabled."""
    front_ends: tuple[tuple[str, str], ...] = ()
    """Third-party front ends that the owner named, each with the description of an endpoint."""
    plugin_dirs: tuple[str, ...] = ()
    """Folders with plugins: dispatchers, storage backends and front ends."""
    retention: Retention = Retention()
    """Which versions are kept."""
    scrub_seconds: float = 30 * DAY
    """Time from the beginning of one reading of all files and versions to that of the next; 0: they are never read."""
    audit_size: int = 16 * MIB
    """Bytes of the audit log after which a new file is begun: about fifty thousand lines."""
    audit_files: int = 20
    """Files of the audit log that are kept, the current one among them: at least 2."""
    audit_reads: bool = False
    """Whether files that are read, and folders that are listed, are recorded too."""
    watch_root: bool = False
    """Whether clients that watch are told what other programs change in the shared folder."""
    quota: int | None = None
    """Bytes that the store may hold, versions among them; None: no limit but free space."""
    similar_names: bool = False
    """Whether a new name may differ from one in the same directory only in case or compatibility form."""
    announce: bool = True
    """Whether the server announces itself by multicast DNS."""
    limits: Limits = msgspec.field(default_factory=Limits)
