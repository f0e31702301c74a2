"""Discovery (RFC 6189 sections 4.1, 5.2, 5.3, 5.15): Hello, HelloACK, Ping, and what happens when nobody answers.

Hellos are not authenticated when they arrive. Up to sixteen different ones are kept as candidates, so that early
forgeries cannot block a call. Our Commit goes to the one that signalling announced (a=zrtp-hash), or else to whoever
acknowledged our Hello; the hash chain of the Commit or DHPart1 that follows selects the real one. With a=zrtp-hash only
a Hello that fits is a candidate, unless the configuration says otherwise.

ZID and SSRC travel in clear too. A Hello with our own ZID or SSRC is answered with an Error and a warning as long as no
exchange runs, and discovery goes on; afterwards it is dropped. Our own Hello that comes back is dropped.

One deadline covers discovery as a whole: a stream that got HelloACK but never a Hello has no timer in the RFC. Only the
first sign of a peer extends it, since anybody can give one. Whoever comes afterwards begins a new search.
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from zrtp.errors import ErrorCode
from zrtp.protocol import (
    announcing,
    compatibility,
    ending,
    hearing,
    initiation,
    limits,
    newcomers,
    other_streams,
    transmission,
)
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import NoPeer, PongReceived, Role, WarningCode
from zrtp.protocol.exchange import Candidate, present
from zrtp.protocol.hello_hash import MISMATCH
from zrtp.protocol.negotiation import VERSION, Version, react_to_version
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import PUBLIC_KEY_TIME, T1, T1_EXTENDED
from zrtp.wire.messages import HELLO_ACK, Hello, HelloACK, Ping, PingACK


def on_start(core: Core, start: Received[None]) -> State:
    """Arrives from: IDLE. Goes to: HELLO_SENT. Sends: Hello on T1 (section 6).

    A zrtp-hash from signalling is evidence of a ZRTP peer, so that the longer schedule applies at once.
    """
    config, now = core.installation.config, start.at
    expected = core.peer_hello_hash is not None
    transmission.send_repeatedly(core, core.hello, T1_EXTENDED if expected else T1, now)
    seconds = config.discovery_deadline_extended if expected else config.discovery_deadline
    core.deadlines[Trigger.DISCOVERY_DEADLINE] = core.later(now, seconds)
    core.discovery_ends, core.past.started_at = None, now
    return State.HELLO_SENT


def on_start_again(core: Core, start: Received[None]) -> State:
    """Arrives from: QUIET. Goes to: HELLO_SENT, or HELLO_RECEIVED if a peer introduced itself before. Sends: Hello on
    T1. The path is open after all, or a packet of the peer shows that somebody is there.
    """
    core.hello_acknowledged = False
    core.acknowledged_by = None
    core.past.ended_by_error = ()
    state = on_start(core, start)
    return State.HELLO_RECEIVED if core.candidates else state


def on_hello(core: Core, hello: Received[Hello]) -> State:
    """Arrives from: HELLO_SENT, HELLO_ACKED, HELLO_RECEIVED, DISCOVERED, QUIET. Goes to: the same,
    HELLO_RECEIVED, HELLO_ACKED, DISCOVERED or at once COMMIT_SENT. Sends: HelloACK, whatever the Hello says (section
    5.3); perhaps a Commit, or Hello once more.

    A peer that comes before ours is acknowledged gets our Hello at once, and one that comes when it is not sent any
    more gets it again: before HelloACK, because one stack falls into a passive role if the acknowledgement comes first.
    """
    now = hello.at
    if core.state is State.QUIET and hello.message.h3 in core.past.ended_by_error:
        acknowledge(core, hello)
        return core.state
    if (hello.ssrc, hello.message.raw) in core.candidates:
        hearing.ask_the_crowd(core)
    if not core.hello_acknowledged and _can_be_the_peers(core, hello.message):
        if core.retransmission is None:
            transmission.send_repeatedly(core, core.hello, T1_EXTENDED, now)
        elif (hello.ssrc, hello.message.raw) not in core.candidates:
            transmission.send_hello_limited(
                core, now
            )  # at once: earlier copies may have come before the peer was there
    by_commit = _is_answered_by_commit(core, hello)
    candidate = acknowledge(core, hello, by_commit=by_commit)
    if candidate is None:
        return core.state
    if core.state is not State.DISCOVERED:  # there the deadline is that for a Commit, if there is one
        core.extend_discovery(now)
    elif (candidate.ssrc, candidate.hello.raw) not in core.candidates:
        transmission.send_hello_limited(core, now)  # whoever acknowledged ours is somebody else, or began anew
    add_candidate(core, candidate, now)
    if by_commit:
        return initiation.initiate_early(core, candidate, now)
    if not core.hello_acknowledged:
        return State.HELLO_RECEIVED
    if core.state in (State.HELLO_ACKED, State.QUIET) and core.acknowledged_by != candidate.ssrc:
        return _introduce_again(core, now)
    return enter_discovered(core, now)


def _is_answered_by_commit(core: Core, received: Received[Hello]) -> bool:
    """Whether our Commit is the answer to a Hello, in place of HelloACK (section 5.3): signalling has bound the Hello,
    the peer takes it, and nothing but this Hello was waited for. The first copy only: a second one shows that something
    got lost.
    """
    hello, call, config = received.message, core.call, core.installation.config
    return (
        core.peer_hello_hash is not None
        and core.state in (State.HELLO_SENT, State.HELLO_RECEIVED)
        and (received.ssrc, hello.raw) not in core.candidates
        and not config.passive
        and not call.switched_off
        and (config.auto_secure or call.secured_before)
        and call.peer_zid in (None, hello.zid)
        and (call.secured_before or not other_streams.are_busy(core))
        and compatibility.takes_commit_for_hello_ack(hello)
        and core.expects(hello)
    )


def _introduce_again(core: Core, now: float) -> State:
    """Somebody acknowledged our Hello, but not whose Hello this is: anybody can send a HelloACK."""
    core.hello_acknowledged = False
    transmission.send_repeatedly(core, core.hello, T1_EXTENDED, now)
    return State.HELLO_RECEIVED


def _can_be_the_peers(core: Core, hello: Hello) -> bool:
    """Whether `acknowledge` will take a Hello for the peer's; others must not bring us to send ours again and again."""
    config = core.installation.config
    version, _ = react_to_version(config.versions, core.hello.version, hello.version)
    return (
        hello.zid != core.call.zid
        and version in (Version.AGREED, Version.STEP_DOWN)
        and (not config.require_hello_hash_match or core.expects(hello))
    )


def on_hello_later(core: Core, hello: Received[Hello]) -> State:
    """Arrives from: CONFIRM2_SENT, SECURE, GOCLEAR_SENT, CLEAR_PENDING, CLEAR. Goes to: the same. Sends: HelloACK (its
    first one got lost), unless it is somebody else's, who could not use it: see `zrtp.protocol.newcomers`.
    """
    if not core.candidates or _introduced_himself(core, hello.message):
        acknowledge(core, hello)
    elif not core.is_own_hello(hello.message.raw):
        newcomers.note_hello(core, hello.message, hello.at)
    return core.state


def _introduced_himself(core: Core, hello: Hello) -> bool:
    """Whether a Hello of the same hash chain is known: the same one, or one of another version."""
    return any(hmac.compare_digest(known.hello.h3, hello.h3) for known in core.candidates.values())


def on_hello_in_exchange(core: Core, hello: Received[Hello]) -> State:
    """Arrives from: DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT. Goes to: the same, COMMIT_SENT on a further stream.
    Sends: HelloACK, and Hello to whoever comes only now; on a further stream Commit too, as long as nothing is proved.
    """
    exchange = present(core.exchange)
    by_commit = exchange.role is Role.RESPONDER and not (exchange.proved or core.h1_shown)
    candidate = _admit(core, hello, by_commit=by_commit and not core.installation.config.passive)
    if candidate is None or exchange.proved:
        return core.state
    return initiation.commit_to_newcomer(core, candidate, hello.at)


def on_hello_after_commit(core: Core, hello: Received[Hello]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same; if our Commit went to somebody whose own was refused: COMMIT_SENT,
    DISCOVERED, HELLO_ACKED; DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange beside it goes on. Sends:
    HelloACK, and Hello to whoever comes only now, or before the next copy of Commit; Commit to whoever comes now.

    Whoever repeats its Hello now did not get our HelloACK, or not our Hello: a HelloACK does not say whose Hello it
    answers, so that the one we got may have been for a stranger's.
    """
    if _admit(core, hello, by_commit=initiation.went_to_doubted(core)) is None:
        return core.state
    if initiation.went_to_doubted(core):
        return initiation.turn_from_doubted(core, hello.at)
    if core.retransmission is not None:
        core.retransmission.preceded_by = core.hello
    return core.state


def on_hello_after_failure(core: Core, hello: Received[Hello]) -> State:
    """Arrives from: FAILED. Goes to: the same, or HELLO_RECEIVED if what failed was with somebody who proved nothing,
    and this is somebody else. Sends: HelloACK; Hello on T1.
    """
    candidate = acknowledge(core, hello)
    if candidate is None or not core.past.open_to_others:
        return core.state
    if _introduced_himself(core, candidate.hello):
        return core.state
    core.past.open_to_others = core.hello_acknowledged = False
    core.acknowledged_by = None
    core.candidates.clear()
    transmission.send_repeatedly(core, core.hello, T1_EXTENDED, hello.at)
    core.extend_discovery(hello.at)
    add_candidate(core, candidate, hello.at)
    return State.HELLO_RECEIVED


def _admit(core: Core, hello: Received[Hello], *, by_commit: bool) -> Candidate | None:
    """Take whoever introduces himself beside an exchange as one more candidate, unless he cannot be the peer. He gets
    our Hello, and HelloACK unless a Commit is about to take its place: never more than two answers at once.
    """
    new = (hello.ssrc, hello.message.raw) not in core.candidates
    candidate = acknowledge(core, hello, by_commit=by_commit and new)
    if candidate is None:
        return None
    if new:
        transmission.send_hello_limited(core, hello.at)
    add_candidate(core, candidate, hello.at)
    return candidate


def on_hello_ack(core: Core, ack: Received[HelloACK]) -> State:
    """Arrives from: HELLO_SENT. Goes to: HELLO_ACKED. Stops the retransmission of Hello, until a Hello shows that
    somebody else acknowledged it.
    """
    core.hello_acknowledged, core.acknowledged_by = True, ack.ssrc
    transmission.note_round_trip(core, ack.ssrc, ack.at, core.hello_copies)
    core.extend_discovery(ack.at)
    return State.HELLO_ACKED


def on_hello_ack_after_hello(core: Core, ack: Received[HelloACK]) -> State:
    """Arrives from: HELLO_RECEIVED. Goes to: DISCOVERED, COMMIT_SENT, HELLO_ACKED if only strangers introduced
    themselves, or the same if it is a stranger's. Sends: Commit, unless passive.
    """
    if ack.ssrc not in [known.ssrc for known in core.candidates.values()]:
        core.counters["HelloACK from a stranger"] += 1
        return core.state
    core.hello_acknowledged, core.acknowledged_by = True, ack.ssrc
    transmission.note_round_trip(core, ack.ssrc, ack.at, core.hello_copies)
    core.extend_discovery(ack.at)
    return enter_discovered(core, ack.at)


def on_hello_ack_when_quiet(core: Core, ack: Received[HelloACK]) -> State:
    """Arrives from: QUIET. Goes to: HELLO_ACKED, DISCOVERED, COMMIT_SENT, or the same. The peer hears us after all."""
    return (on_hello_ack_after_hello if core.candidates else on_hello_ack)(core, ack)


def on_hello_ack_after_commit(core: Core, ack: Received[HelloACK]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same. Our Hello, which went on beside an early Commit, has arrived."""
    if ack.ssrc == present(core.exchange).peer.ssrc and not core.hello_acknowledged:
        core.hello_acknowledged, core.acknowledged_by = True, ack.ssrc
        transmission.note_round_trip(core, ack.ssrc, ack.at, core.hello_copies)
        core.beside = None
    return core.state


def enter_discovered(core: Core, now: float) -> State:
    """Both Hellos are through: commit at once, unless this endpoint is passive, waits for a user, or the peer's Commit
    must be so close that ours would only cross it: then at most half a round trip later.
    """
    if core.state is State.DISCOVERED:
        return State.DISCOVERED
    config, call = core.installation.config, core.call
    if call.switched_off or not (config.auto_secure or call.secured_before):
        core.deadlines.pop(Trigger.DISCOVERY_DEADLINE, None)
        return State.DISCOVERED
    if config.passive:
        return State.DISCOVERED
    due = _commit_of_peer_due(core)
    if due is not None and now < due <= now + core.round_trips[present(core.acknowledged_by)] / 2:
        core.deadlines[Trigger.RETRY] = due
        return State.DISCOVERED
    return initiation.initiate(core, now)


def _commit_of_peer_due(core: Core) -> float | None:
    """When the Commit of whoever acknowledged our Hello is here, if he commits at our HelloACK. Where that is before
    ours could be there both would cross, and half the time the one would count that comes later (section 4.2).
    """
    peer, acknowledged = core.acknowledged_by, core.past.first_hello_ack
    round_trip = None if peer is None else core.round_trips.get(peer)
    if acknowledged is None or not round_trip:
        return None
    if all(known.hello.passive for known in core.candidates.values() if known.ssrc == peer):
        return None
    return acknowledged + round_trip + PUBLIC_KEY_TIME


def on_deadline(core: Core, due: Received[None]) -> State:
    """Arrives from: every state of discovery. Goes to: QUIET, where a late Hello or Commit starts everything again, or
    FAILED if nothing is in common with the only one who came.

    A peer whose Hello we have just acknowledged says no more until it hears ours: so ours goes on.
    """
    nothing = core.past.nothing_in_common
    if nothing is not None and core.candidates.keys() <= core.doubted:
        core.past.open_to_others = True
        return ending.fail(core, nothing.code, nothing.text, due.at, tell_peer=False)
    texts = {
        State.HELLO_SENT: "The other side does not answer ZRTP; this call is not encrypted.",
        State.HELLO_ACKED: "The other side heard us but never introduced itself; this call is not encrypted.",
        State.HELLO_RECEIVED: "The other side speaks ZRTP but does not hear us; this call is not encrypted.",
        State.DISCOVERED: "Neither side began the key agreement (no initiator); this call is not encrypted.",
    }
    text = texts[core.state]
    if core.state is State.HELLO_SENT and core.past.said_by_nobody is not None:
        text = (
            "Somebody answers ZRTP, but no Hello came that counts; this call is not encrypted. What was said, not "
            f"proved: {core.past.said_by_nobody}."
        )
    if core.past.refused_hello and not core.candidates:
        core.warn(WarningCode.HELLO_HASH_MISMATCH, MISMATCH, due.at)
        text = (
            "Somebody answers ZRTP, but not with the Hello that signalling announced; this call is not encrypted. "
            "Something between you changes one of the two, or another phone answers."
        )
    elif core.past.refused_commit is not None:
        text += f" Somebody began a key agreement that was refused: {core.past.refused_commit}"
    core.emit(NoPeer(ssrc=core.ssrc, text=core.with_what_was_said(text)))
    if core.state is not State.HELLO_RECEIVED:
        transmission.stop_repeating(core)
    return State.QUIET


def on_hello_exhausted(core: Core, due: Received[None]) -> State:
    """Arrives from: HELLO_SENT, HELLO_RECEIVED, QUIET. Goes to: the same. No more Hello; the deadline decides."""
    return core.state


def on_retry(core: Core, due: Received[None]) -> State:
    """Arrives from: DISCOVERED, waiting for another exchange or the peer's Commit. Goes to: HELLO_ACKED, DISCOVERED,
    COMMIT_SENT. Sends: Commit.
    """
    return State.DISCOVERED if core.call.switched_off else initiation.initiate(core, due.at)


def on_go_secure(core: Core, due: Received[None]) -> State:
    """Arrives from: DISCOVERED, QUIET, CLEAR, CLEAR_PENDING, when the user asks for encryption. Goes to: COMMIT_SENT,
    DISCOVERED, HELLO_ACKED, or the same. Sends: Commit.
    """
    if not core.hello_acknowledged or not core.candidates or core.installation.config.passive:
        return core.state  # nobody is there yet, or our Hello said that we never commit
    return initiation.initiate(core, due.at)


def on_ping(core: Core, ping: Received[Ping]) -> State:
    """Arrives from: every started state. Goes to: the same. Sends: PingACK (section 5.16)."""
    reply = PingACK.make(
        version=VERSION,
        sender_endpoint_hash=core.call.endpoint_hash,
        received_endpoint_hash=ping.message.endpoint_hash,
        ssrc=ping.ssrc,
    )
    if not core.outbox.answer_ping(reply, ping.at):
        core.counters["answer rate exceeded"] += 1
    if core.state is State.HELLO_SENT:
        core.extend_discovery(ping.at)
    return core.state


def on_ping_ack(core: Core, ack: Received[PingACK]) -> State:
    """Arrives from: every state of discovery, QUIET; CONFIRM2_SENT, SECURE, GOCLEAR_SENT, CLEAR_PENDING, CLEAR, FAILED.
    Goes to: the same. Any version is accepted; without a Ping of ours, and beyond one for each, nothing is told.
    """
    message = ack.message
    if hearing.is_answer(core, message):
        hearing.note(core, ack.ssrc, ack.at)
    elif not core.pings:
        core.counters["PingACK without a Ping"] += 1
    elif hmac.compare_digest(message.received_endpoint_hash, core.call.endpoint_hash):
        core.pings -= 1
        core.emit(PongReceived(ssrc=core.ssrc, endpoint_hash=message.sender_endpoint_hash, version=message.version))
    return core.state


def acknowledge(core: Core, received: Received[Hello], *, by_commit: bool = False) -> Candidate | None:
    """Answer a Hello, unless a Commit is going to do so, and say who it comes from if that can be the peer.

    A Hello with another version, our own ZID, or another hash than signalling announced is acknowledged or refused,
    but never becomes a candidate.
    """
    hello, now = received.message, received.at
    if core.is_own_hello(hello.raw):
        core.counters["own Hello reflected"] += 1
        return None
    running = core.exchange is not None
    if hello.zid == core.call.zid:
        if not running:
            transmission.complain(core, ErrorCode.EQUAL_ZIDS, now)
            core.warn(
                WarningCode.EQUAL_ZIDS,
                "A peer claims our own ZID: a copied installation, or somebody who replays what we send. "
                "If this installation was copied, give one of the two a new ZID.",
                now,
            )
        else:
            core.counters["own ZID"] += 1
        return None
    version, ours = react_to_version(core.installation.config.versions, core.hello.version, hello.version)
    if not by_commit and transmission.answer_limited(core, HELLO_ACK, now, _kept(core, received)):
        core.past.first_hello_ack = now if core.past.first_hello_ack is None else core.past.first_hello_ack
    if version is Version.UNSUPPORTED and not running:
        transmission.complain(core, ErrorCode.UNSUPPORTED_VERSION, now)
    if version is Version.STEP_DOWN and not running:
        transmission.change_version(core, ours, now)
        version, _ = react_to_version((), ours, hello.version)
    if version is not Version.AGREED:
        core.counters[f"version {version.value}"] += 1
        return None
    return Candidate(hello, received.ssrc, now) if _check_signalling(core, hello, now) else None


def _kept(core: Core, received: Received[Hello]) -> float:
    """How much of the answers is kept for others than whoever sent this Hello."""
    if received.ssrc in core.past.hearing:
        return 0.0
    return (
        limits.KEPT_FOR_HEARING if (received.ssrc, received.message.raw) in core.candidates else limits.KEPT_FOR_KNOWN
    )


def _check_signalling(core: Core, hello: Hello, now: float) -> bool:
    """Whether the Hello is the one that a=zrtp-hash announced, where there is one (section 8.1)."""
    if core.expects(hello):
        return True
    core.past.refused_hello = True
    return not core.installation.config.require_hello_hash_match


def add_candidate(core: Core, candidate: Candidate, now: float) -> None:
    """Remember a Hello; if there are too many, the stalest of those that came once is forgotten, but nobody who
    acknowledged ours. Time alone forgets nobody: a peer that has our HelloACK says no more, and it may be minutes until
    a user wants encryption.
    """
    candidates = core.candidates
    first = not candidates
    strangers = [
        key
        for key, known in candidates.items()
        if known.ssrc != core.acknowledged_by and known.ssrc not in core.past.hearing
    ]
    key = (candidate.ssrc, candidate.hello.raw)
    if key in candidates:
        candidate = replace(candidate, copies=candidates[key].copies + 1)
    elif len(candidates) >= limits.CANDIDATES:
        least = min(strangers, key=lambda known: (candidates[known].copies > 1, candidates[known].seen), default=None)
        del candidates[least if least is not None else next(reversed(candidates))]
    candidates[key] = candidate  # a repeated Hello keeps its place
    core.doubted &= candidates.keys()
    if not core.call.secured_before:
        core.call.retention.ask(candidate.hello.zid, now, heard=candidate.ssrc in core.past.hearing)
    if first:
        announcing.announce(core, candidate)


def refuse_hello_under_our_ssrc(core: Core, now: float) -> None:
    """Somebody else uses our SSRC (RFC 6189 section 4.1). Anybody can forge that, so it ends nothing: before an
    exchange runs it is answered with an Error, afterwards it is dropped.
    """
    transmission.complain(core, ErrorCode.SSRC_COLLISION, now)
    core.warn(
        WarningCode.SSRC_COLLISION,
        "The peer uses our SSRC. Start the stream again with a new SSRC.",
        now,
    )
