"""A call that is hung up in the name of both sides."""

from __future__ import annotations

from tests.proxy.server_stage import COPIED
from tests.proxy.stage import SERVER
from tests.proxy.two_phones import TwoPhones
from zrtp.proxy.calls import GONE
from zrtp.proxy.dialogs import Dialog, Reason
from zrtp.proxy.routing import FlowTokens, Hop
from zrtp.proxy.signalling import ProxySide
from zrtp.proxy.sip import SipMessage


def hung_up() -> tuple[TwoPhones, list[SipMessage]]:
    """Media does not get through, so both proxies hang up: what goes to Alice, to her server; to Bob, to his."""
    stage = TwoPhones()
    stage.wire.cut = True
    stage.call()
    stage.clock.run(60)
    found = [sending.message for side in stage.sides for sending in side.proxy.hung_up]
    return stage, [message for message in found if isinstance(message, SipMessage)]


def test_each_side_gets_a_bye_that_looks_like_the_other_ones() -> None:
    stage, (to_alice, from_alice, to_bob, from_bob) = hung_up()

    assert (to_alice.target, to_bob.target) == ("sip:alice@10.1.0.2:5161", "sip:bob@10.2.0.2:5161")
    assert (from_alice.target, from_bob.target) == (to_bob.target, to_alice.target)
    for message, sender, receiver in (
        (to_alice, "bob", "alice"),
        (from_alice, "alice", "bob"),
        (to_bob, "alice", "bob"),
        (from_bob, "bob", "alice"),
    ):
        assert (message.tag("from"), message.tag("to")) == (f"{sender}-tag", f"{receiver}-tag")
        assert message.call_id == stage.call_id
        assert message.first("reason").startswith('SIP;cause=488;text="sip:')
    assert from_alice.cseq == (2, "BYE"), "after her INVITE"
    assert to_alice.cseq == (1, "BYE"), "Bob asked for nothing before"


def test_towards_the_network_it_follows_the_proxies_of_the_call_and_not_ourselves() -> None:
    stage, (to_alice, from_alice, _, from_bob) = hung_up()

    assert to_alice.values("route") == []
    for message, other in ((from_alice, stage.bob), (from_bob, stage.alice)):
        first, *rest = message.values("route")
        assert first == f"<sip:{SERVER.sent_by};lr>"
        assert all(other.proxy.host in route or other.proxy.phone_side.host in route for route in rest)


def test_the_answer_to_it_is_for_nobody_else_and_ends_its_repetition() -> None:
    stage, (to_alice, from_alice, *_) = hung_up()
    proxy = stage.alice.proxy

    def answered(bye: SipMessage) -> bytes:
        return SipMessage("SIP/2.0 200 OK", [header for header in bye.headers if header.name in COPIED]).encode()

    assert proxy.from_phone(answered(to_alice), stage.alice.hop) == proxy.from_network(answered(from_alice)) == []
    told = [(answer.values("via"), side) for answer, side in proxy.answers[-2:]]
    assert told == [(to_alice.values("via"), ProxySide.PHONE), (from_alice.values("via"), ProxySide.NETWORK)]


def test_before_anybody_answered_there_is_nothing_to_hang_up() -> None:
    dialog, here, flows = Dialog(), Hop("UDP", "127.0.0.1", 5070), FlowTokens(bytes(32))
    why = Reason(488, "why")

    assert dialog.bye_to_phone(here, "c", why, "f", flows) is None
    assert dialog.bye_to_network(here, "c", why, "f", flows) is None


def test_a_proxy_that_ends_hangs_up_what_would_go_on_in_silence() -> None:
    stage = TwoPhones()
    stage.call()
    stage.alice.proxy.calls.close()

    byes = [sending.message for sending in stage.alice.proxy.hung_up]
    assert [bye.first("reason") for bye in byes if isinstance(bye, SipMessage)] == [f'SIP;cause=503;text="{GONE}"'] * 2


def test_a_reason_cannot_end_its_quotes() -> None:
    assert str(Reason(488, 'a "b" \\ c')) == "SIP;cause=488;text=\"a 'b'  c\""
