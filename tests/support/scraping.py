"""Scrapes a server as a monitoring system does: over a socket, with the parser of prometheus_client."""

from __future__ import annotations

import http.client
import socket
from typing import Mapping

from prometheus_client.parser import text_string_to_metric_families

SECONDS = 30.0
"""How long an answer may take."""


class Scraper:
    """Asks the server whose option is `--metrics unix:PATH`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(self, target: str, method: str = "GET") -> tuple[int, str]:
        """The status and the text of one answer."""
        connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(SECONDS)
        try:
            connection.sock.connect(self._path)
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def healthy(self) -> bool:
        """Whether the server says that it is healthy."""
        return self.ask("/health")[0] == http.client.OK

    def values(self) -> Mapping[str, float]:
        """All samples, by their names and the values of their labels, as in `requests_total json 0 GET`."""
        status, text = self.ask("/metrics")
        assert status == http.client.OK, (status, text)
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = " ".join(
                    [sample.name.removeprefix("homeftp_"), *(sample.labels[label] for label in sorted(sample.labels))]
                )
                assert key not in found, key
                found[key] = sample.value
        return found
