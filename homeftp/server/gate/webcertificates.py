"""Which certificate the web shows: that of the home's CA, or the owner's own from two files; renewed while it runs.

A certificate that cannot be used is not used: the log says why, and the one before stays, at first that of the home.
"""

from __future__ import annotations

from datetime import datetime
from typing import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from homeftp.config import Settings
from homeftp.crypto.webcert import (
    FileStamp,
    ServedCertificate,
    file_stamp,
    host_names,
    open_web_certificate,
    read_web_certificate,
)
from homeftp.errors import OperatorError
from homeftp.interfaces import IWorkers
from homeftp.server.gate.listen import RenewableOptions

CHECK_SECONDS = 60.0
"""Time between two looks at the machine's addresses, and at the owner's files."""


class WebCertificates:
    """Keeps the certificate in `options` up to date. `addresses` gives the machine's own, `name` is its name."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        options: RenewableOptions[ServedCertificate],
        workers: IWorkers,
        *,
        name: str,
        addresses: Callable[[], list[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._options = options
        self._workers = workers
        self._name = name
        self._addresses = addresses
        self._now = now
        self._read: tuple[FileStamp, FileStamp] | None = None
        self._has_own = False

    def open(self) -> None:
        """The certificate at the start: that of the home where the owner's files cannot be used. Blocks.

        Raises `OperatorError` where the home's identity cannot be used.
        """
        found = self._find(again=True)
        self._options.renew(found or self._open_home())

    def reload(self, *, again: bool = False) -> Deferred[None]:
        """Use what has changed; with `again` read the owner's files even if they have not. Never fails."""
        return Deferred.fromCoroutine(self._reload(again=again)).addErrback(
            lambda failure: self._log.failure("the certificate of the web could not be renewed", failure)
        )

    async def _reload(self, *, again: bool) -> None:
        found = await self._workers.run_unbounded(lambda: self._find(again=again))
        if found is not None and found.certificate != self._options.identity.certificate:
            self._options.renew(found)
            end = found.certificate.not_valid_after_utc
            self._log.info("the web shows a new certificate, valid until {end}", end=end)

    def _find(self, *, again: bool) -> ServedCertificate | None:
        """The certificate to show now; None where that is the one before. Blocks."""
        chain, key = self._settings.web_cert, self._settings.web_key
        if chain is None or key is None:
            return self._open_home()
        stamps = file_stamp(chain), file_stamp(key)
        if stamps == self._read and not again:
            return None if self._has_own else self._open_home()
        self._read = stamps
        try:
            found = read_web_certificate(chain, key, now=self._now)
        except OperatorError as error:
            instead = "the previous one stays in use" if self._has_own else "the home's own certificate is used"
            line = "the certificate for the web cannot be used, so {instead}: {why}"
            self._log.error(line, instead=instead, why=str(error))
            return None if self._has_own else self._open_home()
        self._has_own = True
        return found

    def _open_home(self) -> ServedCertificate:
        try:
            addresses = self._addresses()
        except OSError:
            addresses = []  # the certificate keeps those that it has
        names = host_names(self._name, addresses)
        return open_web_certificate(self._settings.state, names, now=self._now)
