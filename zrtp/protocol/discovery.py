"""Discovery (RFC 6189 sections 4.1, 5.2, 5.3, 5.15): Hello, HelloACK, Ping, and what happens when nobody answers.

Hellos are not authenticated when they arrive. Up to four different ones are kept as candidates; our Commit goes to the
one that signalling announced (a=zrtp-hash), or else to whoever acknowledged our Hello, and the hash chain of the Commit
or DHPart1 that follows selects the real one, so that one early forgery cannot block a call. With a=zrtp-hash only a
Hello that fits is a candidate, unless the configuration says otherwise.

ZID and SSRC travel in clear too. A Hello with our own ZID or SSRC is answered with an Error and a warning as long as no
peer is pinned, and discovery goes on; afterwards it is dropped. Our own Hello that comes back is dropped.

One deadline covers discovery as a whole, since the RFC leaves a stream that got HelloACK but never a Hello without
any timer.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import sha256
from zrtp.errors import ErrorCode
from zrtp.protocol import commitment, limits
from zrtp.protocol.events import NoPeer, PeerDetected, PongReceived, WarningCode
from zrtp.protocol.exchange import Candidate
from zrtp.protocol.negotiation import VERSION, Version, react_to_version
from zrtp.protocol.states import State
from zrtp.protocol.timers import T1, T1_EXTENDED
from zrtp.wire.messages import HELLO_ACK, Hello, HelloACK, Ping, PingACK

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream


def on_start(stream: Stream, _: None, now: float) -> State:
    """Arrives from: IDLE. Goes to: HELLO_SENT. Sends: Hello on T1 (section 6).

    A zrtp-hash from signalling is evidence of a ZRTP peer, so that the longer schedule applies at once.
    """
    config = stream.endpoint.config
    expected = stream.peer_hello_hash is not None
    stream.send_repeatedly(stream.hello, T1_EXTENDED if expected else T1, now)
    seconds = config.discovery_deadline_extended if expected else config.discovery_deadline
    stream.discovery_deadline = now + seconds * config.timer_scale
    return State.HELLO_SENT


def on_hello(stream: Stream, candidate: Candidate, now: float) -> State:
    """Arrives from: HELLO_SENT, HELLO_ACKED, HELLO_RECEIVED, DISCOVERED, QUIET. Goes to: HELLO_RECEIVED, or DISCOVERED
    and from there at once to COMMIT_SENT. Sends: HelloACK, whatever the Hello says (section 5.3); perhaps a Commit, or
    Hello once more.

    A peer that comes when our own Hello is not sent any more gets it again, before HelloACK, because one stack falls
    into a passive role if the acknowledgement comes first.
    """
    if stream.retransmission is None and not stream.hello_acknowledged and _can_be_the_peers(stream, candidate.hello):
        stream.send_repeatedly(stream.hello, T1_EXTENDED, now)
    if not acceptable(stream, candidate, now):
        return stream.state
    if stream.state is not State.DISCOVERED:  # there the deadline is that for a Commit, if there is one
        stream.extend_discovery(now)
    add_candidate(stream, candidate, now)
    if not stream.hello_acknowledged:
        return State.HELLO_RECEIVED
    if stream.state in (State.HELLO_ACKED, State.QUIET) and stream.acknowledged_by != candidate.ssrc:
        return _introduce_again(stream, now)
    return discovered(stream, now)


def _introduce_again(stream: Stream, now: float) -> State:
    """Somebody acknowledged our Hello, but not whose Hello this is: anybody can send a HelloACK."""
    stream.hello_acknowledged = False
    stream.send_repeatedly(stream.hello, T1_EXTENDED, now)
    return State.HELLO_RECEIVED


def _can_be_the_peers(stream: Stream, hello: Hello) -> bool:
    """Whether `acceptable` will accept a Hello; others must not bring us to send our own again and again."""
    config, expected = stream.endpoint.config, stream.peer_hello_hash
    version, _ = react_to_version(config.versions, stream.hello.version, hello.version)
    return (
        hello.zid != stream.session.zid
        and version in (Version.AGREED, Version.STEP_DOWN)
        and (
            expected is None or not config.require_hello_hash_match or hmac.compare_digest(sha256(hello.raw), expected)
        )
    )


def on_hello_later(stream: Stream, candidate: Candidate, now: float) -> State:
    """Arrives from: every state after discovery. Goes to: the same. Sends: HelloACK (its first one got lost)."""
    acceptable(stream, candidate, now)
    return stream.state


def on_hello_after_commit(stream: Stream, candidate: Candidate, now: float) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same. Sends: HelloACK, and Hello before the next copy of Commit.

    Whoever repeats its Hello now did not get our HelloACK, or not our Hello: a HelloACK does not say whose Hello it
    answers, so that the one we got may have been for a stranger's. The candidates stay as they are: nobody who comes
    only now gets a Commit of his own in between.
    """
    if acceptable(stream, candidate, now) and stream.retransmission is not None:
        stream.retransmission.preceded_by = stream.hello
    return stream.state


def on_hello_ack(stream: Stream, answer: tuple[HelloACK, int], now: float) -> State:
    """Arrives from: HELLO_SENT, QUIET (no Hello came). Goes to: HELLO_ACKED. Stops the retransmission of Hello, until
    a Hello shows that somebody else acknowledged it.
    """
    _, ssrc = answer
    stream.hello_acknowledged, stream.acknowledged_by = True, ssrc
    stream.extend_discovery(now)
    return State.HELLO_ACKED


def on_hello_ack_after_hello(stream: Stream, answer: tuple[HelloACK, int], now: float) -> State:
    """Arrives from: HELLO_RECEIVED, QUIET (a Hello came). Goes to: DISCOVERED, COMMIT_SENT, or the same if it is a
    stranger's. Sends: Commit, unless passive.
    """
    _, ssrc = answer
    if all(ssrc != known.ssrc for known in stream.candidates.values()):
        stream.counters["HelloACK from a stranger"] += 1
        return stream.state
    stream.hello_acknowledged, stream.acknowledged_by = True, ssrc
    stream.extend_discovery(now)
    return discovered(stream, now)


def on_hello_ack_when_quiet(stream: Stream, answer: tuple[HelloACK, int], now: float) -> State:
    """Arrives from: QUIET. Goes to: HELLO_ACKED, DISCOVERED, COMMIT_SENT. The peer hears us after all."""
    return (on_hello_ack_after_hello if stream.candidates else on_hello_ack)(stream, answer, now)


def discovered(stream: Stream, now: float) -> State:
    """Both Hellos are through: commit at once, unless this endpoint is passive or waits for a user."""
    if stream.state is State.DISCOVERED:
        return State.DISCOVERED
    stream.stop_repeating()
    config, session = stream.endpoint.config, stream.session
    if session.switched_off or not (config.auto_secure or session.secured_before):
        stream.discovery_deadline = None
        return State.DISCOVERED
    if config.passive:
        return State.DISCOVERED
    return commitment.initiate(stream, now)


def on_deadline(stream: Stream, _: None, now: float) -> State:
    """Arrives from: every state of discovery. Goes to: QUIET. A late Hello or Commit starts everything again."""
    texts = {
        State.HELLO_SENT: "The other side does not answer ZRTP; this call is not encrypted.",
        State.HELLO_ACKED: "The other side heard us but never introduced itself; this call is not encrypted.",
        State.HELLO_RECEIVED: "The other side speaks ZRTP but does not hear us; this call is not encrypted.",
        State.DISCOVERED: "Neither side began the key agreement (no initiator); this call is not encrypted.",
    }
    stream.emit(NoPeer(ssrc=stream.ssrc, text=texts[stream.state]))
    return State.QUIET


def on_hello_exhausted(stream: Stream, _: None, now: float) -> State:
    """Arrives from: HELLO_SENT, HELLO_RECEIVED. Goes to: the same. No more Hello; the deadline decides."""
    return stream.state


def on_retry(stream: Stream, _: None, now: float) -> State:
    """Arrives from: DISCOVERED, waiting for another exchange. Goes to: DISCOVERED, COMMIT_SENT."""
    return State.DISCOVERED if stream.session.switched_off else commitment.initiate(stream, now)


def on_go_secure(stream: Stream, _: None, now: float) -> State:
    """Arrives from: DISCOVERED, QUIET, CLEAR, CLEAR_PENDING, when the user asks for encryption. Goes to: COMMIT_SENT,
    or stays. Sends: Commit.
    """
    if not stream.hello_acknowledged or not stream.candidates or stream.endpoint.config.passive:
        return stream.state  # nobody is there yet, or our Hello said that we never commit
    return commitment.initiate(stream, now)


def on_ping(stream: Stream, request: tuple[Ping, int], now: float) -> State:
    """Arrives from: every state but IDLE and CLOSED. Goes to: the same. Sends: PingACK (section 5.16)."""
    ping, ssrc = request
    reply = PingACK.make(
        version=VERSION,
        sender_endpoint_hash=stream.session.endpoint_hash,
        received_endpoint_hash=ping.endpoint_hash,
        ssrc=ssrc,
    )
    stream.answer_limited(reply, now)
    if stream.discovery_deadline is not None and stream.state is State.HELLO_SENT:
        stream.extend_discovery(now)
    return stream.state


def on_ping_ack(stream: Stream, message: PingACK, now: float) -> State:
    """Arrives from: every state but IDLE and CLOSED. Goes to: the same. Any version is accepted."""
    if hmac.compare_digest(message.received_endpoint_hash, stream.session.endpoint_hash):
        stream.emit(PongReceived(ssrc=stream.ssrc, endpoint_hash=message.sender_endpoint_hash, version=message.version))
    return stream.state


def acceptable(stream: Stream, candidate: Candidate, now: float) -> bool:
    """Acknowledge a Hello, and say whether it can be the peer's.

    A Hello with another version, our own ZID, or another hash than signalling announced is acknowledged or refused,
    but never becomes a candidate.
    """
    hello = candidate.hello
    if hello.raw == stream.hello.raw:
        stream.counters["own Hello reflected"] += 1
        return False
    pinned = stream.exchange is not None
    if hello.zid == stream.session.zid:
        if not pinned:
            stream.refuse_hello(
                ErrorCode.EQUAL_ZIDS,
                WarningCode.EQUAL_ZIDS,
                "A peer claims our own ZID: a copied installation, or somebody who replays what we send. "
                "If this installation was copied, give one of the two a new ZID.",
                now,
            )
        else:
            stream.counters["own ZID"] += 1
        return False
    version, ours = react_to_version(stream.endpoint.config.versions, stream.hello.version, hello.version)
    stream.answer_limited(HELLO_ACK, now)
    if version is Version.UNSUPPORTED and not pinned:
        stream.refuse_hello(ErrorCode.UNSUPPORTED_VERSION, None, "", now)
    if version is Version.STEP_DOWN and not pinned:
        stream.change_version(ours, now)
        version, _ = react_to_version((), ours, hello.version)
    if version is not Version.AGREED:
        stream.counters[f"version {version.value}"] += 1
        return False
    return _fits_signalling(stream, candidate, now)


def _fits_signalling(stream: Stream, candidate: Candidate, now: float) -> bool:
    """Whether the Hello is the one that a=zrtp-hash announced, where there is one (section 8.1)."""
    expected = stream.peer_hello_hash
    if expected is None or hmac.compare_digest(sha256(candidate.hello.raw), expected):
        return True
    stream.warn(
        WarningCode.HELLO_HASH_MISMATCH,
        "The peer's Hello is not the one that its signalling announced: somebody changed one of the two on the way. "
        "Call again; if it happens again, do not trust this connection.",
        now,
    )
    return not stream.endpoint.config.require_hello_hash_match


def add_candidate(stream: Stream, candidate: Candidate, now: float) -> None:
    """Remember a Hello; each is forgotten after 10 s, and the stalest when there are more than four. Whoever
    acknowledged our Hello stays: it may be minutes until the user wants encryption.
    """
    candidates = stream.candidates
    first = not candidates
    lifetime = limits.CANDIDATE_LIFETIME * stream.endpoint.config.timer_scale
    strangers = [key for key, known in candidates.items() if known.ssrc != stream.acknowledged_by]
    for key in [key for key in strangers if now - candidates[key].seen > lifetime]:
        strangers.remove(key)
        del candidates[key]
    key = (candidate.ssrc, candidate.hello.raw)
    if key not in candidates and len(candidates) >= limits.CANDIDATES:
        stalest = min(strangers, key=lambda known: candidates[known].seen, default=None)
        del candidates[stalest if stalest is not None else next(reversed(candidates))]
    candidates[key] = candidate  # a repeated Hello keeps its place
    if first:
        announce(stream, candidate)


def announce(stream: Stream, candidate: Candidate) -> None:
    """Tell the application whom the stream hears."""
    hello = candidate.hello
    stream.emit(
        PeerDetected(
            ssrc=stream.ssrc,
            zid=hello.zid,
            client_id=hello.client_id,
            version=hello.version.decode("ascii", "backslashreplace"),
            hashes=hello.hashes,
            ciphers=hello.ciphers,
            auth_tags=hello.auth_tags,
            key_agreements=hello.key_agreements,
            sas_types=hello.sas_types,
            signature_capable=hello.signature_capable,
            mitm=hello.mitm,
            passive=hello.passive,
        )
    )
