"""One RTP stream: its hash chain, its state, its retransmission, its keys.

The stream owns no protocol decisions: it decodes datagrams, finds the handler of (state, input) in the transition
table, and does what every handler needs: sending, timers, events, failing.

Checks run from cheap to dear: size, cookie, CRC and frame of the packet; type, source, whether it came before, whether
it fits the state; its length; the hash chain and the MAC that it opens; algorithms, public value, hvi; only then a
public-key operation. What fails has these effects and no other:

    not ZRTP, damaged, unknown type, wrong source or state    dropped, counted, no answer
    malformed with a right CRC                                dropped; the peer of an exchange gets an Error each second
    a preimage that does not continue the hash chain          dropped with a warning; the exchange goes on
    a wrong Confirm MAC                                       dropped, remembered; see `zrtp.protocol.confirmation`
    a wrong MAC under the right key, public value, hvi, SAS
    signature, or a Commit to what was not offered            the exchange ends with that Error; the cache is untouched

Logged are, by "zrtp", or by a logger below it for each stream if DEBUG is on: transitions and drops (DEBUG), how each
exchange failed (INFO), warnings (WARNING, one a second of each kind). Never a key, a secret, a hash chain value, or the
SAS; what the peer chose is escaped.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import sha256
from zrtp.errors import ApiMisuse, BackendUnavailable, ErrorCode, MalformedPacket, PeerError, ZrtpError
from zrtp.protocol import compatibility, limits
from zrtp.protocol.confirm import ConfirmRefused
from zrtp.protocol.events import (
    Closed,
    Event,
    Failed,
    KeysReady,
    Mode,
    Role,
    SecurityWarning,
    Sending,
    SendingChanged,
    Suite,
    WarningCode,
)
from zrtp.protocol.exchange import Candidate, Exchange, present
from zrtp.protocol.hash_chain import ChainBroken, OwnChain, message_mac
from zrtp.protocol.negotiation import VERSION
from zrtp.protocol.states import IN_EXCHANGE, Go, Ignore, Input, State, Trigger
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T1, T1_EXTENDED, T2, Retransmission, Schedule
from zrtp.protocol.work import GoOn, Operation, Work
from zrtp.wire.fragments import Reassembler, split
from zrtp.wire.messages import ERROR_ACK, HELLO_ACK, Error, Hello, Kind, Message, Ping, kind_of, read
from zrtp.wire.packet import CRC, HEADER, Fragment, check_frame, decode_packet, encode_fragment, encode_packet

if TYPE_CHECKING:
    from zrtp.protocol.clearing import LateGoClear
    from zrtp.protocol.endpoint import Endpoint
    from zrtp.protocol.session import Session

log = logging.getLogger("zrtp")

DISCOVERY = frozenset({State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED})
BEFORE_SECURE = DISCOVERY | IN_EXCHANGE | {State.QUIET}
RETRANSMITTING = frozenset(
    {
        State.HELLO_SENT,
        State.HELLO_RECEIVED,
        State.COMMIT_SENT,
        State.DHPART2_SENT,
        State.CONFIRM2_SENT,
        State.SECURE,
        State.GOCLEAR_SENT,
        State.CLEAR_PENDING,
        State.FAILED,
    }
)
WITH_SOURCE = frozenset({Kind.PING, Kind.HELLO_ACK, Kind.COMMIT, Kind.DHPART1})
"""Whose handlers also take the SSRC that the message came from."""

OF_EXCHANGE = frozenset({Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK})
"""What cannot be taken while a public-key operation for the exchange runs elsewhere."""

RESPONDING = frozenset({State.DHPART1_SENT, State.CONFIRM1_SENT})
"""The responder waits for the initiator, and gives up after some silence."""


class Stream:
    """One media stream of a session, named by its SSRC.

    After every call that can change state: drain the session's events, send the datagrams of all its streams, and arm
    a timer for the earliest `next_timer`. Times are seconds of one monotonic clock. Nothing that a peer sends raises;
    misuse raises `ApiMisuse`. One owner: there are no locks inside.
    """

    __slots__ = (
        "_answers",
        "_bucket",
        "_fragmented",
        "_logger",
        "_outbox",
        "_reassembler",
        "_sequence",
        "_warned",
        "_work",
        "_work_handed_out",
        "acknowledged_by",
        "candidates",
        "chain",
        "commits_count_from",
        "counters",
        "discovery_deadline",
        "endpoint",
        "error_grace_until",
        "exchange",
        "hello",
        "hello_acknowledged",
        "idle_deadline",
        "last_error_sent",
        "late_goclear",
        "message_id",
        "peer_error",
        "peer_hello_hash",
        "retransmission",
        "retry_at",
        "sending",
        "session",
        "ssrc",
        "state",
    )

    def __init__(self, session: Session, ssrc: int, peer_hello_hash: bytes | None) -> None:
        endpoint = session.endpoint
        self.session = session
        self.endpoint: Endpoint = endpoint
        self.ssrc = ssrc
        self.state = State.IDLE
        self.sending = Sending.CLEAR
        self.chain = OwnChain.make(endpoint.random)
        self.hello = self._make_hello(endpoint.config.versions[0])
        self.peer_hello_hash = peer_hello_hash
        self.hello_acknowledged = False
        self.acknowledged_by: int | None = None
        """SSRC of whoever sent the HelloACK."""
        self.candidates: dict[tuple[int, bytes], Candidate] = {}
        self.exchange: Exchange | None = None
        self.retransmission: Retransmission | None = None
        self.discovery_deadline: float | None = None
        self.idle_deadline: float | None = None
        self.error_grace_until: float | None = None
        self.retry_at: float | None = None
        self.commits_count_from: float | None = None
        """Commits that come earlier may belong to a ZRTPSess that a GoClear has replaced."""
        self.peer_error: int | None = None
        self.last_error_sent: float | None = None
        self.counters: Counter[str] = Counter()
        """What was dropped, by reason."""
        self.late_goclear: LateGoClear | None = None
        self.message_id = 0
        """Of the last message sent in fragments; 0 before the first."""
        self._fragmented = b""
        self._sequence = compatibility.first_sequence_number(endpoint.random)
        self._outbox: list[bytes] = []
        self._answers: dict[bytes, tuple[Message, int]] = {}
        self._bucket = limits.TokenBucket()
        self._warned: dict[WarningCode, float] = {}
        self._reassembler: Reassembler | None = None
        self._work: Work | None = None
        self._work_handed_out = False
        self._logger = log.getChild(f"{session.number}.{ssrc:08x}") if log.isEnabledFor(logging.DEBUG) else log

    # The five verbs.

    def start(self, now: float) -> None:
        """Begin discovery: send Hello. Call it when media can flow, with ICE after its checks (RFC 6189 section 3)."""
        self.trigger(Trigger.START, now)

    def receive_datagram(self, datagram: bytes, now: float) -> None:
        """Take one UDP payload that the demultiplexer found to be ZRTP. Never raises for what is in it."""
        if self.state in (State.IDLE, State.CLOSED):
            self.counters[f"received while {self.state.value}"] += 1
            return
        try:
            packet = decode_packet(datagram)
            if isinstance(packet, Fragment):
                message = self._reassemble(packet, now)
                if message is None:
                    return
            else:
                message = packet.message
            self._receive(packet.ssrc, message, now)
        except MalformedPacket as error:
            self._malformed(error, int.from_bytes(datagram[8:12], "big"), now)
        except ZrtpError as error:
            self.counters[type(error).__name__] += 1

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the UDP payloads that are due now, in order."""
        out, self._outbox = self._outbox, []
        return out

    def next_timer(self) -> float | None:
        """When `handle_timer` should be called; None while nothing is pending."""
        earliest = None if self.retransmission is None else self.retransmission.due
        for timer in (self.discovery_deadline, self.idle_deadline, self.error_grace_until, self.retry_at):
            if timer is not None and (earliest is None or timer < earliest):
                earliest = timer
        return earliest

    def handle_timer(self, now: float) -> None:
        """Do what is due. Early or repeated calls do nothing; a late call sends one copy, not a burst."""
        if self.error_grace_until is not None and now >= self.error_grace_until:
            self.error_grace_until = None
            self.trigger(Trigger.ERROR_GRACE_OVER, now)
        if self.discovery_deadline is not None and now >= self.discovery_deadline:
            self.discovery_deadline = None
            self.trigger(Trigger.DISCOVERY_DEADLINE, now)
        if self.idle_deadline is not None and now >= self.idle_deadline:
            self.idle_deadline = None
            self.trigger(Trigger.IDLE_TIMEOUT, now)
        if self.retry_at is not None and now >= self.retry_at:
            self.retry_at = None
            self.trigger(Trigger.RETRY, now)
        retransmission = self.retransmission
        if retransmission is not None and now >= retransmission.due:
            if retransmission.exhausted:
                self.retransmission = None
                self.trigger(Trigger.EXHAUSTED, now)
            else:
                if retransmission.preceded_by is not None:
                    self.transmit(retransmission.preceded_by)
                    retransmission.preceded_by = None
                self.transmit(retransmission.message)
                retransmission.next_copy(now)

    def srtp_verified(self, now: float) -> None:
        """An SRTP packet of the peer passed its authentication: it counts as Conf2ACK (RFC 6189 section 4.6)."""
        self.trigger(Trigger.SRTP, now)

    def work_to_do(self) -> Work | None:
        """A public-key operation to run elsewhere, each once; only in a session with `offload`."""
        if self._work is None or self._work_handed_out:
            return None
        self._work_handed_out = True
        return self._work

    def work_done(self, work: Work, now: float) -> None:
        """`work` has run: go on with its result, unless the exchange has ended in the meantime."""
        if work is not self._work:
            work.discard()
            return
        self._work = None
        try:
            target = work.go_on(work.result(), now)
        except ZrtpError as error:
            self._refused(error, now)
        else:
            self.enter(target)

    def permit_clear(self) -> None:
        """After a failure: the application decides that clear media may flow again (policy "best effort").

        Raises:
            ApiMisuse: the stream is secure or still going secure; only GoClear leads from there.
        """
        if self.state in IN_EXCHANGE or self.state in (State.SECURE, State.GOCLEAR_SENT, State.CLEAR_PENDING):
            raise ApiMisuse("Clear media is not permitted while the stream is secure or going secure; use go_clear.")
        if self.state is not State.CLOSED:
            self.set_sending(Sending.CLEAR)

    def ping(self, now: float) -> None:
        """Ask whether a ZRTP endpoint is there; the answer is a `PongReceived` (RFC 6189 section 5.15)."""
        if self.state is State.CLOSED:
            raise ApiMisuse("The stream is closed; a Ping needs a running one.")
        if self._bucket.take(now, limits.KEPT_FOR_HELLO_ACK):
            self.transmit(Ping.make(version=VERSION, endpoint_hash=self.session.endpoint_hash))

    # What people ask about a stream.

    @property
    def hello_hash(self) -> str:
        """Version and SHA-256 of our Hello in hexadecimal, the value of a=zrtp-hash (RFC 6189 section 8)."""
        return _hash_of(self.hello)

    @property
    def hello_hashes(self) -> list[str]:
        """One a=zrtp-hash value for each version that is supported, highest first."""
        return [_hash_of(self._make_hello(version)) for version in self.endpoint.config.versions]

    @property
    def role(self) -> Role | None:
        """Initiator or responder, once a Commit decides it."""
        return None if self.exchange is None else self.exchange.role

    @property
    def mode(self) -> Mode | None:
        """How the keys came about, once a Commit decides it."""
        return None if self.exchange is None else self.exchange.mode

    @property
    def suite(self) -> Suite | None:
        """The algorithms of the Commit that counts."""
        return None if self.exchange is None else self.exchange.suite

    def __repr__(self) -> str:
        return f"<Stream {self.ssrc:08x} {self.state.value}>"

    # Inputs: messages and triggers go through the transition table.

    def _receive(self, ssrc: int, raw: bytes, now: float) -> None:
        kind = kind_of(raw)
        if kind is None:
            self.counters["unknown message type"] += 1
            return
        if ssrc == self.ssrc:
            self._own_ssrc(kind, raw, now)
            return
        if self.exchange is not None and ssrc != self.exchange.peer.ssrc and not self._may_be_the_peers(kind, ssrc):
            self.counters["source is not the peer's"] += 1
            return
        if self._answer_again(raw, now):
            return
        if self._work is not None and kind in OF_EXCHANGE:
            self.counters["a public-key operation is running"] += 1
            return
        step = TABLE[self.state][kind]
        if isinstance(step, Ignore):
            self.counters[step.reason] += 1
            return
        message = read(kind, raw)
        if isinstance(message, Hello):
            self._take(step, Candidate(message, ssrc, now), now)
        elif kind in WITH_SOURCE:
            self._take(step, (message, ssrc), now)
        else:
            self._take(step, message, now)

    def _may_be_the_peers(self, kind: Kind, ssrc: int) -> bool:
        """Whether a message of another source than the peer's counts: as long as nobody has answered our Commit, the
        peer may turn out to be another one of those that introduced themselves."""
        if self.state is State.COMMIT_SENT and kind in (Kind.COMMIT, Kind.DHPART1):
            return any(ssrc == known.ssrc for known in self.candidates.values())
        return kind in (Kind.HELLO, Kind.PING)

    def trigger(self, trigger: Trigger, now: float) -> None:
        """An input that is not a message."""
        step = TABLE[self.state][trigger]
        if isinstance(step, Ignore):
            self.counters[step.reason] += 1
        else:
            self._take(step, None, now)

    def _take(self, step: Go, message: object, now: float) -> None:
        try:
            target = step.handler(self, message, now)
        except ZrtpError as error:
            self._refused(error, now)
        else:
            self.enter(target)

    def _refused(self, error: ZrtpError, now: float) -> None:
        """A handler ended with an exception: what that says about the peer, or about us. Raises what is neither."""
        if isinstance(error, ChainBroken):
            self.counters["hash chain does not fit"] += 1
            if self.exchange is not None:
                self.exchange.disturbed = True
            self.warn(WarningCode.CHAIN_MISMATCH, f"A message that is not from this peer was dropped: {error}.", now)
        elif isinstance(error, ConfirmRefused):
            self.counters["Confirm MAC wrong"] += 1
            if self.exchange is not None and self.state in IN_EXCHANGE:
                self.exchange.confirm_refused = True
        elif isinstance(error, PeerError) and not isinstance(error, MalformedPacket):
            self.fail(error.code, str(error), now, tell_peer=True)
        elif isinstance(error, ApiMisuse | BackendUnavailable) and self.state in BEFORE_SECURE:
            # Randomness or a library failed in the middle of a handler.
            self.fail(ErrorCode.SOFTWARE_ERROR, str(error), now, tell_peer=True)
        else:
            raise error

    def compute(self, operation: Operation, go_on: GoOn, now: float) -> State:
        """Perform a public-key operation and go on with its result: at once, or when `work_done` brings it."""
        if not self.session.offload:
            return go_on(operation(), now)
        self._work, self._work_handed_out = Work(operation, go_on), False
        return self.state

    def enter(self, target: State) -> None:
        """Change the state; timers that have no meaning in the new one stop."""
        if target is self.state:
            return
        self._logger.debug("stream %08x: %s -> %s", self.ssrc, self.state, target)
        self.state = target
        if target not in DISCOVERY:
            self.discovery_deadline = self.retry_at = None
        if target not in RESPONDING:
            self.idle_deadline = None
        if target not in RETRANSMITTING:
            self.retransmission = None

    def progressed(self) -> None:
        """A valid next message of the peer overrides an Error that anybody could have sent."""
        self.peer_error = None
        self.error_grace_until = None

    # Sending.

    def transmit(self, message: Message) -> None:
        """Put one message into a packet, or several fragments, each with the next sequence number."""
        raw = message.raw
        mtu = self.endpoint.config.mtu
        if len(raw) + HEADER + CRC <= mtu:
            self._outbox.append(encode_packet(self._next_sequence(), self.ssrc, raw))
            return
        if raw != self._fragmented:  # a new message has a new number, a copy keeps it
            self.message_id = self.message_id % 0xFFFF + 1 if self.message_id else self._sequence
            self._fragmented = raw
        for offset, data in split(raw, mtu):
            fragment = encode_fragment(
                self._next_sequence(),
                self.ssrc,
                message_id=self.message_id,
                total_words=len(raw) // 4,
                offset_words=offset,
                data=data,
            )
            self._outbox.append(fragment)

    def _next_sequence(self) -> int:
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        return sequence

    def send_repeatedly(self, message: Message, schedule: Schedule, now: float) -> None:
        """Send now, and again on the schedule until `stop_repeating` or exhaustion."""
        self.transmit(message)
        self.retransmission = Retransmission(message, schedule, now, self.endpoint.config.timer_scale)

    def stop_repeating(self) -> None:
        self.retransmission = None

    def answer(self, request: bytes, reply: Message) -> None:
        """Send a reply, and again whenever the same octets arrive once more (RFC 6189 section 6)."""
        self.answer_copies(request, reply)
        self.transmit(reply)

    def answer_copies(self, request: bytes, reply: Message) -> None:
        """Send a reply whenever the same octets arrive once more; the first one is on its way already."""
        if len(self._answers) >= limits.ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[request] = (reply, 0)

    def forget_answers(self) -> None:
        """Old requests are not answered again: their keys are gone."""
        self._answers.clear()

    def forget_reply(self, reply: Message) -> None:
        """What was answered with this is not answered again: it belongs to keys that are gone."""
        self._answers = {request: known for request, known in self._answers.items() if known[0] is not reply}

    def forget_candidates_except(self, peer: Candidate) -> None:
        """The peer is known: only its Hello counts from now on."""
        self.candidates = {(peer.ssrc, peer.hello.raw): peer}

    def _answer_again(self, raw: bytes, now: float) -> bool:
        """Whether a message came before and has its answer. It shows that the initiator is still there."""
        known = self._answers.get(raw)
        if known is None:
            return False
        reply, times = known
        if times < limits.DUPLICATE_ANSWERS:
            self._answers[raw] = (reply, times + 1)
            self.transmit(reply)
            if self.idle_deadline is not None:
                self.expect_initiator(now, RESPONDER_TIMEOUT)
        self.counters["repeated message"] += 1
        return True

    def answer_limited(self, message: Message, now: float) -> bool:
        """Answer something unauthenticated, within the rate limit."""
        if not self._bucket.take(now, 0.0 if message is HELLO_ACK else limits.KEPT_FOR_HELLO_ACK):
            self.counters["answer rate exceeded"] += 1
            return False
        self.transmit(message)
        return True

    def extend_discovery(self, now: float) -> None:
        """There is a sign of a ZRTP peer: look longer (RFC 6189 section 6)."""
        config = self.endpoint.config
        self.discovery_deadline = now + config.discovery_deadline_extended * config.timer_scale
        if self.retransmission is not None and self.retransmission.schedule is T1:
            self.retransmission.extend(T1_EXTENDED)

    def expect_initiator(self, now: float, seconds: float) -> None:
        """As responder: how long to wait for the initiator's next message."""
        self.idle_deadline = now + seconds * self.endpoint.config.timer_scale

    # Telling the application.

    def emit(self, event: Event) -> None:
        self.session.emit(event)

    def warn(self, code: WarningCode, text: str, now: float) -> None:
        """A warning of each kind at most once a second."""
        last = self._warned.get(code)
        if last is not None and now - last < limits.WARNING_INTERVAL:
            self.counters["warnings suppressed"] += 1
            return
        self._warned[code] = now
        self._logger.warning("stream %08x: %s", self.ssrc, text)
        self.emit(SecurityWarning(ssrc=self.ssrc, code=code, text=text))

    def set_sending(self, sending: Sending) -> None:
        if sending is not self.sending:
            self.sending = sending
            self.emit(SendingChanged(ssrc=self.ssrc, sending=sending))

    def hand_over_keys(self) -> None:
        """The one `KeysReady` of this epoch."""
        exchange = present(self.exchange)
        keys, role = present(exchange.keys), exchange.role
        self.emit(KeysReady(ssrc=self.ssrc, send=keys.srtp(role), receive=keys.srtp(role.other)))

    # Ends.

    def fail(self, code: int, text: str, now: float, *, tell_peer: bool, by_peer: bool = False) -> None:
        """End the exchange without keys: event, secrets wiped, clear media stays blocked, the cache untouched."""
        name = ErrorCode(code).name if code in ErrorCode._value2member_map_ else "OTHER"
        self._logger.info("stream %08x failed: %s", self.ssrc, text)
        self.release()
        self.progressed()
        self.enter(State.FAILED)
        self.retransmission = None
        self.set_sending(Sending.BLOCKED)
        if tell_peer:
            self.send_repeatedly(Error.make(code=code), T2, now)
        self.emit(Failed(ssrc=self.ssrc, code=code, name=name, by_peer=by_peer, text=text))

    def abandon(self, now: float) -> None:
        """Too many strangers at once: this exchange, the oldest, makes room."""
        self.fail(
            ErrorCode.SERVICE_UNAVAILABLE,
            "Too many calls are being set up at once; this one made room for a newer one. Call again.",
            now,
            tell_peer=False,
        )

    def release(self) -> None:
        """Give up the running exchange: its secrets, its answers, its place among the endpoint's exchanges."""
        self.endpoint.finish_exchange(self)
        if self.exchange is not None:
            self.exchange.wipe()
            self.exchange = None
        self._work = None
        self.forget_answers()

    def close(self, now: float) -> None:
        """End of this stream. Secrets are wiped, nothing more is sent. May be called twice."""
        self.trigger(Trigger.CLOSE, now)

    def closed(self) -> State:
        """What closing means in every state. Without keys nothing may be sent on a stream that was secure."""
        self.release()
        if self.sending is Sending.SRTP:
            self.set_sending(Sending.BLOCKED)
        self.progressed()
        self.candidates.clear()
        self._outbox.clear()
        self.emit(Closed(ssrc=self.ssrc))
        return State.CLOSED

    # Odd packets.

    def _own_ssrc(self, kind: Kind, raw: bytes, now: float) -> None:
        """A packet under our own SSRC: our own packet reflected, or a collision (RFC 6189 section 4.1).

        Anybody can forge one, so it ends nothing: before a peer is pinned it is answered with an Error, afterwards
        it is dropped.
        """
        if raw == self.hello.raw or kind is not Kind.HELLO or self.exchange is not None:
            self.counters["own SSRC"] += 1
            return
        self.refuse_hello(
            ErrorCode.SSRC_COLLISION,
            WarningCode.SSRC_COLLISION,
            "The peer uses our SSRC. Start the stream again with a new SSRC.",
            now,
        )

    def refuse_hello(self, code: ErrorCode, warning: WarningCode | None, text: str, now: float) -> None:
        """An Error before a peer is pinned: at most once a second, without any other effect."""
        if self.last_error_sent is None or now - self.last_error_sent >= limits.ERROR_INTERVAL:
            self.last_error_sent = now
            self.answer_limited(Error.make(code=code), now)
        if warning is not None:
            self.warn(warning, text, now)

    def _malformed(self, error: MalformedPacket, ssrc: int, now: float) -> None:
        """Malformed although the CRC is right: dropped; the pinned peer in an exchange hears of it once a second."""
        self.counters["malformed"] += 1
        self._logger.debug("stream %08x: dropped: %s", self.ssrc, error)
        recent = self.last_error_sent is not None and now - self.last_error_sent < limits.ERROR_INTERVAL
        if self.state in IN_EXCHANGE and self._knows(ssrc) and not recent:
            self.last_error_sent = now
            self.answer_limited(Error.make(code=ErrorCode.MALFORMED_PACKET), now)

    def acknowledge_error(self, now: float) -> None:
        self.answer_limited(ERROR_ACK, now)

    def _reassemble(self, fragment: Fragment, now: float) -> bytes | None:
        limit = self.endpoint.longest_fragmented_message
        if limit == 0 or not self._knows(fragment.ssrc):
            self.counters["unexpected fragment"] += 1
            return None
        if self._reassembler is None:
            self._reassembler = Reassembler(limit)
        message = self._reassembler.add(fragment, now)
        if message is not None:
            check_frame(message)
        return message

    def _knows(self, ssrc: int) -> bool:
        """Whether a source is the peer's; before a peer is pinned, whether it sent an acceptable Hello."""
        if self.exchange is not None:
            return ssrc == self.exchange.peer.ssrc
        return any(ssrc == known.ssrc for known in self.candidates.values())

    def change_version(self, version: bytes, now: float) -> None:
        """Come down to a version that the peer supports: a new Hello, to be acknowledged (section 4.1.1)."""
        self.hello = self._make_hello(version)
        self.hello_acknowledged = False
        self.send_repeatedly(self.hello, T1_EXTENDED, now)

    def _make_hello(self, version: bytes) -> Hello:
        config, offer = self.endpoint.config, self.endpoint.offer
        chain = self.chain
        return Hello.make(
            version=version,
            client_id=config.client_id.ljust(16),
            h3=chain.h3,
            zid=self.session.zid,
            signature_capable=self.endpoint.can_verify_signatures,
            mitm=config.trusted_mitm,
            passive=config.passive,
            hashes=offer.hashes,
            ciphers=offer.ciphers,
            auth_tags=offer.auth_tags,
            key_agreements=offer.key_agreements,
            sas_types=offer.sas_types,
            mac=lambda covered: message_mac(chain.h2, covered),
        )


def _hash_of(hello: Hello) -> str:
    return f"{hello.version.decode()} {sha256(hello.raw).hex()}"


from zrtp.protocol.transitions import TABLE  # noqa: E402  (handlers need the class above)

__all__ = ["Input", "Stream"]
