"""The page in a real browser, with a call going on between two proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.proxy.real.bed import CHROMEDRIVER
from tests.proxy.real.chromium import Chromium
from tests.proxy.real.running import RunningProxy
from tests.proxy.server_stage import LOOPBACK, Server, SipPhone
from tests.proxy.stage import sdp
from zrtp.crypto.sas import Sas

pytestmark = pytest.mark.long


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    CHROMEDRIVER.require()
    with Chromium(tmp_path) as opened:
        yield opened


@contextmanager
def call_with_page() -> Iterator[tuple[RunningProxy, SipPhone]]:
    """Alice, whose proxy has a page, calls Bob; gives her proxy and Bob's phone."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(Server().open())
    with RunningProxy(LOOPBACK, server.port, web=True) as left, RunningProxy(LOOPBACK, server.port) as right:

        async def call() -> tuple[SipPhone, SipPhone]:
            phones = []
            for user, proxy in (("alice", left), ("bob", right)):
                phones.append(await SipPhone(user, proxy.phone_side).open())
                phones[-1].request("REGISTER", f"sip:{user}@example.org")
                await phones[-1].next()
            alice, bob = phones
            alice.request("INVITE", "sip:bob@example.org", sdp(LOOPBACK, 40000))
            bob.answer(await bob.next(), sdp(LOOPBACK, 40002))
            await alice.next()
            return alice, bob

        alice, bob = loop.run_until_complete(call())
        try:
            yield left, alice
        finally:
            for closing in (alice.close(), bob.close(), server.close()):
                loop.run_until_complete(closing)
            loop.close()


def sas_of(proxy: RunningProxy) -> Sas:
    (view,) = proxy.secure()
    assert view.sas is not None
    return view.sas


def test_a_person_reads_the_words_says_that_they_match_and_sees_it(browser: Chromium) -> None:
    with call_with_page() as (proxy, _):
        browser.open(proxy.web)
        assert browser.address == proxy.web.partition("?")[0], "the token is gone from the address"
        assert browser.shows("h2", "To sip:bob@example.org") == "1. To sip:bob@example.org"
        words = browser.shows(".words", sas_of(proxy).words()[0])
        assert words.split() == list(sas_of(proxy).words())
        assert browser.text(".state") == "Secure, but not verified"
        size = browser.run("return parseFloat(getComputedStyle(document.querySelector('.words')).fontSize)")
        assert size >= 32, "large enough to read from where one sits with a phone"

        browser.type("input", "Bob")
        browser.click("button[value=match]")
        browser.shows(".state", "Secure and verified")
        browser.shows("h2", "To Bob (sip:bob@example.org)")
        (view,) = proxy.views()
        assert (view.verified, view.name) == (True, "Bob")

        (cookie,) = browser.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        assert browser.run("return document.cookie") == ""
        assert browser.complaints() == [], "nothing that the page's own policy refuses"


def test_not_a_match_is_an_alarm_at_once_and_the_page_follows_the_end_of_the_call(browser: Chromium) -> None:
    with call_with_page() as (proxy, alice):
        browser.open(proxy.web)
        browser.shows(".words", sas_of(proxy).words()[0])
        browser.click("button[value=mismatch]")
        browser.shows(".state", "The words differ: somebody is listening in between.")
        assert browser.run("return document.querySelector('article').className") == "danger"
        assert browser.run("return document.querySelector('form').hidden") is True
        browser.shows("#notices", "Hang up.")

        alice.request("BYE", "sip:bob@example.org", call="INVITE", tag="bob", cseq=2)
        browser.shows(".state", "Ended")


def test_a_verdict_about_words_that_change_meanwhile_is_refused_and_said(browser: Chromium) -> None:
    with call_with_page() as (proxy, _):
        browser.open(proxy.web)
        browser.shows(".words", sas_of(proxy).words()[0])
        browser.run("document.querySelector('article').dataset.sas = 'aardvark:Babylon'")  # what was seen a moment ago
        browser.click("button[value=match]")
        browser.shows(".answer", "have changed")
        (view,) = proxy.views()
        assert not view.verified


def test_a_used_address_shows_nothing_in_another_browser(browser: Chromium, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with call_with_page() as (proxy, _), Chromium(tmp_path / "other") as other:
        browser.open(proxy.web)
        browser.shows("h2", "sip:bob@example.org")
        other.open(proxy.web)
        assert "used before" in other.text("body")
        assert "bob" not in other.text("body")
