"""Whatever arrives, from the phone's side or the network's: nothing raises, nothing leaks, nothing grows."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.proxy.stage import SERVER, Phone, with_body
from tests.proxy.two_phones import TwoPhones
from zrtp.proxy.calls import MOST_CALLS
from zrtp.proxy.description import MOST_SECTIONS
from zrtp.proxy.routing import MOST_FLOWS, Hop
from zrtp.proxy.signalling import OutgoingMessage, ProxySide
from zrtp.proxy.sip import SipMessage

ODD = (
    b"\r\n",
    b"\r\n\r\n",
    b":",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b"\0",
    b"\xff",
    b"sip:",
    b"m=",
    b"c=",
    b"=",
    b" ",
    b"9" * 12,
)


def recorded() -> tuple[TwoPhones, list[tuple[bool, bytes]]]:
    """A call, and every SIP message of it with the side of Alice's proxy that it arrived at."""
    stage = TwoPhones()
    proxy, seen = stage.alice.proxy, []
    signalling = proxy.signalling
    for from_phone, name in ((True, "from_phone"), (False, "from_network")):
        real = getattr(signalling, name)

        def noting(
            received: bytes | SipMessage, source: Hop, *, real: object = real, from_phone: bool = from_phone
        ) -> list[OutgoingMessage]:
            seen.append((from_phone, received if isinstance(received, bytes) else received.encode()))
            return real(received, source)  # type: ignore[operator, no-any-return]

        setattr(signalling, name, noting)
    stage.register(stage.alice)
    offered, answered = stage.call()
    stage.talk(offered, answered)
    stage.request(stage.alice, "INVITE", stage.alice.sdp.replace("a=rtpmap", "a=sendonly\r\na=rtpmap"))
    stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    stage.request(stage.bob, "INVITE", stage.bob.sdp)
    stage.answer(stage.alice, "200 OK", stage.alice.sdp)
    for name in ("from_phone", "from_network"):
        delattr(signalling, name)
    return stage, seen


def mutations(octets: bytes, dice: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        mutated = bytearray(octets)
        for _ in range(dice.randrange(1, 5)):
            at = dice.randrange(len(mutated) + 1)
            match dice.randrange(4):
                case 0:
                    mutated[at : at + 1] = bytes([dice.randrange(256)])
                case 1:
                    del mutated[at : at + dice.randrange(1, 40)]
                case 2:
                    mutated[at:at] = dice.choice(ODD)
                case 3:
                    mutated[at:at] = mutated[at : at + dice.randrange(1, 200)]
        yield bytes(mutated)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_mutated_messages_of_a_call_never_raise_and_never_bring_the_phones_media_address_to_the_network(
    seed: int,
) -> None:
    stage, seen = recorded()
    proxy, dice, passed = stage.alice.proxy, random.Random(seed), 0
    for from_phone, octets in seen:
        for mutated in mutations(octets, dice, 120):
            sendings = proxy.from_phone(mutated, stage.alice.hop) if from_phone else proxy.from_network(mutated, SERVER)
            for sending in sendings:
                assert isinstance(sending.message, SipMessage | bytes)
                passed += 1
                if sending.side is ProxySide.NETWORK and isinstance(sending.message, SipMessage) and from_phone:
                    body = sending.message.body
                    if sending.message.first("content-type").strip().lower() == "application/sdp":
                        assert b"c=IN IP4 10.1.0.2" not in body
            stage.clock.run(0.01)
    assert passed > 200
    assert stage.in_clear == []


def test_noise_on_every_media_port_is_dropped() -> None:
    stage = TwoPhones()
    offered, answered = stage.call()
    dice = random.Random(1)
    line = stage.alice.proxy.lines[0]
    for _ in range(2000):
        noise = dice.randbytes(dice.randrange(0, 300))
        port = dice.choice([line.network_port, line.network_port + 1])
        stage.wire.send(noise, ("203.0.113.66", 4000), ("192.0.2.1", port))
        stage.wire.send(noise, ("10.1.0.2", 7000), ("10.1.0.1", line.phone_port))
    stage.talk(offered, answered)
    assert len(stage.alice.media.heard) == 5
    assert stage.in_clear == []


def test_ringing_without_end_is_bounded() -> None:
    stage = TwoPhones()
    for number in range(MOST_CALLS + 50):
        stage.call_id = f"call-{number}"
        head = f"""\
INVITE sip:bob@example.org SIP/2.0
Via: SIP/2.0/UDP 10.1.0.2:5161;branch=z9hG4bK{number}
From: <sip:alice@example.org>;tag=a{number}
To: <sip:bob@example.org>
Call-ID: call-{number}
CSeq: 1 INVITE"""
        stage.alice.proxy.from_phone(with_body(head, stage.alice.sdp), stage.alice.hop)
    assert len(stage.alice.proxy.lines) == MOST_CALLS
    stage.clock.run(400)
    assert all(line.closed for line in stage.alice.proxy.lines), "and ends by itself"


def test_flows_of_strangers_are_bounded() -> None:
    stage = TwoPhones()
    head = """\
OPTIONS sip:example.org SIP/2.0
Via: SIP/2.0/UDP 10.1.0.2:5161;branch=z9hG4bK1
From: <sip:a@example.org>;tag=1
To: <sip:example.org>
Call-ID: o
CSeq: 1 OPTIONS
"""
    names = {stage.alice.proxy.flows.name(Hop("UDP", "10.1.0.2", 1024 + port)) for port in range(2 * MOST_FLOWS)}
    stage.alice.proxy.out(head, stage.alice.hop)
    assert sum(stage.alice.proxy.flows.hop(name) is not None for name in names) <= MOST_FLOWS


def test_a_description_with_too_many_sections_takes_no_ports() -> None:
    stage = TwoPhones()
    body = stage.alice.sdp + "m=audio 7100 RTP/AVP 0\r\n" * MOST_SECTIONS
    head = """\
INVITE sip:bob@example.org SIP/2.0
Via: SIP/2.0/UDP 10.1.0.2:5161;branch=z9hG4bK1
From: <sip:alice@example.org>;tag=a
To: <sip:bob@example.org>
Call-ID: many
CSeq: 1 INVITE"""
    refused = stage.alice.proxy.passed(
        stage.alice.proxy.from_phone(with_body(head, body), stage.alice.hop), ProxySide.PHONE
    )
    assert refused.status == 400
    assert stage.alice.proxy.lines == []


def test_a_stranger_cannot_make_the_proxy_send_the_phones_sound_elsewhere() -> None:
    """Before and after the call is secure: only whoever authenticates is followed."""
    stage = TwoPhones()
    offered, answered = stage.call()
    stranger = Phone(stage.wire, 9999, "203.0.113.66")
    stranger.speak(("192.0.2.1", stage.alice.proxy.lines[0].network_port), count=50)
    stage.talk(offered, answered)
    assert stranger.heard == []
    assert len(stage.bob.media.heard) == 5
