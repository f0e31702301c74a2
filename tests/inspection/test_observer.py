"""ZRTP exchanges, seen from outside."""

from __future__ import annotations

import pytest

from tests.inspection.exchanges import NAMES, changed, exchange_of, flipped, messages_of, named, observe, outcome, texts
from tests.support.cases import every
from tests.support.vectors import Transcript, transcripts
from zrtp.inspection.exchange import MOST_STEPS, Progress, RecordedExchange
from zrtp.inspection.findings import Severity
from zrtp.inspection.observer import PAUSE, Observer
from zrtp.wire.messages import CLEAR_ACK, ERROR_ACK, HELLO_ACK, Error, GoClear
from zrtp.wire.packet import encode_fragment, encode_packet

DH = named("linphone_default").messages
CONTENDED = messages_of(DH)
MULTISTREAM = messages_of(named("linphone_video_s1").messages)


def serious(exchange: RecordedExchange) -> list[str]:
    return [each.text for each in exchange.findings if each.severity is Severity.SERIOUS]


@every("transcript", [each for each in transcripts() if each.messages.confirm2], ids=str)
def test_every_recorded_exchange_is_complete_and_fits_itself(transcript: Transcript) -> None:
    exchange = exchange_of(messages_of(transcript.messages))

    assert exchange.progress is Progress.SECURE
    assert exchange.initiator == 0
    assert exchange.mode.lower() == transcript.mode
    assert [check for step in exchange.steps for check in step.checks if not check.good] == []
    assert not serious(exchange)


def test_what_can_be_checked_without_a_key() -> None:
    assert outcome(exchange_of(CONTENDED)) == {
        "Hello of alice": ["CRC", "MAC"],
        "Hello of bob": ["CRC", "MAC"],
        "HelloACK of alice": ["CRC"],
        "HelloACK of bob": ["CRC"],
        **({"Commit of bob": ["CRC", "H2", "MAC"]} if DH.commit_lost else {}),
        "Commit of alice": ["CRC", "H2", "MAC", "hvi"],
        "DHPart1 of bob": ["CRC", "H1"],
        "DHPart2 of alice": ["CRC", "H1"],
        "Confirm1 of bob": ["CRC"],
        "Confirm2 of alice": ["CRC"],
        "Conf2ACK of bob": ["CRC"],
    }


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("hello_i", "The MAC of Hello of alice is wrong"),
        ("hello_r", "The MAC of Hello of bob is wrong"),
        ("commit", "The MAC of Commit of alice is wrong"),
    ],
)
def test_a_message_that_was_changed_on_the_way(message: str, told: str) -> None:
    exchange = exchange_of(changed(DH, **{message: flipped(getattr(DH, message))}))
    assert any(told in text for text in serious(exchange))
    assert any(entry == "MAC!" for checks in outcome(exchange).values() for entry in checks)


@pytest.mark.parametrize(("message", "preimage"), [("commit", "H2"), ("dhpart1", "H1"), ("dhpart2", "H1")])
def test_a_message_that_does_not_continue_the_hash_chain(message: str, preimage: str) -> None:
    exchange = exchange_of(changed(DH, **{message: flipped(getattr(DH, message), 20)}))
    assert any(f"{preimage} in " in text and "does not continue the hash chain" in text for text in serious(exchange))
    assert f"{preimage}!" in [entry for checks in outcome(exchange).values() for entry in checks]


@pytest.mark.parametrize("message", ["dhpart2", "hello_r"])
def test_a_half_that_is_not_the_one_that_was_committed_to(message: str) -> None:
    exchange = exchange_of(changed(DH, **{message: flipped(getattr(DH, message), -20)}))
    assert any("not the one that the Commit promised" in text for text in serious(exchange))
    assert "hvi!" in outcome(exchange)["Commit of alice"]


def test_repetitions_are_told_from_news() -> None:
    exchange = exchange_of([*CONTENDED[:2], CONTENDED[0], *CONTENDED[2:], CONTENDED[-1]])
    assert [(step.number, step.repeats) for step in exchange.steps if step.repeats] == [
        (3, 1),
        (len(exchange.steps), len(exchange.steps) - 1),
    ]
    assert exchange.repetitions == 2


def test_repetitions_that_come_too_soon() -> None:
    observer = Observer(NAMES)
    for at in (0.0, 0.05, 0.055):
        observer.datagram(at, 0, encode_packet(1 + round(1000 * at), 1, DH.hello_i))
    (finding,) = [each for each in observer.exchange.findings if "sooner" in each.text]
    assert (finding.text, finding.section, finding.step) == (
        "alice repeated Hello sooner than after 50 ms.",
        "RFC 6189 section 6",
        3,
    )
    assert "sooner" not in texts(exchange_of([(0, HELLO_ACK.raw)] * 3)), "answers have no timer"


def test_both_commit_and_the_rule_says_who_wins() -> None:
    lost = named("mediastream_default").messages
    exchange = exchange_of(messages_of(lost))
    assert exchange.contention == (lost.commit_lost is not None)
    assert exchange.commit is not None and exchange.commit.side == 0


def test_whoever_acts_as_initiator_is_the_initiator() -> None:
    """A Commit with a higher hvi from the other side, which then behaves as if it had lost."""
    other = named("linphone_x255").messages
    later = other.commit if other.commit[76:108] > DH.commit[76:108] else named("mediastream_default").messages.commit
    sent = messages_of(DH)
    at = next(place for place, (_, message) in enumerate(sent) if message == DH.commit)
    exchange = exchange_of([*sent[: at + 1], (1, later), *sent[at + 1 :]])
    assert exchange.initiator == 0
    assert exchange.chosen is not None and exchange.chosen.raw == DH.commit


def test_fragments_become_one_message() -> None:
    transcript = named("bzrtp_rec_x3m3_s512_aes3_hs80_mtu600_initiator")
    observer = Observer(NAMES)
    for number, packet in enumerate(transcript.packets):
        observer.datagram(number / 100, 0 if packet.sender == "initiator" else 1, packet.data)

    (exchange,) = observer.exchanges
    assert exchange.mode == "KEM"
    assert {step.title for step in exchange.steps if step.fragments > 1} == {"Commit", "DHPart1"}
    assert [check for step in exchange.steps for check in step.checks if not check.good] == []


def test_a_fragment_beyond_the_end_of_its_message_becomes_a_finding() -> None:
    observer = Observer(NAMES)
    part = encode_fragment(1, 1, message_id=1, total_words=9, offset_words=8, data=bytes(8))
    observer.datagram(0.0, 0, part)
    assert observer.exchange.steps[-1].title == "malformed fragment"
    assert "beyond the end" in texts(observer.exchange)


@every(
    ("datagram", "title"),
    [
        (encode_packet(1, 1, DH.hello_i)[:-1] + b"?", "damaged packet"),
        (encode_packet(1, 1, HELLO_ACK.raw)[:-3], "no packet"),
        (encode_packet(1, 1, HELLO_ACK.raw[:2] + b"\0\x09" + HELLO_ACK.raw[4:]), "malformed packet"),
        (encode_packet(1, 1, HELLO_ACK.raw[:4] + b"New\x1bStuf"), "New.Stuf"),
        (encode_packet(1, 1, b"\x50\x5a\0\x04Commit  abcd"), "malformed Commit"),
    ],
)
def test_what_is_broken_is_a_step_all_the_same(datagram: bytes, title: str) -> None:
    observer = Observer(NAMES)
    observer.datagram(0.0, 0, datagram)
    (step,) = observer.exchange.steps
    assert (step.title, step.message) == (title, None)
    assert len(list(observer.exchange.findings)) == 1


def test_sequence_numbers() -> None:
    observer = Observer(NAMES)
    for sequence in (65535, 0, 3, 2, 2):
        observer.datagram(0.0, 0, encode_packet(sequence, 1, HELLO_ACK.raw))
    found = texts(observer.exchange)
    assert "others are missing" in found
    assert "out of order" in found
    assert "twice with the same sequence number" in found


def test_an_error_ends_an_exchange_and_a_late_one_does_not() -> None:
    error = Error.make(code=0x62).raw
    failed = exchange_of([*CONTENDED[:5], (1, error), (0, ERROR_ACK.raw)])
    assert failed.progress is Progress.FAILED
    assert "Error 0x62" in texts(failed)

    late = exchange_of([*CONTENDED, (1, error)])
    assert late.progress is Progress.SECURE
    assert "nobody needs to believe it" in texts(late)


def test_going_clear() -> None:
    exchange = exchange_of([*CONTENDED, (0, GoClear.make(clear_mac=bytes(8)).raw), (1, CLEAR_ACK.raw)])
    assert exchange.progress is Progress.CLEARED
    assert "alice asked to go on without encryption" in texts(exchange)


@pytest.mark.parametrize(
    ("messages", "progress"),
    [(4, Progress.DISCOVERY), (-5, Progress.COMMITTED), (-3, Progress.AGREED), (-1, Progress.CONFIRMED)],
)
def test_an_exchange_that_stops(messages: int, progress: Progress) -> None:
    assert exchange_of(CONTENDED[:messages]).progress is progress


def test_another_call_on_the_same_ports_is_another_exchange() -> None:
    observer = observe([*CONTENDED, *MULTISTREAM])
    assert [exchange.mode for exchange in observer.exchanges] == ["DH", "Multistream"]


def test_after_a_pause_a_new_hello_begins_anew_and_before_it_is_odd() -> None:
    observer = Observer(NAMES)
    other = named("linphone_x255").messages.hello_i
    observer.datagram(0.0, 0, encode_packet(1, 1, DH.hello_i))
    observer.datagram(1.0, 0, encode_packet(2, 1, other))
    assert "two different Hellos" in texts(observer.exchange)
    observer.datagram(2.0 + PAUSE, 0, encode_packet(3, 1, named("linphone_video_s0").messages.hello_i))
    assert len(observer.exchanges) == 2


def test_the_number_of_steps_is_bounded() -> None:
    exchange = exchange_of([(0, HELLO_ACK.raw)] * (MOST_STEPS + 5))
    assert (len(exchange.steps), exchange.unlisted) == (MOST_STEPS, 5)
