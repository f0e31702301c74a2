"""What a stream sends: our Hello, what is repeated until it has its answer, and answers within the rate limit."""

from __future__ import annotations

from collections.abc import Sequence

from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.core import Core
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.states import State
from zrtp.protocol.timers import T1_EXTENDED, Retransmission, Schedule, along_the_path
from zrtp.wire.messages import Error, Message
from zrtp.wire.packet import CRC, HEADER


def change_version(core: Core, version: bytes, now: float) -> None:
    """Come down to a version that the peer supports: a new Hello, to be acknowledged (section 4.1.1)."""
    core.own.hello = core.hello = core.make_hello(version, core.chain)
    core.hello_acknowledged = False
    send_repeatedly(core, core.hello, T1_EXTENDED, now)


def send_hello(core: Core, now: float) -> None:
    """One copy of our Hello."""
    core.outbox.transmit(core.hello)
    core.hello_copies.append(now)


def send_hello_limited(core: Core, now: float) -> None:
    """One copy of our Hello as an answer to whoever introduces himself, within the rate limit, unless one goes out
    now anyway.
    """
    if not (core.hello_copies and core.hello_copies[-1] >= now) and answer_limited(
        core, core.introductions[-1].hello, now
    ):
        core.hello_copies.append(now)


def repeat_hello_beside(core: Core, now: float) -> None:
    """Our Hello, which is not acknowledged yet, goes on although something else is repeated now."""
    core.beside = Retransmission(core.hello, T1_EXTENDED, now, core.installation.config.timer_scale)


def repeat_beside(core: Core, now: float) -> None:
    """Send our Hello once more, if it is due."""
    beside = core.beside
    if beside is None or now < beside.due:
        return
    if beside.exhausted:
        core.beside = None
    else:
        core.outbox.transmit(beside.message)
        core.hello_copies.append(now)
        beside.next_copy(now)


def resume_hello(core: Core, now: float) -> None:
    """Nobody who counts has acknowledged our Hello: it goes on, the next copy when it would be due."""
    if core.retransmission is None or core.retransmission.message is not core.hello:
        core.retransmission = Retransmission(core.hello, T1_EXTENDED, now, core.installation.config.timer_scale)
    core.extend_discovery(now)


def send_in_exchange(core: Core, message: Message, exchange: Exchange, now: float) -> None:
    """Send now, and again at the pace of the path to the peer."""
    round_trip, shown = core.round_trips.get(exchange.peer.ssrc), exchange.round_trip
    if round_trip is None or (shown is not None and shown < round_trip):
        round_trip = shown
    send_repeatedly(core, message, along_the_path(round_trip, len(message.raw) + HEADER + CRC), now)


def send_repeatedly(core: Core, message: Message, schedule: Schedule, now: float) -> None:
    """Send now, and again on the schedule until `stop_repeating` or exhaustion."""
    if message is core.hello:
        send_hello(core, now)
    else:
        core.outbox.transmit(message)
    core.retransmission = Retransmission(message, schedule, now, core.installation.config.timer_scale)


def stop_repeating(core: Core) -> None:
    """What was sent repeatedly has its answer."""
    core.retransmission = None


def repeat(core: Core, now: float) -> bool:
    """Send what is due once more; False if all copies are out."""
    retransmission = present(core.retransmission)
    if retransmission.exhausted:
        core.retransmission = None
        return False
    if retransmission.preceded_by is not None:
        core.outbox.transmit(retransmission.preceded_by)
        retransmission.preceded_by = None
    if retransmission.message is core.hello:
        send_hello(core, now)
    else:
        core.outbox.transmit(retransmission.message)
    retransmission.next_copy(now)
    return True


def note_round_trip(core: Core, ssrc: int, now: float, copies: Sequence[float]) -> None:
    """Somebody acknowledged our Hello, or another message, which was sent at these times. The acknowledgement may
    belong to any recent copy: the oldest counts.
    """
    recent = [sent for sent in copies if now - sent <= limits.HELLO_COPIES]
    sent = recent[0] if recent else copies[-1] if copies else None
    if sent is not None and now - sent <= limits.LONGEST_ROUND_TRIP and len(core.round_trips) < limits.CANDIDATES:
        core.round_trips.setdefault(ssrc, now - sent)


def note_answer(core: Core, exchange: Exchange, at: float) -> None:
    """The peer has answered what is repeated, be it the first copy or a later one: the shortest wait counts."""
    if core.retransmission is not None:
        took = at - core.retransmission.begun
        if exchange.round_trip is None or took < exchange.round_trip:
            exchange.round_trip = took


def note_crossing_commit(core: Core, now: float) -> None:
    """The peer, which has a HelloACK of ours, did not get our Commit yet: this one waits no longer than the way
    there and back.
    """
    repeated = core.retransmission
    if core.past.first_hello_ack is not None and repeated is not None:
        repeated.hasten(along_the_path(now - core.past.first_hello_ack, len(repeated.message.raw) + HEADER + CRC))


def answer_again(core: Core, raw: bytes, now: float) -> None:
    """A message came before and has its answer. A DHPart2 shows that the initiator is still there; a Commit, which
    anybody can send, wins no time.
    """
    if core.outbox.answer_again(raw) and core.state is State.CONFIRM1_SENT:
        core.expect_initiator(now)
    core.counters["repeated message"] += 1


def answer_limited(core: Core, message: Message, now: float, kept: float = limits.KEPT_FOR_HELLO_ACK) -> bool:
    """Answer something unauthenticated, within the rate limit, with so many `kept` for what matters more."""
    if core.outbox.answer_limited(message, now, kept):
        return True
    core.counters["answer rate exceeded"] += 1
    return False


def complain(core: Core, code: ErrorCode, now: float) -> None:
    """An Error about something that anybody could have sent: at most once a second, with no other effect."""
    if core.last_error_sent is None or now - core.last_error_sent >= limits.ERROR_INTERVAL:
        core.last_error_sent = now
        answer_limited(core, Error.make(code=code), now)


def complain_to_candidate(core: Core, code: ErrorCode, now: float) -> None:
    """An Error to whoever sent what cannot be the peer's, unless somebody else is there, who would hear it too and
    take it for the end of his own exchange.
    """
    if len(core.candidates) < 2:
        complain(core, code, now)
