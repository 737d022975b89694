"""The bucket of a cluster: the five things that are asked of it, and no others that it has to know.

An object is written once, under a name that nothing had before, and is never changed (but for that of the owner): PUT
of a new key, GET of a range, DELETE, LIST, and that what was put can be read at once. In everything else servers of the
S3 protocol differ (docs/decisions/cluster), also in whether a PUT may have a condition. All of it blocks.
"""

from __future__ import annotations

import contextlib
import random
import re
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, Iterator, Literal, Mapping, Sequence, TypeVar

import msgspec
import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore as BucketInMemory
from obstore.store import S3Store

from homeftp.cluster.breaker import TRY_SECONDS, CircuitBreaker
from homeftp.cluster.credentials import bucket_keys
from homeftp.cluster.faults import is_without_bucket, refusal_of, silent_bucket
from homeftp.config import MIB
from homeftp.errors import Busy, OperatorError
from homeftp.workers.deadline import OPERATION_SECONDS, OperationDeadline, operation

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import S3Config

T = TypeVar("T")

Range = tuple[int, int]
"""Where some bytes of an object begin, and how many they are."""

NAME_BYTES = 16
"""Random bytes in the name of an object: no two servers ever choose the same."""

_FAN_OUT = 2
"""Characters of the name that are a folder of their own: some servers keep a folder's names in one list."""

_PAGE = 1000
"""Objects in one page of a listing: that is what S3 gives at once."""

_GAP = MIB
"""Bytes between two ranges that are fetched as well, rather than with a request of their own."""

RETRIES = 3
"""How often a request is tried again, as long as there is time."""

SHORTEST_SECONDS = 1
"""The least time that a request has."""

PAUSE_SECONDS = 0.1
"""Before the first of these, at most; before each other one twice as long."""

SETTLED_SECONDS = 2.0
"""Time after which other writers that replace an object at the same time have done so."""

_SAMPLE = b"homeftp looks whether this bucket can be used"
"""The content of the object that the check writes."""

_SAMPLE_RANGE = (2, 5)
"""The range of the object that the check reads."""

_SCHEME = "s3://"

_NO_CONDITIONS = "status code: 501"
"""Words of the library where a server of S3 knows no conditions: RFC 9110."""

_BEYOND_END = ("status code: 416", "Invalid range")
"""Words of the library where a range begins behind the end of an object: RFC 9110, and the bucket in memory."""


class BucketTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long the bucket may take, in seconds. A full Ceph answers nothing, rather than that it is full."""

    operation: float = OPERATION_SECONDS
    """For an operation that is no part of another one, with all that waits in it."""
    connect: float = 3.0
    """For a connection to be made."""


Store = S3Store | BucketInMemory
"""The stores of obstore."""

Within = Callable[[float], Store]
"""The same store, for requests that take so many seconds at most."""

_FAULTS = (BaseError, OSError, ValueError)
"""The exceptions of obstore, whatever went wrong."""

_NAME = re.compile(f"[0-9a-f]{{{_FAN_OUT}}}/[0-9a-f]{{{2 * NAME_BYTES - _FAN_OUT}}}")

NAME_FOLDERS = tuple(f"{number:0{_FAN_OUT}x}/" for number in range(16**_FAN_OUT))
"""The folders in which all objects of these names are."""


def is_object_name(name: str) -> bool:
    """Whether a name looks like one that `Bucket.new_name` gives."""
    return _NAME.fullmatch(name) is not None


class ObjectMissing(Exception):
    """There is no such object in the bucket, or it is shorter than it was."""


class Bucket:
    """The objects of a cluster. Safe in several threads."""

    def __init__(
        self,
        store: Store,
        prefix: str = "",
        *,
        within: Within | None = None,
        seconds: float = OPERATION_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`seconds`: what an operation may take that is no part of another one; `pause` waits for so many seconds."""
        self._store = store
        self._within = within or (lambda seconds: store)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._seconds = seconds
        self._pause = pause
        self._breaker = CircuitBreaker()
        self._before_put: Callable[[], None] = lambda: None
        self._on_missing: Callable[[], None] = lambda: None

    def new_name(self) -> str:
        """A name that no object had before."""
        name = secrets.token_hex(NAME_BYTES)
        return f"{name[:_FAN_OUT]}/{name[_FAN_OUT:]}"

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Write a new object; it is durable when this returns, as far as the bucket is.

        The content is not copied, and must not be changed any more. Raises `Busy` (51), and `NoSpace` (52).
        """
        self._before_put()
        self._ask(obstore.put, self._key(name), content, use_multipart=False)

    def guard(self, before_put: Callable[[], None], on_missing: Callable[[], None]) -> None:
        """Call the first before each object is put, and the second where a named one is missing; both may raise."""
        self._before_put, self._on_missing = before_put, on_missing

    def create(self, name: str, content: bytes) -> bool:
        """Write an object, unless there is one of that name; whether it was. Raises `Busy` (51), and `NoSpace` (52).

        A server of S3 that knows no conditions, or leaves them out, replaces what is there. An answer may be lost, so
        False may also mean that it was written.
        """
        return self._ask(_put_if, self._key(name), content, "create")

    def replace(self, name: str, old: bytes, new: bytes) -> bool:
        """Write an object that is to be replaced as long as it is `old`; whether it is `new` a while later.

        A server of S3 that knows no conditions, or leaves them out, replaces what is there: of several writers at once,
        all but the last find another content then. Raises `Busy` (51), and `NoSpace` (52).
        """
        self._ask(_replace, self._key(name), old, new)
        self._pause(SETTLED_SECONDS)
        try:
            return self.get(name, 0, len(new)) == new
        except ObjectMissing:
            return False

    def get(self, name: str, start: int, length: int) -> bytes:
        """Bytes of an object. Raises `ObjectMissing`, and `Busy` (51)."""
        return self.get_many(name, [(start, length)])[0]

    def get_many(self, name: str, ranges: Sequence[Range]) -> list[bytes]:
        """Several ranges of one object, fetched together where they are close. Raises `ObjectMissing`, `Busy` (51)."""
        try:
            return self._get_ranges(name, ranges)
        except ObjectMissing:
            if is_object_name(name):
                self._on_missing()
            raise

    def _get_ranges(self, name: str, ranges: Sequence[Range]) -> list[bytes]:
        found: dict[Range, bytes] = {}
        for together in _close(ranges):
            begin, end = together[0][0], max(start + length for start, length in together)
            # not by the library's get_ranges: it panics where the object is shorter than the ranges
            view = memoryview(self._ask(obstore.get_range, self._key(name), start=begin, end=end))
            found.update(((start, size), bytes(view[start - begin : start - begin + size])) for start, size in together)
        if any(len(content) != size for (_, size), content in found.items()):
            raise ObjectMissing(f"{name} is shorter than it was")
        return [found[each] for each in ranges]

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; one that does not exist is no failure. Raises `Busy` (51)."""
        for name in names:
            try:
                self._ask(obstore.delete, self._key(name))
            except ObjectMissing:  # noqa: PERF203 (each by itself)
                continue

    def list(self, beneath: str = "") -> Iterator[list[tuple[str, int]]]:
        """The names of all objects, or of those beneath `FOLDER/`, and their sizes, in pages. Raises `Busy` (51)."""
        pages = iter(obstore.list(self._store, prefix=self._key(beneath) or None, chunk_size=_PAGE))
        while (page := self._next(pages)) is not None:
            yield [(each["path"][len(self._prefix) :], each["size"]) for each in page]

    def probe(self) -> None:
        """Ask for an object that does not exist, which costs one request. Raises `Busy` (51)."""
        with contextlib.suppress(ObjectMissing):
            self.get(self.new_name(), 0, 1)

    def _next(self, pages: Iterator[T]) -> T | None:
        try:
            return next(pages, None)
        except _FAULTS as error:
            raise _refused(error) from error

    def _ask(self, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """The result of a call, tried again as long as there is time. Raises `ObjectMissing`, `Busy` and `NoSpace`."""
        with operation(self._seconds) as deadline:
            self._try_out(deadline)
            pause = PAUSE_SECONDS
            refused: Exception = silent_bucket()
            for attempt in range(RETRIES + 1):
                if attempt:
                    self._pause(min(random.uniform(0, pause), deadline.left()))
                    pause *= 2
                    if deadline.left() < SHORTEST_SECONDS:
                        break
                try:
                    return call(self._within(deadline.left()), *arguments, **options)
                except _FAULTS as error:
                    refused = _refused(error)
                    refused.__cause__ = error
                    if not isinstance(refused, Busy):
                        break
            if deadline.left() < SHORTEST_SECONDS:
                self._breaker.doubt()
            raise refused

    def _try_out(self, deadline: OperationDeadline) -> None:
        """Where the bucket has not answered, ask for something that does not exist, before anything waits for long."""
        if self._breaker.is_open:
            raise silent_bucket()
        if not self._breaker.is_doubtful:
            return
        store, absent = self._within(min(TRY_SECONDS, deadline.left())), self._key(self.new_name())
        try:
            obstore.get_range(store, absent, start=0, end=1)
        except FileNotFoundError:
            self._breaker.answered()
        except _FAULTS as error:
            self._breaker.failed()
            raise _refused(error) from error

    def check(self) -> None:
        """Try the five things that are asked of a bucket. Raises `OperatorError`, which says what does not work."""
        name = self.new_name()
        self._try("write an object", lambda: obstore.put(self._store, self._key(name), _SAMPLE, use_multipart=False))
        start, end = _SAMPLE_RANGE
        key = self._key(name)
        found = self._try("read it", lambda: bytes(obstore.get_range(self._store, key, start=start, end=end)))
        if found != _SAMPLE[start:end]:
            raise OperatorError("the bucket gives other bytes than were written: it cannot be used")
        listed = self._try("list it", lambda: obstore.list(self._store, prefix=self._key(name[:_FAN_OUT])).collect())
        if self._key(name) not in {each["path"] for each in listed}:
            raise OperatorError("the bucket does not list what was just written: it cannot be used")
        self._try("delete it", lambda: obstore.delete(self._store, self._key(name)))
        try:
            self.get(name, 0, 1)
        except ObjectMissing:
            return
        raise OperatorError("the bucket still has what was just deleted: it cannot be used")

    def _try(self, what: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except (UnauthenticatedError, PermissionDeniedError) as error:
            raise OperatorError(
                f"the bucket does not let this server {what}: are its keys right, and may their account "
                "use the bucket? They come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from a file that "
                "AWS_SHARED_CREDENTIALS_FILE names"
            ) from error
        except FileNotFoundError as error:
            raise OperatorError(f"this server cannot {what}: the bucket does not exist. Make it first") from error
        except (BaseError, OSError, ValueError) as error:
            raise OperatorError(
                f"this server cannot {what}: the bucket does not answer. Is AWS_ENDPOINT_URL right, and is it running?"
            ) from error

    def _key(self, name: str) -> str:
        return self._prefix + name


def open_bucket(url: str, environment: Mapping[str, str], timeouts: BucketTimeouts | None = None) -> Bucket:
    """The bucket at `s3://BUCKET` or `s3://BUCKET/PREFIX`; raises `OperatorError`.

    The address comes from the environment, by the names that every S3 program has for it; `bucket_keys` finds the keys.
    """
    timeouts = timeouts or BucketTimeouts()
    if "@" in url:
        raise OperatorError(
            "the URL of the bucket holds credentials, which other users of this machine could see: write it without, "
            "and put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    name, _, prefix = url.removeprefix(_SCHEME).partition("/")
    if not url.startswith(_SCHEME) or not name:
        raise OperatorError(f"{url} is not a bucket: write s3://BUCKET, or s3://BUCKET/PREFIX")
    config: S3Config = {"bucket": name, "region": environment.get("AWS_REGION") or "us-east-1"}
    keys = bucket_keys(environment)
    if keys.id:
        config["access_key_id"] = keys.id
    if keys.secret:
        config["secret_access_key"] = keys.secret
    if keys.token:
        config["session_token"] = keys.token
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint:
        config["endpoint"] = endpoint
    stores: dict[int, S3Store] = {}

    def within(seconds: float) -> S3Store:
        """In whole seconds: each has connections of its own."""
        whole = max(SHORTEST_SECONDS, int(min(seconds, timeouts.operation)))
        if whole not in stores:
            stores[whole] = S3Store(
                config=config,
                client_options={
                    "allow_http": bool(endpoint and endpoint.startswith("http://")),
                    "connect_timeout": timedelta(seconds=min(timeouts.connect, whole)),
                    "timeout": timedelta(seconds=whole),
                },
                retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=whole)},
            )
        return stores[whole]

    try:
        store = within(timeouts.operation)
    except (BaseError, ValueError) as error:
        raise OperatorError(f"the bucket {url} cannot be used: its settings are wrong") from error
    return Bucket(store, prefix, within=within, seconds=timeouts.operation)


def _replace(store: Store, key: str, old: bytes, new: bytes) -> bool:
    try:
        found = obstore.get(store, key)
    except FileNotFoundError:
        return False
    if bytes(found.bytes()) != old:
        return False
    tag = found.meta["e_tag"] or ""
    # Ceph compares If-Match with what it keeps, which is the tag without its quotation marks.
    return any(_put_if(store, key, new, {"e_tag": each}) for each in (tag, tag.strip('"')))


def _put_if(store: Store, key: str, content: bytes, condition: Literal["create"] | UpdateVersion) -> bool:
    try:
        obstore.put(store, key, content, mode=condition, use_multipart=False)
    except (AlreadyExistsError, PreconditionError):
        return False
    except _FAULTS as error:
        if _NO_CONDITIONS not in str(error):
            raise
        obstore.put(store, key, content, use_multipart=False)
    return True


def _refused(error: Exception) -> Exception:
    """The refusal, which does not show what the bucket said: that may have addresses and keys."""
    if isinstance(error, FileNotFoundError) and not is_without_bucket(error):
        return ObjectMissing("the bucket does not have this object")
    if any(words in str(error) for words in _BEYOND_END):
        return ObjectMissing("an object is shorter than it was")
    return refusal_of(error) or silent_bucket()


def _close(ranges: Sequence[Range]) -> Iterator[list[Range]]:
    """Ranges that are fetched with one request each: the bytes between them are not worth another one."""
    end = 0
    together: list[Range] = []
    for start, length in sorted(set(ranges)):
        if together and start > end + _GAP:
            yield together
            together = []
        together.append((start, length))
        end = max(end, start + length)
    if together:
        yield together
