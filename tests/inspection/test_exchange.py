"""What is known of an exchange."""

from __future__ import annotations

from tests.inspection.exchanges import exchange_of, messages_of, named
from zrtp.inspection.steps import Step
from zrtp.wire.messages import HELLO_ACK, Kind

DH = named("linphone_default").messages
SENT = messages_of(DH)


def test_what_was_chosen_and_by_whom() -> None:
    exchange = exchange_of(SENT)
    assert exchange.chosen is not None and exchange.chosen.raw == DH.commit
    assert (exchange.mode, exchange.initiator) == ("DH", 0)
    assert exchange.halves is not None
    assert (exchange.halves[0].raw, exchange.halves[1].raw) == (DH.dhpart1, DH.dhpart2)
    assert exchange_of(messages_of(named("bzrtp_k255_s256_aes1_hs80_initiator").messages)).mode == "KEM"


def test_messages_by_kind_and_side() -> None:
    exchange = exchange_of(SENT)
    first, of_bob = exchange.first(Kind.HELLO), exchange.first(Kind.HELLO, 1)
    assert first is not None and of_bob is not None
    assert (first.side, of_bob.side) == (0, 1)
    assert exchange.first(Kind.PING) is None
    hello = exchange.hello_of(1)
    assert hello is not None and hello.raw == DH.hello_r


def test_of_an_exchange_that_only_began_little_is_known() -> None:
    exchange = exchange_of([(0, HELLO_ACK.raw)])
    assert (exchange.chosen, exchange.mode, exchange.halves, exchange.hello_of(0)) == (None, "", None, None)


def test_the_same_check_is_noted_once() -> None:
    step = Step(number=1, time=0.0, side=0, title="Hello")
    step.check("MAC", True, "keyed with H2, from Commit")
    step.check("MAC", True, "keyed with H2, from DHPart2")
    assert [check.by for check in step.checks] == ["keyed with H2, from Commit"]
    assert step.kind is None
