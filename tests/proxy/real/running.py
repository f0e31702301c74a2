"""A proxy at work in a thread with an event loop of its own, for tests that wait for other programs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from tests.interop.ports import LOOPBACK
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import ProxyNews, ProxyNotice, View
from zrtp.proxy.page import Page
from zrtp.proxy.policy import Policy
from zrtp.proxy.server import ProxyOptions, SipProxy
from zrtp.proxy.upstream import Upstream

T = TypeVar("T")
PATIENCE = 15.0
WORDS_FIRST = Config(sas_types=(b"B256", b"B32 "))


class RunningProxy:
    """To be ended, best by `with`."""

    def __init__(
        self, server: str, port: int, *, transport: str = "UDP", policy: Policy = Policy.REQUIRE, web: bool = False
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.news: list[ProxyNews] = []
        self._page: Page | None = None
        self.web = ""
        options = ProxyOptions(listen=(LOOPBACK, 0), upstream=Upstream(server, port, transport), policy=policy)
        self._proxy = SipProxy(options, Endpoint(WORDS_FIRST, MemoryCache()), self._tell)
        self.phone_side, self.network_side = self.do(self._proxy.open())
        if web:
            self._page = Page(self._proxy.calls)
            self.web = self.do(self._page.open((LOOPBACK, 0)))

    @property
    def outbound(self) -> str:
        """What a phone is told."""
        return self.phone_side.sent_by

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the proxy's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def views(self) -> list[View]:
        async def look() -> list[View]:
            return self._proxy.calls.views()

        return self.do(look())

    def secure(self, calls: int = 1) -> list[View]:
        """The newest calls, once all of them are secure. Raises AssertionError if they do not get so."""
        return self.when(lambda views: all(view.protection is Protection.SECURE for view in views), calls)

    def when(self, condition: Callable[[list[View]], bool], calls: int = 1) -> list[View]:
        """The newest calls, once that is so."""
        end = time.monotonic() + PATIENCE
        while True:
            views = self.views()[-calls:]
            if len(views) == calls and condition(views):
                return views
            assert time.monotonic() < end, (views, self.notices())
            time.sleep(0.02)

    def notices(self) -> list[str]:
        return [news.text for news in self.news if isinstance(news, ProxyNotice)]

    def _tell(self, news: ProxyNews) -> None:
        self.news.append(news)
        if self._page is not None:
            self._page.tell(news)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._page is not None:
            self.do(self._page.close())
        self.do(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
