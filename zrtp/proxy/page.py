"""A page in the browser of this computer: the calls, their words large, and the person's verdict.

It is for one person at this computer. The address that the command prints carries a token that works once and becomes
a cookie. Requests for other hosts, or from other origins, are refused, so that no page of another site, and no name
that is made to point here, can read or judge anything. A verdict names the call and the words it is about.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from importlib.resources import files
from typing import Any, Final

from aiohttp import web

from zrtp.errors import ApiMisuse
from zrtp.media.addresses import Address
from zrtp.proxy.news import (
    CallChanged,
    CallVerdict,
    Phase,
    ProxyNews,
    ProxyNotice,
    Switchboard,
    VerdictRefused,
    described,
)
from zrtp.proxy.sip import host_port
from zrtp.system import RandomSource, system_random

COOKIE: Final = "zrtp_session"
LOOPBACK: Final = ("127.0.0.1", "::1")
LONGEST_REQUEST: Final = 4096
LONGEST_NAME: Final = 200
MOST_WATCHERS: Final = 16
"""Open pages that are kept up to date at the same time."""
MOST_SESSIONS: Final = 8
MOST_NOTICES: Final = 5
PULSE: Final = 15.0
"""Seconds after which an unchanged page is told that we are still here."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_STATIC: Final = {"/page.css": "text/css", "/page.js": "text/javascript", "/page.svg": "image/svg+xml"}
_TOKEN_OCTETS: Final = 16

WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """The page for one switchboard."""

    def __init__(self, switchboard: Switchboard, *, random: RandomSource = system_random) -> None:
        self._switchboard = switchboard
        self._random = random
        self._token = ""
        self._sessions: OrderedDict[str, None] = OrderedDict()
        self._notices: list[ProxyNotice] = []
        self._changed = asyncio.Event()
        self._watchers = 0
        self._hosts: frozenset[str] = frozenset()
        self._host = ""
        self._runner: web.AppRunner | None = None

    async def open(self, address: Address) -> str:
        """Serve at a loopback address; returns the page's address with a token. Raises OSError, ApiMisuse."""
        host, port = address
        if host not in LOOPBACK:
            raise ApiMisuse("The page is for this computer only: its address is 127.0.0.1 or ::1.")
        application = web.Application(middlewares=[self._guard()], client_max_size=LONGEST_REQUEST)
        application.router.add_get("/", self._enter_or_show)
        application.router.add_get("/events", self._follow)
        application.router.add_post("/verdict", self._judge)
        for path in _STATIC:
            application.router.add_get(path, self._static)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        port = self._runner.addresses[0][1]
        self._host = host_port(host, port)
        self._hosts = frozenset({self._host, f"localhost:{port}"})
        return self.new_address()

    def new_address(self) -> str:
        """The page's address with a new token; an earlier one that nobody used is worth nothing from now on."""
        self._token = self._random(_TOKEN_OCTETS).hex()
        return f"http://{self._host}/?token={self._token}"

    def tell(self, news: ProxyNews) -> None:
        """Something happened: open pages show it."""
        if isinstance(news, ProxyNotice) and news.loud:
            self._notices = [*self._notices, news][-MOST_NOTICES:]
        if isinstance(news, ProxyNotice | CallChanged):
            self._changed.set()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # Who may ask.

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: WebHandler) -> web.StreamResponse:
            response: web.StreamResponse
            try:
                response = self._refusal(request) or await handler(request)
            except web.HTTPException as error:
                response = _text(error.reason, status=error.status)
            if not response.prepared:
                response.headers.update(HEADERS)
            return response

        return guard

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.host.lower() not in self._hosts:
            return _text("This page is not served under that name.", status=403)
        origin = request.headers.get("Origin")
        own = origin is None or origin in {f"http://{host}" for host in self._hosts}
        if not own or (request.method != "GET" and origin is None):
            return _text("Only this page itself may ask for that.", status=403)
        entering = request.path == "/" and "token" in request.query
        if entering or self._known(request):
            return None
        return _text(
            "Open the address that `zrtp proxy` printed; it works once. Press w there for another.", status=403
        )

    def _known(self, request: web.Request) -> bool:
        given = request.cookies.get(COOKIE, "").encode()
        return any([compare_digest(given, session.encode()) for session in self._sessions])

    # What is asked.

    async def _enter_or_show(self, request: web.Request) -> web.StreamResponse:
        given = request.query.get("token")
        if given is None:
            return _file("page.html", "text/html")
        if not self._token or not compare_digest(given.encode(), self._token.encode()):
            return _text("This address was used before. Press w where `zrtp proxy` runs for another.", status=403)
        self._token = ""
        session = self._random(_TOKEN_OCTETS).hex()
        self._sessions[session] = None
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(COOKIE, session, httponly=True, samesite="Strict", path="/")
        return response

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return _file(request.path.removeprefix("/"), _STATIC[request.path])

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: all calls, whenever one has changed."""
        if self._watchers >= MOST_WATCHERS:
            return _text("Too many pages are open.", status=503)
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        self._watchers += 1
        try:
            await response.prepare(request)
            while True:
                changed = self._changed
                await response.write(f"data: {json.dumps(self._state())}\n\n".encode())
                try:
                    async with asyncio.timeout(PULSE):
                        await changed.wait()
                except TimeoutError:
                    continue
                if changed is self._changed:
                    self._changed = asyncio.Event()
        except (ConnectionResetError, asyncio.CancelledError):
            return response
        finally:
            self._watchers -= 1

    async def _judge(self, request: web.Request) -> web.StreamResponse:
        try:
            given = await request.json()
            number, words, verdict = int(given["call"]), str(given["words"]), CallVerdict(given["verdict"])
            name = str(given.get("name") or "")[:LONGEST_NAME] or None
        except (ValueError, TypeError, KeyError, AttributeError):
            return _text("That is no verdict.", status=400)
        try:
            self._switchboard.judge(number, words, verdict, name)
        except VerdictRefused as error:
            return _text(str(error), status=409)
        self._changed.set()
        return _text("Noted.")

    def _state(self) -> dict[str, Any]:
        views = self._switchboard.views()
        over = {view.number for view in views if view.phase is Phase.ENDED}
        shown = [notice for notice in self._notices if notice.call not in over]
        return {"calls": [described(view) for view in views], "notices": [_numbered(notice) for notice in shown]}


def _numbered(notice: ProxyNotice) -> str:
    return notice.text if notice.call is None else f"{notice.call}. {notice.text}"


def _file(name: str, kind: str) -> web.Response:
    return web.Response(
        body=files("zrtp.proxy").joinpath("static", name).read_bytes(), content_type=kind, charset="utf-8"
    )


def _text(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text + "\n", status=status)
