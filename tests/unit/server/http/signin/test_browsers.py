"""What a browser is called."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.devices import suggest_name
from homeftp.server.http.signin.browsers import browser_name

AGENTS = {
    "Firefox on Android": "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
    "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Chrome on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Edge on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    "Chrome on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
    "Firefox on Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Safari on Mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15",
    "Browser": "curl/8.5.0",
}


class BrowserNameTests(SynchronousTestCase):
    """`browser_name`."""

    def test_known(self) -> None:
        """The browser and its system, of those that people have; anything else is a browser."""
        for name, agent in AGENTS.items():
            self.assertEqual(browser_name(agent), name)
        self.assertEqual(browser_name(None), "Browser")
        self.assertEqual(browser_name("\x00<script>" * 100), "Browser")

    def test_device(self) -> None:
        """It becomes a legal name of a device."""
        self.assertEqual(suggest_name("ann", browser_name(AGENTS["Firefox on Android"])), "ann-firefox-on-android")
