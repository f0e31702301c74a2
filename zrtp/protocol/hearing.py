"""Who hears us: a Ping with an EndpointHash that nobody can guess (RFC 6189 sections 5.15, 5.16).

Hello, HelloACK, Commit and DHPart1 can be sent blindly. A PingACK that repeats the octets of our Ping comes from
somebody who receives what we send, which a stranger off the path does not. It proves nothing else: somebody on the path
can answer as well as the peer. So part of what is scarce is kept for those who hear us, and nothing more: the last of
the exchanges side by side, half of the public values, a place among the candidates (`zrtp.protocol.side_by_side`).

The Ping goes out only where more than one source is there, and somebody is refused or our hash chain is used up. Every
endpoint has to answer it, and all known ones do so in every state; whoever does not has what is left to everybody.
"""

from __future__ import annotations

from hmac import compare_digest

from zrtp.protocol import limits, transmission
from zrtp.protocol.core import Core
from zrtp.protocol.negotiation import VERSION
from zrtp.wire.messages import Ping, PingACK


def ask(core: Core) -> None:
    """Ask whoever receives our packets to say so, as soon as what is due now has been handled."""
    core.past.asking = True


def ask_the_crowd(core: Core) -> None:
    """Ask it as soon as several sources have introduced themselves, of which none is known to hear us."""
    if not core.past.hearing and is_crowded(core):
        ask(core)


def send_ping(core: Core, now: float) -> None:
    """The Ping that asks, unless one went out just now. It waits if two datagrams are due, the most that one of
    somebody else draws.
    """
    past = core.past
    if len(core.outbox.datagrams) >= 2:
        return
    past.asking = False
    if core.decided or (past.asked and now - past.asked[-1] < limits.CHALLENGE_INTERVAL):
        return
    if past.challenge is None:
        past.challenge, past.first_asked_at = core.installation.random(8), now
    past.asked = (*past.asked[-3:], now)
    core.outbox.transmit(Ping.make(version=VERSION, endpoint_hash=past.challenge))


def is_crowded(core: Core) -> bool:
    """Whether so many sources have introduced themselves that not each of them can be served."""
    return (
        len(core.candidates) >= limits.CROWD and len({known.ssrc for known in core.candidates.values()}) >= limits.CROWD
    )


def admit(core: Core, ssrc: int, now: float) -> bool:
    """Whether somebody of a crowd gets a message of ours that helps one of them only: if he is known to hear us, or if
    there was time to answer our Ping and nobody has. Otherwise a Ping asks who hears us, unless an exchange runs with
    one who does.
    """
    if ssrc in core.past.hearing:
        return True
    if any(exchange.heard for exchange in core.exchanges()):
        core.counters["an exchange runs with somebody who hears us"] += 1
        return False
    asked_at = core.past.first_asked_at
    had_time = asked_at is not None and now - asked_at >= limits.TIME_TO_ANSWER
    if not is_crowded(core) or (had_time and not core.past.hearing):
        return True
    core.counters["somebody else may hear us"] += 1
    ask(core)
    return False


def admit_to_public_value(core: Core, ssrc: int, now: float) -> bool:
    """Whether our public value may go out in one more exchange, with this source; if not, a Ping asks who hears us."""
    if not admit(core, ssrc, now):
        return False
    if core.call.may_send_public_value(now, heard=ssrc in core.past.hearing):
        return True
    core.counters["too many exchanges"] += 1
    ask(core)
    return False


def is_answer(core: Core, ack: PingACK) -> bool:
    """Whether a PingACK repeats our challenge."""
    return core.past.challenge is not None and compare_digest(ack.received_endpoint_hash, core.past.challenge)


def note(core: Core, ssrc: int, now: float) -> bool:
    """Whoever sent this PingACK is known to hear us, also if his Hello has not come yet. False if that is nothing new,
    or too many do.
    """
    if ssrc in core.past.hearing or len(core.past.hearing) >= limits.CANDIDATES:
        return False
    core.past.hearing.add(ssrc)
    transmission.note_round_trip(core, ssrc, now, core.past.asked)
    if not core.call.secured_before:
        for known in core.candidates.values():
            if known.ssrc == ssrc:
                core.call.retention.ask(known.hello.zid, now, heard=True)
    for exchange in core.exchanges():
        exchange.heard |= exchange.peer.ssrc == ssrc
    return True
