"""One headless Chromium for all tests of a process that need a browser."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os

from playwright.sync_api import Browser, sync_playwright
from twisted.trial.unittest import SynchronousTestCase

from tests.support import needs


def chromium(test: SynchronousTestCase) -> Browser:
    """The browser, for this test.

    Playwright leaves its event loop marked as the running one of the thread, and no other can be run then. So the mark
    is only there until the test's last cleanup.
    """
    browser, loop = _started()
    asyncio._set_running_loop(loop)
    test.addCleanup(asyncio._set_running_loop, None)
    return browser


@functools.lru_cache(maxsize=1)
def _started() -> tuple[Browser, asyncio.AbstractEventLoop]:
    playwright = sync_playwright().start()
    loop = asyncio.get_running_loop()
    # Pages of one site share a process, which a page that stays open keeps: to start one takes longer than most tests.
    options = ["--process-per-site", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    browser = playwright.chromium.launch(executable_path=needs.program("chromium"), args=options)
    for step in (playwright.stop, browser.close, functools.partial(asyncio._set_running_loop, loop)):
        atexit.register(step)  # the last one is called first
    return browser, loop
