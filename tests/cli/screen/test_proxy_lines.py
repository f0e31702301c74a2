"""What the proxy tells: a line for people, JSON for machines."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from tests.support.cases import every
from zrtp.cli.screen.proxy_lines import MOST_CALLS, ProxyJson, ProxyLines, line
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas
from zrtp.protocol.events import Assurance
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import CallChanged, Phase, ProxyNotice, View

SAS = Sas(sashash=bytes.fromhex("3f19") + bytes(30), code=b"B256")
WORDS = "   ".join(SAS.words())
SECURE = View(
    number=3,
    outgoing=True,
    peer="sip:bob@example.org",
    phase=Phase.UP,
    protection=Protection.SECURE,
    streams=(("audio", Protection.SECURE),),
    sas=SAS,
    assurance=Assurance.ENCRYPTED,
    verified=False,
    mismatch=False,
    name=None,
    notice="",
    sent=0,
    verified_packets=0,
    withheld=0,
)
WAITING = replace(SECURE, phase=Phase.RINGING, protection=Protection.SECURING, sas=None, assurance=Assurance.INSECURE)


@every(
    ("view", "text"),
    [
        (WAITING, "3 to sip:bob@example.org: not secure yet, nothing leaves"),
        (SECURE, f"3 to sip:bob@example.org: SECURE BUT NOT VERIFIED   {WORDS}"),
        (
            replace(SECURE, outgoing=False, name="Bob", assurance=Assurance.VERIFIED, verified=True),
            f"3 from Bob (sip:bob@example.org): SECURE AND VERIFIED   {WORDS}",
        ),
        (
            replace(SECURE, streams=(("audio", Protection.SECURE), ("video", Protection.SECURE))),
            f"3 to sip:bob@example.org: SECURE BUT NOT VERIFIED (audio, video)   {WORDS}",
        ),
        (replace(WAITING, protection=Protection.CLEAR), "3 to sip:bob@example.org: NOT ENCRYPTED"),
        (replace(SECURE, mismatch=True), "3 to sip:bob@example.org: the words differ, the sound is cut off"),
        (replace(SECURE, phase=Phase.ENDED, sas=None), "3 to sip:bob@example.org: ended"),
    ],
)
def test_a_call_in_one_line(view: View, text: str) -> None:
    assert line(view) == text


def test_people_see_a_line_when_it_changes_and_not_when_packets_are_counted() -> None:
    out, err = io.StringIO(), io.StringIO()
    lines = ProxyLines(Terminal(out=out, err=err))
    for view in (WAITING, WAITING, SECURE, replace(SECURE, sent=50), replace(SECURE, phase=Phase.ENDED)):
        lines.show(CallChanged(view=view))
    lines.show(ProxyNotice(text="Something to know.", call=3))
    assert len(out.getvalue().splitlines()) == 3
    assert err.getvalue() == "zrtp: 3: Something to know.\n"


def test_all_calls_are_shown_again_on_request() -> None:
    out, err = io.StringIO(), io.StringIO()
    lines = ProxyLines(Terminal(out=out, err=err))
    lines.again([])
    lines.again([SECURE, WAITING])
    assert "no calls yet" in err.getvalue()
    assert len(out.getvalue().splitlines()) == 2


def test_machines_get_an_object_for_each_change() -> None:
    out = io.StringIO()
    machine = ProxyJson(out, lambda: 1.23456)
    for view in (WAITING, SECURE, replace(SECURE, sent=50)):
        machine.show(CallChanged(view=view))
    machine.show(ProxyNotice(text="Loud.", loud=True))
    first, second, notice = (json.loads(text) for text in out.getvalue().splitlines())
    assert (first["event"], first["state"], first["sas"]) == ("call", "securing", None)
    assert (second["t"], second["state"], second["sas"]) == (1.235, "secure", SAS.rendered)
    assert notice == {"t": 1.235, "event": "notice", "text": "Loud.", "call": None, "loud": True}


def test_what_is_remembered_of_calls_is_bounded() -> None:
    out = io.StringIO()
    lines, machine = ProxyLines(Terminal(out=out, err=out)), ProxyJson(out, lambda: 0.0)
    for number in range(MOST_CALLS + 10):
        for listener in (lines, machine):
            listener.show(CallChanged(view=replace(SECURE, number=number)))
    before = len(out.getvalue())
    for listener in (lines, machine):
        listener.show(CallChanged(view=replace(SECURE, number=MOST_CALLS + 9)))
    assert len(out.getvalue()) == before, "the newest ones are known"
