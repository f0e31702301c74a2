"""What happens to an input: it is checked, found in the transition table, handled, and the state follows.

Cheap checks come first: size, cookie, CRC and frame of the packet; type, source, whether it came before, whether
it fits the state; its length; the hash chain and the MAC that it opens; algorithms, public value, hvi; only then a
public-key operation. What fails has these effects and no other:

    not ZRTP, damaged, unknown type, wrong source or state    dropped, counted, no answer
    malformed with a right CRC                                dropped; the peer of an exchange gets an Error each second
    a preimage that does not continue the hash chain          dropped with a warning; the exchange goes on
    a wrong Confirm MAC, public value, hvi, or MAC of what
    came before, as long as nobody has proved to be the peer  dropped, remembered as the reason if nothing better comes
    a Commit to what was not offered                          refused; its sender is no likely peer any more
    a signature, or anything else of a peer that is proved    the exchange ends with that Error; the cache is untouched

As long as nobody has proved to be the peer, several exchanges can run side by side (`zrtp.protocol.initiation`). A
message belongs to the first of its source that takes it.

Logged are, by "zrtp", or by a logger below it for each stream if DEBUG is on: transitions and drops (DEBUG), how each
exchange failed (INFO), warnings (WARNING, one a second of each kind). Never a key, a secret, a hash chain value, or the
SAS; what the peer chose is escaped.
"""

from __future__ import annotations

from zrtp.errors import (
    EngineDefect,
    ErrorCode,
    MalformedPacket,
    PeerError,
    RandomnessFailed,
    ZrtpError,
)
from zrtp.protocol import aside, discovery, hearing, limits, newcomers, transmission
from zrtp.protocol.confirm import ConfirmRefused
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import WarningCode
from zrtp.protocol.exchange import Exchange, Refusal, present
from zrtp.protocol.hash_chain import ChainBroken
from zrtp.protocol.states import IN_EXCHANGE, Input, State, Trigger
from zrtp.protocol.transitions import TABLE, Go, Ignore
from zrtp.protocol.work import Work
from zrtp.secret import SecretWiped
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import KINDS, READERS, TYPE_BLOCK, Kind, kind_of
from zrtp.wire.packet import Fragment, check_frame, decode_packet

OF_EXCHANGE = frozenset({Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK})
ANSWERS_TO_ANY = frozenset({Kind.COMMIT, Kind.DHPART1, Kind.CONFIRM1})
"""What may come from another candidate than the exchange is with."""
FAILURES = (ZrtpError, OSError)
"""What a handler may end with. It asks the operating system for nothing but randomness."""
TAKEN_ONCE = ANSWERS_TO_ANY | {Kind.ERROR}
"""What is not tried in a second exchange, although the first one stays in its state."""


def receive(core: Core, datagram: bytes, now: float) -> None:
    """Take one UDP payload. Never raises for what is in it."""
    if core.state is State.IDLE or core.state is State.CLOSED:
        core.counters[f"received while {core.state.value}"] += 1
        if core.state is State.IDLE:
            _keep_early(core, datagram)
        return
    core.call.clock = now
    try:
        packet = decode_packet(datagram)
        if isinstance(packet, Fragment):
            _take_fragment(core, packet, now)
        else:
            _take_message(core, packet.ssrc, packet.message, now)
    except MalformedPacket as error:
        _drop_malformed(core, error, int.from_bytes(datagram[8:12], "big"), now)
    except ZrtpError as error:  # a part of ours that failed while nothing depends on it
        core.counters[type(error).__name__] += 1
    if core.installation.inputs:
        _settle(core, now)
    if core.past.asking:
        _send_ping(core, now)


def tell(core: Core, trigger: Trigger, now: float) -> None:
    """Take an input that is not a message, and whatever follows from it for other streams."""
    _take(core, trigger, Received(None, core.ssrc, now))
    if core.installation.inputs:
        _settle(core, now)
    if trigger is Trigger.START and core.early:
        early, core.early = core.early, {}
        for datagram in early.values():
            receive(core, datagram, now)


def _keep_early(core: Core, datagram: bytes) -> None:
    """A Hello that comes before `start`, for example before the answer of signalling, is answered at it."""
    try:
        packet = decode_packet(datagram)
    except ZrtpError:
        return
    if isinstance(packet, Fragment) or kind_of(packet.message) is not Kind.HELLO:
        return
    if packet.ssrc in core.early or len(core.early) < limits.EARLY_HELLOS:
        core.early[packet.ssrc] = datagram


def handle_timer(core: Core, now: float) -> None:
    """Do what is due. Early or repeated calls do nothing; a late call sends one copy, not a burst."""
    core.call.clock = now
    if core.aside:
        _handle_timers_beside(core, now)
    _handle_timers(core, now)
    if core.past.asking:
        _send_ping(core, now)


def _send_ping(core: Core, now: float) -> None:
    """Ask who hears us. Without randomness nobody is asked: what strangers may use goes by their number alone then."""
    try:
        hearing.send_ping(core, now)
    except FAILURES as error:
        core.counters[type(error).__name__] += 1


def _handle_timers_beside(core: Core, now: float) -> None:
    """What is due for the exchanges beside the one that the stream works on."""
    first = core.exchange
    for exchange in core.exchanges()[1:]:
        aside.bring_forward(core, exchange)
        if core.exchange is exchange:  # it was not given up meanwhile
            _handle_timers(core, now)
    if first is not None:
        aside.bring_forward(core, first)


def _handle_timers(core: Core, now: float) -> None:
    deadlines = core.deadlines
    while deadlines:  # one trigger may end what another one was for
        first = min(deadlines, key=deadlines.__getitem__)
        if deadlines[first] > now:
            break
        del deadlines[first]
        tell(core, first, now)
        deadlines = core.deadlines
    if core.beside is not None:
        transmission.repeat_beside(core, now)
    retransmission = core.retransmission
    if retransmission is not None and now >= retransmission.due and not transmission.repeat(core, now):
        tell(core, Trigger.EXHAUSTED, now)


def finish_work(core: Core, work: Work, now: float) -> None:
    """A public-key operation has run: go on with its result."""
    for other in tuple(core.aside):
        if other.work is work:
            aside.turn_to(core, other)
    _take(core, Trigger.COMPUTED, Received(work, core.ssrc, now))
    _settle(core, now)


def _take_message(core: Core, ssrc: int, raw: bytes, now: float) -> None:
    kind = KINDS.get(raw[TYPE_BLOCK])
    if kind is None:
        core.counters["unknown message type"] += 1
        return
    if ssrc == core.ssrc:
        _under_our_ssrc(core, kind, raw, now)
        return
    if core.exchange is not None and ssrc != core.exchange.peer.ssrc and not _may_be_the_peers(core, kind, ssrc):
        core.counters["source is not the peer's"] += 1
        newcomers.note_message(core, kind, ssrc, raw, now)
        return
    if core.aside and (kind in OF_EXCHANGE or kind is Kind.ERROR):
        _take_beside(core, kind, ssrc, raw, now)
        return
    if raw in core.outbox.answers:
        transmission.answer_again(core, raw, now)
        return
    if core.work is not None and kind in OF_EXCHANGE:
        core.counters["a public-key operation is running"] += 1
        return
    step = TABLE[core.state].inputs[kind]
    if isinstance(step, Ignore):
        core.counters[step.reason] += 1
        return
    _go(core, step, Received(READERS[kind](raw), ssrc, now))


def _take_beside(core: Core, kind: Kind, ssrc: int, raw: bytes, now: float) -> None:
    """Several exchanges run: the message belongs to the first that takes it. What none takes is refused once."""
    first = present(core.exchange)
    received: Received[object] | None = None
    refused: tuple[Exchange, ZrtpError | OSError] | None = None
    for exchange in _in_question(core, kind, ssrc, raw):
        aside.bring_forward(core, exchange)
        if raw in core.outbox.answers:
            transmission.answer_again(core, raw, now)
            return
        step = TABLE[core.state].inputs[kind]
        if isinstance(step, Ignore) or (core.work is not None and kind in OF_EXCHANGE):
            continue
        if received is None:
            received = Received(READERS[kind](raw), ssrc, now)
        before = core.state
        try:
            target = step.handler(core, received)
        except FAILURES as error:
            refused = refused or (exchange, error)
        else:
            core.enter(target, TABLE[target].timers)
            went_on = core.state is not before or core.exchange is not exchange or core.work is not None
            if went_on or kind in TAKEN_ONCE:
                return
    if refused is not None:
        aside.bring_forward(core, refused[0])
        _refuse(core, refused[1], now)
    elif received is None:
        core.counters["fits no exchange"] += 1
    aside.bring_forward(core, first)


def _in_question(core: Core, kind: Kind, ssrc: int, raw: bytes) -> list[Exchange]:
    """The exchanges that a message may belong to: of its source, the one that it was answered in before the others;
    for what may come from another candidate, one that still waits for the answer to our Commit.
    """
    core_and_aside = [(core.exchange, core.state, core.outbox.answers)]
    core_and_aside += [(other.exchange, other.state, other.answers) for other in core.aside]
    running = [(present(exchange), state, answers) for exchange, state, answers in core_and_aside]
    answered = [exchange for exchange, _, answers in running if raw in answers]
    own = [exchange for exchange, _, _ in running if exchange.peer.ssrc == ssrc]
    if answered or kind not in ANSWERS_TO_ANY:
        return answered or own
    waiting = [exchange for exchange, state, _ in running if state is State.COMMIT_SENT]
    likely = [exchange for exchange in waiting if exchange in own] or waiting
    if kind is Kind.COMMIT:
        return (likely or [present(core.exchange)])[:1]
    if kind is Kind.CONFIRM1 and own:  # what has no keys yet cannot open it
        return [exchange for exchange in own if exchange.derived is not None] or own
    return likely[:1]


def _may_be_the_peers(core: Core, kind: Kind, ssrc: int) -> bool:
    """Whether a message of another source than the exchange's peer counts: until a Confirm has verified, the peer may
    turn out to be another one of those that introduced themselves.
    """
    if kind is Kind.HELLO or kind is Kind.PING or kind is Kind.PING_ACK:
        return True
    if any(ssrc == other.exchange.peer.ssrc for other in core.aside):
        return True
    return kind in ANSWERS_TO_ANY and not core.decided and any(ssrc == known.ssrc for known in core.candidates.values())


def _under_our_ssrc(core: Core, kind: Kind, raw: bytes, now: float) -> None:
    """A packet under our own SSRC: our own packet reflected, or a collision (RFC 6189 section 4.1)."""
    if core.is_own_hello(raw) or kind is not Kind.HELLO or core.exchange is not None:
        core.counters["own SSRC"] += 1
    else:
        discovery.refuse_hello_under_our_ssrc(core, now)


# Through the table.


def _take(core: Core, given: Input, received: Received[object]) -> None:
    core.call.clock = received.at
    step = TABLE[core.state].inputs[given]
    if isinstance(step, Ignore):
        core.counters[step.reason] += 1
    else:
        _go(core, step, received)


def _go(core: Core, step: Go, received: Received[object]) -> None:
    """Call the handler, and do what follows from it for this stream."""
    try:
        target = step.handler(core, received)
    except FAILURES as error:
        _refuse(core, error, received.at)
    else:
        if target is not core.state:
            core.enter(target, TABLE[target].timers)


def _settle(core: Core, now: float) -> None:
    """What one stream does can be an input for others."""
    inputs = core.installation.inputs
    while inputs:
        other, trigger = inputs.popleft()
        if isinstance(other, Core):  # every member of a call is one
            _take(other, trigger, Received(None, other.ssrc, now))


def _refuse(core: Core, error: ZrtpError | OSError, now: float) -> None:
    """A handler ended with an exception: what that says about the peer, or about us. Raises what is neither."""
    if isinstance(error, OSError):
        error = RandomnessFailed(f"The operating system gave no randomness: {error.strerror}.")
    elif isinstance(error, SecretWiped):  # no program is at work here
        error = EngineDefect("The engine read a secret after its end; please report this defect.")
    if isinstance(error, ChainBroken):
        core.counters["hash chain does not fit"] += 1
        if core.exchange is not None:
            core.exchange.disturbed = True
        core.warn(WarningCode.CHAIN_MISMATCH, f"A message that is not from this peer was dropped: {error}.", now)
    elif isinstance(error, ConfirmRefused):
        core.counters["Confirm MAC wrong"] += 1
        if core.exchange is not None and core.state in IN_EXCHANGE:
            core.exchange.refusal = Refusal(
                ErrorCode.CONFIRM_MAC,
                "The peer's Confirm did not verify: the two sides hold different keys, or somebody interferes. "
                "Call again; if it happens again, do not trust this connection.",
            )
            core.warn(
                WarningCode.CONFIRM_REFUSED,
                "A Confirm did not verify: the two sides hold different keys, or somebody interferes. Not proved; "
                "the key agreement goes on.",
                now,
            )
    elif isinstance(error, MalformedPacket):
        raise error
    elif isinstance(error, PeerError) and _proved_nothing(core):
        core.counters["refused of a candidate"] += 1
        present(core.exchange).refusal = Refusal(error.code, str(error))
        transmission.complain_to_candidate(core, error.code, now)
    elif isinstance(error, PeerError):
        _take(core, Trigger.REFUSED, Received(Refusal(error.code, str(error)), core.ssrc, now))
    elif isinstance(TABLE[core.state].inputs[Trigger.REFUSED], Ignore):
        raise error
    else:  # randomness or a library failed in the middle of a handler
        _take(core, Trigger.REFUSED, Received(Refusal(ErrorCode.SOFTWARE_ERROR, str(error)), core.ssrc, now))


def _proved_nothing(core: Core) -> bool:
    """Whether an exchange runs whose other side may be anybody: what it sends costs nobody the call."""
    return core.exchange is not None and core.state in IN_EXCHANGE and not core.exchange.proved


# Fragments and malformed packets.


def _take_fragment(core: Core, fragment: Fragment, now: float) -> None:
    """Every message that it completes. One that is malformed may be somebody else's work: nobody hears of it."""
    limit = core.installation.longest_fragmented_message
    if limit == 0 or not core.knows(fragment.ssrc):
        core.counters["unexpected fragment"] += 1
        return
    if core.reassembler is None:
        core.reassembler = Reassembler(limit)
    try:
        for message in core.reassembler.add(fragment, now):
            _take_reassembled(core, fragment.ssrc, message, now)
    except MalformedPacket as error:
        core.counters["malformed"] += 1
        core.log_drop(error)


def _take_reassembled(core: Core, ssrc: int, message: bytes, now: float) -> None:
    try:
        check_frame(message)
        _take_message(core, ssrc, message, now)
    except MalformedPacket as error:
        core.counters["malformed"] += 1
        core.log_drop(error)


def _drop_malformed(core: Core, error: MalformedPacket, ssrc: int, now: float) -> None:
    """Malformed although the CRC is right: dropped; whoever is known hears of it once a second during an exchange."""
    core.counters["malformed"] += 1
    core.log_drop(error)
    if core.state in IN_EXCHANGE and core.knows(ssrc):
        transmission.complain_to_candidate(core, ErrorCode.MALFORMED_PACKET, now)
