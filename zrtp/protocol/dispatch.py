"""What happens to an input: it is checked, found in the transition table, handled, and the state follows.

Cheap checks come first: size, cookie, CRC and frame of the packet; type, source, whether it came before, whether
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

from zrtp.errors import (
    ErrorCode,
    MalformedPacket,
    PeerError,
    ZrtpError,
)
from zrtp.protocol import discovery, limits
from zrtp.protocol.confirm import ConfirmRefused
from zrtp.protocol.core import Core, Received, Refusal
from zrtp.protocol.events import WarningCode
from zrtp.protocol.hash_chain import ChainBroken
from zrtp.protocol.states import IN_EXCHANGE, Input, State, Trigger
from zrtp.protocol.transitions import TABLE, Go, Ignore
from zrtp.protocol.work import Work
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import Kind, kind_of, read
from zrtp.wire.packet import Fragment, check_frame, decode_packet

OF_EXCHANGE = frozenset({Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK})
"""What cannot be taken while a public-key operation for the exchange runs elsewhere."""


def receive(core: Core, datagram: bytes, now: float) -> None:
    """Take one UDP payload. Never raises for what is in it."""
    if core.state is State.IDLE or core.state is State.CLOSED:
        core.counters[f"received while {core.state.value}"] += 1
        if core.state is State.IDLE:
            _keep_early(core, datagram)
        return
    try:
        packet = decode_packet(datagram)
        if isinstance(packet, Fragment):
            _take_fragment(core, packet, now)
        else:
            _take_message(core, packet.ssrc, packet.message, now)
    except MalformedPacket as error:
        _malformed(core, error, int.from_bytes(datagram[8:12], "big"), now)
    except ZrtpError as error:  # a part of ours that failed while nothing depends on it
        core.counters[type(error).__name__] += 1


def tell(core: Core, trigger: Trigger, now: float) -> None:
    """Take an input that is not a message, and whatever follows from it for other streams."""
    _take(core, trigger, Received(None, core.ssrc, now))
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
    deadlines = core.deadlines
    while deadlines:  # one trigger may end what another one was for
        first = min(deadlines, key=deadlines.__getitem__)
        if deadlines[first] > now:
            break
        del deadlines[first]
        tell(core, first, now)
        deadlines = core.deadlines
    if core.beside is not None:
        core.repeat_beside(now)
    retransmission = core.retransmission
    if retransmission is not None and now >= retransmission.due and not core.repeat(now):
        tell(core, Trigger.EXHAUSTED, now)


def finish_work(core: Core, work: Work, now: float) -> None:
    """A public-key operation has run: go on with its result."""
    core.work = None
    core.call.clock = now
    try:
        target = work.go_on(work.result(), now)
    except ZrtpError as error:
        _refuse(core, error, now)
    else:
        core.enter(target, TABLE[target].timers)
    _settle(core, now)


def _take_message(core: Core, ssrc: int, raw: bytes, now: float) -> None:
    kind = kind_of(raw)
    if kind is None:
        core.counters["unknown message type"] += 1
        return
    if ssrc == core.ssrc:
        _under_our_ssrc(core, kind, raw, now)
        return
    if core.exchange is not None and ssrc != core.exchange.peer.ssrc and not _may_be_the_peers(core, kind, ssrc):
        core.counters["source is not the peer's"] += 1
        return
    if raw in core.outbox.answers:
        core.answer_again(raw, now)
        return
    if core.work is not None and kind in OF_EXCHANGE:
        core.counters["a public-key operation is running"] += 1
        return
    step = TABLE[core.state].inputs[kind]
    if isinstance(step, Ignore):
        core.counters[step.reason] += 1
        return
    _go(core, step, Received(read(kind, raw), ssrc, now))


def _may_be_the_peers(core: Core, kind: Kind, ssrc: int) -> bool:
    """Whether a message of another source than the peer's counts: as long as nobody has answered our Commit, the peer
    may turn out to be another one of those that introduced themselves.
    """
    if core.state is State.COMMIT_SENT and kind in (Kind.COMMIT, Kind.DHPART1):
        return any(ssrc == known.ssrc for known in core.candidates.values())
    return kind in (Kind.HELLO, Kind.PING)


def _under_our_ssrc(core: Core, kind: Kind, raw: bytes, now: float) -> None:
    """A packet under our own SSRC: our own packet reflected, or a collision (RFC 6189 section 4.1)."""
    if raw == core.hello.raw or kind is not Kind.HELLO or core.exchange is not None:
        core.counters["own SSRC"] += 1
    else:
        discovery.hello_under_our_ssrc(core, now)


# Through the table.


def _take(core: Core, given: Input, received: Received[object]) -> None:
    step = TABLE[core.state].inputs[given]
    if isinstance(step, Ignore):
        core.counters[step.reason] += 1
    else:
        _go(core, step, received)


def _go(core: Core, step: Go, received: Received[object]) -> None:
    """Call the handler, and do what follows from it for this stream and others."""
    core.call.clock = received.at
    try:
        target = step.handler(core, received)
    except ZrtpError as error:
        _refuse(core, error, received.at)
    else:
        if target is not core.state:
            core.enter(target, TABLE[target].timers)
    if core.installation.inputs:
        _settle(core, received.at)


def _settle(core: Core, now: float) -> None:
    """What one stream does can be an input for others."""
    inputs = core.installation.inputs
    while inputs:
        other, trigger = inputs.popleft()
        if isinstance(other, Core):  # every member of a call is one
            _take(other, trigger, Received(None, other.ssrc, now))


def _refuse(core: Core, error: ZrtpError, now: float) -> None:
    """A handler ended with an exception: what that says about the peer, or about us. Raises what is neither."""
    if isinstance(error, ChainBroken):
        core.counters["hash chain does not fit"] += 1
        if core.exchange is not None:
            core.exchange.disturbed = True
        core.warn(WarningCode.CHAIN_MISMATCH, f"A message that is not from this peer was dropped: {error}.", now)
    elif isinstance(error, ConfirmRefused):
        core.counters["Confirm MAC wrong"] += 1
        if core.exchange is not None and core.state in IN_EXCHANGE:
            core.exchange.confirm_refused = True
            core.warn(
                WarningCode.CONFIRM_REFUSED,
                "A Confirm did not verify: the two sides hold different keys, or somebody interferes. Not proved; "
                "the key agreement goes on.",
                now,
            )
    elif isinstance(error, MalformedPacket):
        raise error
    elif isinstance(error, PeerError):
        _take(core, Trigger.REFUSED, Received(Refusal(error.code, str(error)), core.ssrc, now))
    elif isinstance(TABLE[core.state].inputs[Trigger.REFUSED], Ignore):
        raise error
    else:  # randomness or a library failed in the middle of a handler
        _take(core, Trigger.REFUSED, Received(Refusal(ErrorCode.SOFTWARE_ERROR, str(error)), core.ssrc, now))


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
        core.dropped(error)


def _take_reassembled(core: Core, ssrc: int, message: bytes, now: float) -> None:
    try:
        check_frame(message)
        _take_message(core, ssrc, message, now)
    except MalformedPacket as error:
        core.counters["malformed"] += 1
        core.dropped(error)


def _malformed(core: Core, error: MalformedPacket, ssrc: int, now: float) -> None:
    """Malformed although the CRC is right: dropped; the pinned peer in an exchange hears of it once a second."""
    core.counters["malformed"] += 1
    core.dropped(error)
    if core.state in IN_EXCHANGE and core.knows(ssrc):
        core.complain(ErrorCode.MALFORMED_PACKET, now)
