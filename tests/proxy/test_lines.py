"""The media lines of a call: their ports, what is protected of them, and what a refused offer leaves behind."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import cast

import pytest

from tests.proxy.stage import Clock, ProxyOnStage, Wire, sdp
from zrtp.proxy.description import read
from zrtp.proxy.leg import Leg, Remote
from zrtp.proxy.lines import MediaLines
from zrtp.proxy.policy import PolicyRefusal
from zrtp.proxy.surroundings import MediaPorts

VIDEO = "m=video 7100 RTP/AVP 97\r\n"


class Stage:
    """A phone at 10.0.0.7 behind a proxy at 192.0.2.1."""

    def __init__(self) -> None:
        around = ProxyOnStage(Wire(Clock()), "192.0.2.1").around
        self.said: list[str] = []
        self.full = False
        self.lines = MediaLines(around, self._open, self.said.append)
        self.leg: Leg = around.make_leg("sip:bob@example.org")
        self.closed: list[int] = []

    def _open(self, index: int) -> MediaPorts:
        if self.full:
            raise OSError(errno.EMFILE, "Too many open files")
        ports = SimpleNamespace(phone_port=20000 + 4 * index, network_port=30000 + 4 * index)
        ports.close = lambda: self.closed.append(index)
        return cast(MediaPorts, ports)

    def offer(self, text: str, cseq: int = 1) -> str:
        return self.lines.outward(text, read(text), self.leg, None, offer=True, cseq=cseq)

    def answer(self, text: str, cseq: int = 1) -> str:
        return self.lines.inward(text, read(text), self.leg, offer=False, cseq=cseq)


def test_the_same_description_leaves_with_the_same_ports_and_hello() -> None:
    stage = Stage()
    assert stage.offer(sdp("10.0.0.7", 7000)) == stage.offer(sdp("10.0.0.7", 7000))
    assert (stage.lines.protected, stage.lines.ready(stage.leg)) == ([(0, "audio")], [])


def test_a_line_is_ready_when_both_sides_have_said_where_they_are() -> None:
    stage = Stage()
    stage.offer(sdp("10.0.0.7", 7000) + VIDEO)
    answered = stage.answer(sdp("203.0.113.9", 9000) + VIDEO.replace("7100", "0"))

    assert "m=audio 20000 " in answered and "m=video 0 " in answered
    assert stage.lines.ready(stage.leg) == [0]
    assert stage.leg.remote == {0: Remote(("203.0.113.9", 9000), ("203.0.113.9", 9001))}


def test_a_refused_offer_leaves_everything_as_it_was_and_an_accepted_one_does_not() -> None:
    for accepted, port in ((False, 7000), (True, 7990)):
        stage = Stage()
        stage.offer(sdp("10.0.0.7", 7000))
        stage.answer(sdp("203.0.113.9", 9000))
        stage.lines.settle(1, stage.leg, accepted=True)
        stage.offer(sdp("10.0.0.7", 7990) + VIDEO, cseq=2)
        stage.lines.settle(2, stage.leg, accepted=accepted)

        assert stage.lines.phone[0].port == port
        assert len(stage.lines.protected) == 1 + accepted
        assert stage.leg.remote[0].rtp == ("203.0.113.9", 9000)


def test_what_cannot_be_protected_is_said_and_refused_where_nothing_else_is_offered() -> None:
    stage = Stage()
    fax = "m=image 7004 udptl t38\r\n"
    assert "m=image 0 " in stage.offer(sdp("10.0.0.7", 7000) + fax)
    (said,) = stage.said
    with pytest.raises(PolicyRefusal, match=said):
        stage.offer("v=0\r\nc=IN IP4 10.0.0.7\r\n" + fax, cseq=2)


def test_ports_that_cannot_be_opened_refuse_the_call_and_those_that_are_open_close() -> None:
    stage = Stage()
    stage.offer(sdp("10.0.0.7", 7000))
    stage.full = True
    with pytest.raises(PolicyRefusal, match="cannot be opened: Too many open files"):
        stage.offer(sdp("10.0.0.7", 7000) + VIDEO)
    stage.lines.close()
    assert stage.closed == [0]
