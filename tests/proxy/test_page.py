"""The page in the browser: who may ask, what they see, and that a verdict is about what was seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.proxy.test_server import within_time
from tests.proxy.two_phones import TwoPhones
from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.proxy.news import CallChanged, ProxyNotice
from zrtp.proxy.page import COOKIE, MOST_WATCHERS, Page

LOOPBACK = ("127.0.0.1", 0)


class Browser:
    """A browser's requests, as far as they matter here."""

    def __init__(self, client: aiohttp.ClientSession, address: str) -> None:
        self.client = client
        self.address = address
        self.origin = address.partition("/?")[0]

    async def get(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        return await self.client.get(self.origin + path, allow_redirects=False, **options)

    async def enter(self) -> aiohttp.ClientResponse:
        return await self.client.get(self.address, allow_redirects=False)

    async def judge(self, about: object, **headers: str) -> aiohttp.ClientResponse:
        sent = {"Origin": self.origin, **headers}
        return await self.client.post(f"{self.origin}/verdict", json=about, headers=sent)

    async def state(self) -> dict[str, Any]:
        async with self.client.get(f"{self.origin}/events") as response:
            line = await response.content.readline()
        state: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
        return state


@asynccontextmanager
async def shown(stage: TwoPhones) -> AsyncIterator[tuple[Page, Browser]]:
    page = Page(stage.alice.proxy.calls)
    address = await page.open(LOOPBACK)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            yield page, Browser(client, address)
    finally:
        await page.close()


def on_page(scene: Callable[[TwoPhones, Page, Browser], Awaitable[None]], *, entered: bool = True) -> None:
    """Alice and Bob are in a call, and the scene has Alice's page."""

    async def run() -> None:
        stage = TwoPhones()
        stage.call()
        async with shown(stage) as (page, browser):
            if entered:
                assert (await browser.enter()).status == 303
            await scene(stage, page, browser)

    within_time(run)


def verdict(stage: TwoPhones, choice: str = "match", **more: object) -> dict[str, object]:
    sas = stage.alice.proxy.view.sas
    assert sas is not None
    return {"call": 1, "words": sas.rendered, "verdict": choice, **more}


def test_the_address_works_once_and_becomes_a_cookie_that_no_script_reads() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        entered = await browser.enter()
        cookie = entered.headers["Set-Cookie"]
        assert (entered.status, entered.headers["Location"]) == (303, "/")
        assert cookie.startswith(f"{COOKIE}=")
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert browser.address.partition("token=")[2] not in cookie

        assert (await browser.get("/")).status == 200
        again = await browser.enter()
        assert again.status == 403
        assert "used before" in await again.text()

    on_page(scene, entered=False)


def test_a_new_address_makes_an_earlier_unused_one_worthless() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        old, browser.address = browser.address, page.new_address()
        assert (await browser.client.get(old, allow_redirects=False)).status == 403
        assert (await browser.enter()).status == 303

    on_page(scene, entered=False)


@every("path", ["/", "/events", "/page.js", "/page.css", "/events?token=x", "/page.js?token=x"])
def test_without_the_cookie_there_is_nothing(path: str) -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        response = await browser.get(path)
        assert response.status == 403
        assert "Calls" not in await response.text()
        assert (await browser.judge(verdict(stage))).status == 403
        assert not stage.alice.proxy.view.verified

    on_page(scene, entered=False)


def test_a_wrong_token_and_a_wrong_cookie_are_refused() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        assert (await browser.get("/?token=")).status == 403
        assert (await browser.get("/?token=" + "0" * 32)).status == 403
        assert (await browser.get("/", headers={"Cookie": f"{COOKIE}=" + "0" * 32})).status == 403
        assert (await browser.get("/", headers={"Cookie": f"{COOKIE}="})).status == 403
        assert (await browser.enter()).status == 303, "wrong guesses do not use the token up"

    on_page(scene, entered=False)


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1", "127.0.0.1:1", "localhost.attacker.example"])
def test_a_name_that_is_made_to_point_here_is_refused(host: str) -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        for path in ("/", "/events"):
            assert (await browser.get(path, headers={"Host": host})).status == 403

    on_page(scene)


@pytest.mark.parametrize("origin", ["http://attacker.example", "null", "http://127.0.0.1:1", "https://{host}"])
def test_another_page_cannot_judge_even_with_the_cookie(origin: str) -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        host = browser.origin.removeprefix("http://")
        response = await browser.judge(verdict(stage), Origin=origin.format(host=host))
        assert response.status == 403
        assert not stage.alice.proxy.view.verified

    on_page(scene)


def test_a_verdict_without_an_origin_is_refused() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        response = await browser.client.post(f"{browser.origin}/verdict", json=verdict(stage))
        assert response.status == 403

    on_page(scene)


@every("path", ["/", "/page.js", "/page.css", "/nowhere", "/?token=x"])
def test_every_answer_has_the_headers_that_shut_others_out(path: str) -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        headers = (await browser.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"

    on_page(scene)


def test_the_page_needs_nothing_from_elsewhere_and_nothing_inline() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        html = await (await browser.get("/")).text()
        assert "http" not in html.replace("<!doctype html>", "")
        assert "<style" not in html and "onclick" not in html and "<script>" not in html
        assert "innerHTML" not in await (await browser.get("/page.js")).text()

    on_page(scene)


def test_it_shows_calls_and_their_words_and_follows_changes() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        async with browser.client.get(f"{browser.origin}/events") as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            first = json.loads((await response.content.readline()).removeprefix(b"data: "))
            (call,) = first["calls"]
            assert (call["peer"], call["sas"]) == ("sip:bob@example.org", verdict(stage)["words"])

            stage.request(stage.bob, "BYE")
            page.tell(CallChanged(view=stage.alice.proxy.view))
            page.tell(ProxyNotice(text="loud and clear", loud=True))
            await response.content.readline()
            second = json.loads((await response.content.readline()).removeprefix(b"data: "))
            assert second["calls"][0]["phase"] == "ended"
            assert second["notices"] == ["loud and clear"]

    on_page(scene)


def test_what_must_not_be_overlooked_names_its_call_and_goes_with_it() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        page.tell(ProxyNotice(text="This must be read.", call=1, loud=True))
        assert (await browser.state())["notices"] == ["1. This must be read."]
        stage.request(stage.bob, "BYE")
        assert (await browser.state())["notices"] == []

    on_page(scene)


def test_they_match_with_a_name() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        response = await browser.judge(verdict(stage, name="Bob"))
        assert (response.status, await response.text()) == (200, "Noted.\n")
        view = stage.alice.proxy.view
        assert (view.verified, view.name) == (True, "Bob")

    on_page(scene)


def test_they_differ() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        assert (await browser.judge(verdict(stage, "mismatch"))).status == 200
        assert stage.alice.proxy.view.mismatch

    on_page(scene)


def test_a_verdict_about_words_that_have_changed_meanwhile_is_refused() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        about = verdict(stage)
        stage.request(stage.bob, "BYE")
        stage.call_id = "another call"
        stage.call()
        assert (await browser.judge(about)).status == 409, "that call is over"
        response = await browser.judge({**about, "call": 2})
        assert response.status == 409, "and in the new one the words are others"
        assert "have changed" in await response.text()
        assert not stage.alice.proxy.view.verified

    on_page(scene)


@every(
    "about",
    [
        None,
        [],
        {},
        {"call": "x", "words": "a", "verdict": "match"},
        {"call": 1, "words": "a", "verdict": "perhaps"},
        {"call": {}, "words": "a", "verdict": "match"},
    ],
)
def test_what_is_no_verdict_is_refused(about: object) -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        assert (await browser.judge(about)).status == 400

    on_page(scene)


def test_a_request_that_is_too_long_is_refused() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        assert (await browser.judge({"name": "x" * 10000})).status == 413

    on_page(scene)


def test_open_pages_are_bounded() -> None:
    async def scene(stage: TwoPhones, page: Page, browser: Browser) -> None:
        watching = [await browser.get("/events") for _ in range(MOST_WATCHERS)]
        refused = await browser.get("/events")
        assert refused.status == 503
        for response in (*watching, refused):
            response.close()
        while True:
            page.tell(CallChanged(view=stage.alice.proxy.view))
            await asyncio.sleep(0.01)
            again = await browser.get("/events")
            again.close()
            if again.status == 200:
                break

    on_page(scene)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_it_is_for_this_computer_only(host: str) -> None:
    async def run() -> None:
        with pytest.raises(ApiMisuse, match="this computer only"):
            await Page(TwoPhones().alice.proxy.calls).open((host, 0))

    within_time(run)
