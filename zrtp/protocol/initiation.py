"""Our own Commit (RFC 6189 sections 4.4.1.1, 4.4.2.1, 4.4.3.1): to whom, when, and to whom besides.

Hello, HelloACK, Commit and DHPart1 can be sent by anybody who knows address and port. So what such a sender begins
takes the place of nothing. Up to four exchanges run on one stream, each with its own key pair, messages and timers,
until a Confirm verifies. A DHPart2 that opens hvi proves that its sender got our Hello, and ends the exchanges that
have proved less.

    our Commit went to a stranger's Hello    the peer cannot tell, and answers it: we commit to the peer's Hello as well
    a stranger's Commit came first           the peer's is answered beside it (`zrtp.protocol.commitment`)

A value of our hash chain is the key of a MAC only while it is secret: once a DHPart of ours is out, no Commit is made
on this chain. Before the first one goes out, everybody who has introduced himself therefore gets his Commit.

Preshared mode is used only where the configuration offers it and the retained secret comes from an exchange that was
verified, signed or bound to protected signalling; after a number of calls in a row a DH exchange follows.

A Commit waits until the store has said what is known about the peer.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import partial

from zrtp.crypto.codes import MULT
from zrtp.crypto.hashes import sha256
from zrtp.errors import PeerError, PeerIncompatible
from zrtp.protocol import aside, confirmation, hearing, limits, other_streams, side_by_side, transmission
from zrtp.protocol.confirm import ConfirmRefused
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import GoingSecure, Mode, Role, Sending, Suite, WarningCode
from zrtp.protocol.exchange import Candidate, DhOffer, Exchange, Refusal, present
from zrtp.protocol.hash_chain import ChainBroken, HeardHello, message_mac, verify_hello
from zrtp.protocol.key_schedule import Transcript, hvi, key_id, preshared_key, s0_from_preshared, s0_from_session
from zrtp.protocol.negotiation import choose_preshared_suite, choose_suite
from zrtp.protocol.retained_secrets import NOTHING_MATCHED, Matched, continuity, own_ids
from zrtp.protocol.states import State, Trigger
from zrtp.wire.messages import Commit, Confirm1, DHPart1, DHPart2


def initiate(core: Core, now: float, *, allow_preshared: bool = True) -> State:
    """Both Hellos are through: COMMIT_SENT. DISCOVERED if the store has not answered yet, another stream of this call
    has to finish first, or no Commit can be made any more. HELLO_ACKED if nobody who can be the peer introduced
    himself. Sends Commit on T2 (section 4.4).
    """
    for peer in _by_preference(core):
        try:
            return commit_to(core, peer, now, allow_preshared=allow_preshared)
        except PeerIncompatible as error:
            _note_incompatible(core, peer, error, now)
    return _wait_for_peer(core, now)


def initiate_early(core: Core, peer: Candidate, now: float) -> State:
    """Our Commit in place of HelloACK: COMMIT_SENT, or HELLO_RECEIVED until the store has answered or if nothing is in
    common.
    """
    if core.call.secured_before or core.call.retention.ask_unless_ready(peer.hello.zid, now):
        target = initiate(core, now)
        return State.HELLO_RECEIVED if target is State.HELLO_ACKED else target
    core.commit_waits_for = peer.hello.zid
    return wait_for_record(core, State.HELLO_RECEIVED, now)


def commit_to(core: Core, peer: Candidate, now: float, *, allow_preshared: bool = True) -> State:
    """Begin an exchange with this peer, or wait, as `initiate` says.

    Raises:
        PeerIncompatible: 0x40 or 0x51 to 0x55, nothing usable in common.
    """
    call = core.call
    if call.secured_before:
        if MULT not in peer.hello.key_agreements:
            core.warn(
                WarningCode.MULTISTREAM_REFUSED,
                "The peer does not offer further streams (Multistream); this stream stays unencrypted.",
                now,
            )
            return core.state if core.state in (State.CLEAR, State.CLEAR_PENDING) else State.DISCOVERED
        exchange = _multistream_commit(core, peer)
    else:
        zid = peer.hello.zid
        if call.members[1:] and other_streams.has_to_wait(core, now):
            return _wait_for_other_stream(core, now)
        if core.h1_shown:
            aside.introduce_anew(core, now)
        if not call.retention.ask_unless_ready(zid, now, heard=peer.ssrc in core.past.hearing):
            core.commit_waits_for = zid
            core.deadlines.pop(Trigger.DISCOVERY_DEADLINE, None)  # somebody is there; the store has its own
            return wait_for_record(core, State.DISCOVERED, now)
        preshared = allow_preshared and call.may_use_preshared(peer.hello, Role.INITIATOR)
        exchange = _preshared_commit(core, peer) if preshared else _dh_commit(core, peer)
    core.commit_waits_for = None
    core.begin(exchange, now)
    core.set_sending(Sending.BLOCKED)
    core.emit(GoingSecure(ssrc=core.ssrc, role=Role.INITIATOR))
    if not core.hello_acknowledged:
        transmission.repeat_hello_beside(core, now)
    transmission.send_in_exchange(core, exchange.commit, exchange, now)
    return State.COMMIT_SENT


def wait_for_record(core: Core, state: State, now: float) -> State:
    """The state until the store has answered, or its time is over."""
    if Trigger.NO_RECORD not in core.deadlines:
        core.deadlines[Trigger.NO_RECORD] = now + core.installation.config.store_deadline
    return state


# To whom.


def _by_preference(core: Core) -> list[Candidate]:
    """Who gets our Commit, the likeliest first: of those whose Commit was not refused, if there are any, the newest
    Hello that signalling announced; without zrtp-hash, that of whoever acknowledged ours, or else of the first source.
    Of one source the newest counts, as the peer may have made a new hash chain. A call has one peer: once a stream is
    secure, the others know its ZID (section 4.4.3).
    """
    peer_zid, expected = core.call.peer_zid, core.peer_hello_hash
    candidates = [known for known in core.candidates.values() if peer_zid in (None, known.hello.zid)]
    if len(candidates) < 2:
        return candidates

    sources = list(dict.fromkeys(known.ssrc for known in candidates))
    ordered = sorted(
        reversed(candidates),
        key=lambda known: (
            known.ssrc not in core.past.hearing,
            known.ssrc != core.acknowledged_by,
            sources.index(known.ssrc),
        ),
    )
    if expected is not None:
        announced = [known for known in reversed(candidates) if hmac.compare_digest(sha256(known.hello.raw), expected)]
        ordered = announced + [known for known in ordered if known not in announced]
    return sorted(ordered, key=lambda known: (known.ssrc, known.hello.raw) in core.doubted)


def _note_incompatible(core: Core, peer: Candidate, error: PeerIncompatible, now: float) -> None:
    """Nothing in common with somebody who may be the peer, or not: he hears of it, and others may still come."""
    core.doubted.add((peer.ssrc, peer.hello.raw))
    core.past.nothing_in_common = Refusal(error.code, str(error))
    transmission.complain_to_candidate(core, error.code, now)


def _wait_for_peer(core: Core, now: float) -> State:
    """Nobody who introduced himself can be the peer: go on as if nobody had."""
    if core.call.secured_before:
        core.warn(
            WarningCode.MULTISTREAM_REFUSED,
            "Somebody else than the peer of this call answers on a further stream; that stream stays unencrypted.",
            now,
        )
    core.extend_discovery(now)
    if core.past.nothing_in_common is not None and core.candidates.keys() <= core.doubted:  # nobody else is there
        shorter = core.later(now, core.installation.config.discovery_deadline)
        core.deadlines[Trigger.DISCOVERY_DEADLINE] = min(shorter, core.deadlines[Trigger.DISCOVERY_DEADLINE])
    return State.HELLO_ACKED


def _wait_for_other_stream(core: Core, now: float) -> State:
    core.deadlines.pop(Trigger.DISCOVERY_DEADLINE, None)
    core.deadlines[Trigger.RETRY] = now + limits.RETRY_INTERVAL
    return State.DISCOVERED


def went_to_doubted(core: Core) -> bool:
    """Whether our Commit went to somebody whose own was refused."""
    peer = present(core.exchange).peer
    return (peer.ssrc, peer.hello.raw) in core.doubted


def turn_from_doubted(core: Core, now: float) -> State:
    """Commit to another candidate too, if there is one. The Commit that is out goes on: the peer may have taken it for
    its own, and judges by it.
    """
    for candidate in _by_preference(core):
        if (candidate.ssrc, candidate.hello.raw) not in core.doubted:
            return _commit_beside(core, candidate, now)
    return core.state


# To whom besides.


def on_confirm1(core: Core, received: Received[Confirm1]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: CONFIRM2_SENT in Multistream and Preshared mode, DISCOVERED if another stream
    makes the keys; the same if DHPart1 is missing, or the answer belongs to another Hello than our Commit went to.
    Sends: Confirm2, or Commit to that Hello.
    """
    exchange = present(core.exchange)
    if exchange.derived is None:
        core.counters["Confirm1 before DHPart1"] += 1
        return core.state
    newest = next((known for known in reversed(core.candidates.values()) if known.ssrc == received.ssrc), None)
    if received.ssrc == exchange.peer.ssrc:
        try:
            return confirmation.on_confirm1(core, received)
        except ConfirmRefused:
            if newest is None or newest.hello.raw == exchange.peer.hello.raw:
                raise
    if newest is None:
        core.counters["source is not the peer's"] += 1
        return core.state
    return _commit_beside(core, newest, received.at)


def commit_to_answerer(core: Core, received: Received[DHPart1]) -> State:
    """A DHPart1 answers our Commit, which went to another Hello than its H1 opens: that Hello gets a Commit too."""
    hearing.ask_the_crowd(core)
    for candidate in core.candidates.values():
        if candidate.ssrc == received.ssrc and _opens(received.message, candidate):
            return _commit_beside(core, candidate, received.at)
    if received.ssrc == present(core.exchange).peer.ssrc:
        raise ChainBroken("its H1 continues no Hello")
    core.counters["source is not the peer's"] += 1
    return core.state


def commit_to_newcomer(core: Core, candidate: Candidate, now: float) -> State:
    """Somebody introduces himself while an exchange runs that proved nothing. As long as H1 is secret he gets a Commit
    of ours where we are the responder; later, if nothing else helps, one of a new hash chain.
    """
    exchange = present(core.exchange)
    if core.installation.config.passive or candidate.ssrc == exchange.peer.ssrc:
        return core.state
    if core.h1_shown:
        first_copy = core.candidates[candidate.ssrc, candidate.hello.raw].copies == 1
        if first_copy and candidate.ssrc in core.past.hearing:  # he made a new chain and commits himself
            core.deadlines.pop(Trigger.NEW_CHAIN, None)
        _expect_new_chain(core, now)
    elif exchange.role is Role.RESPONDER:
        return _commit_beside(core, candidate, now)
    return core.state


def commit_to_hearing(core: Core, ssrc: int, now: float) -> State:
    """Whoever introduced himself under this SSRC hears us: he gets a Commit, or one of a new hash chain soon."""
    candidates = [known for known in core.candidates.values() if known.ssrc == ssrc]
    if (
        core.installation.config.passive
        or not candidates
        or any(_concerns(one, known, now) for one in core.exchanges() for known in candidates)
    ):
        return core.state
    if core.h1_shown and not core.call.secured_before:
        if candidates[-1].hello.passive:
            core.deadlines[Trigger.NEW_CHAIN] = now
        else:  # most likely he commits himself
            _expect_new_chain(core, now)
        return core.state
    return _commit_beside(core, candidates[-1], now)


def commit_to_all(core: Core, now: float) -> None:
    """Our DHPart2 is about to go out, and H1 with it: commit to everybody else who may be the peer."""
    if core.h1_shown:
        return
    first = present(core.exchange)
    latest_first = list(reversed(core.candidates.values()))
    for known in sorted(latest_first, key=lambda known: known.ssrc not in core.past.hearing):
        doubted = (known.ssrc, known.hello.raw) in core.doubted
        if known.ssrc != first.peer.ssrc and not doubted and len(core.exchanges()) < limits.EXCHANGES - 1:
            _commit_beside(core, known, now, keep=first)
    aside.bring_forward(core, first)


def h1_goes_out(core: Core, now: float) -> None:
    """A DHPart of ours goes out: no Commit is made on this chain any more. If others than its receiver are known, one
    on a new chain follows, unless this exchange proves itself until then.
    """
    core.own.h1_shown = True
    core.call.count_public_value(now)
    remember_others(core, now)


def remember_others(core: Core, now: float) -> None:
    """If others than its other side are known, this exchange has to prove itself soon: then they get a Commit."""
    exchange = present(core.exchange)
    others = any(known.ssrc != exchange.peer.ssrc for known in core.candidates.values())
    if others and not core.installation.config.passive:
        _expect_new_chain(core, now)


def _expect_new_chain(core: Core, now: float) -> None:
    """A new hash chain, later: what runs may prove itself until then, and whoever answers our Ping is served first."""
    if not any(exchange.heard for exchange in core.exchanges()):
        hearing.ask(core)
    if Trigger.NEW_CHAIN not in core.deadlines:
        core.deadlines[Trigger.NEW_CHAIN] = core.later(now, limits.TIME_TO_ANSWER * (1 + _delay_of_new_chain(core)))
        for known in _likely(core, now)[:2]:
            # until then what is known about them has been read
            core.call.retention.ask_unless_ready(known.hello.zid, now)


def _delay_of_new_chain(core: Core) -> float:
    """From 0 to 1. It differs between the two ends: otherwise their Commits would cross, each to a Hello that no longer
    counts. If they have only each other left, or hear each other, the higher ZID goes first.
    """
    dice, running = core.installation.random(1)[0] / 255, {one.peer.ssrc for one in core.exchanges()}
    others = core.candidates.values()
    left = {known.hello.zid for known in others if known.ssrc in core.past.hearing}
    left = left or {known.hello.zid for known in others if known.ssrc not in running}
    if left and core.call.zid > max(left):
        return dice / 5
    return (4 + dice) / 5 if left and core.call.zid < min(left) else dice


def on_new_chain(core: Core, due: Received[None]) -> State:
    """Arrives from: every state of an exchange. Goes to: the same, COMMIT_SENT. Sends: Hello and Commit of a new hash
    chain, to those whom no Commit could reach since H1 of the old one went out for a stranger. In DH mode, where an
    answer shows which Hello it belongs to: the other side may be about to make a new chain too. On a further stream
    Commit alone, since no H1 went out.
    """
    now, running = due.at, core.exchanges()
    allowed = limits.NEW_CHAINS if core.past.hearing else limits.NEW_CHAINS_UNHEARD
    if any(one.proved for one in running) or core.past.new_chains >= allowed:
        return core.state
    likely = _likely(core, now)[:2]
    if any([not core.call.retention.ask_unless_ready(known.hello.zid, now) for known in likely]):
        core.deadlines[Trigger.NEW_CHAIN] = core.later(now, limits.CHALLENGE_INTERVAL)
        return core.state
    core.past.new_chains += 1
    _expect_new_chain(core, now)
    if not core.call.secured_before:
        aside.introduce_anew(core, now)
    for known in likely:
        _commit_beside(core, known, now, allow_preshared=False)
    return core.state


def _likely(core: Core, now: float) -> list[Candidate]:
    """Whom a Commit of a new chain could reach, each by its newest Hello: those who are known to hear us, or if nobody
    is, first those with whom no exchange runs, and who came again.
    """
    running = core.exchanges()
    candidates = [
        known
        for key, known in core.candidates.items()
        if key not in core.doubted
        and known.hello.h3 not in core.past.had_time
        and not any(_concerns(one, known, now) for one in running)
    ]
    newest = {known.ssrc: known for known in candidates}
    hearing_us = [known for known in newest.values() if known.ssrc in core.past.hearing]
    return sorted(
        hearing_us or newest.values(),
        key=lambda known: (any(one.peer.ssrc == known.ssrc for one in running), known.copies < 2),
    )


def _opens(dhpart1: DHPart1, candidate: Candidate) -> bool:
    try:
        verify_hello(candidate.hello, sha256(dhpart1.h1))
    except (ChainBroken, PeerError):
        return False
    return True


def _concerns(exchange: Exchange, candidate: Candidate, now: float) -> bool:
    """Whether an exchange with this candidate runs: our Commit to its Hello, or one that it began just now."""
    if exchange.role is Role.INITIATOR:
        return exchange.peer.hello.raw == candidate.hello.raw
    return exchange.peer.ssrc == candidate.ssrc and now - exchange.begun < limits.TIME_TO_ANSWER


def _commit_beside(
    core: Core, candidate: Candidate, now: float, *, allow_preshared: bool = True, keep: Exchange | None = None
) -> State:
    """A Commit to this candidate beside what runs, unless he has one, or none can be made; not in place of `keep`."""
    call, zid = core.call, candidate.hello.zid
    known = any(_concerns(one, candidate, now) for one in core.exchanges())
    possible = call.secured_before or (not core.h1_shown and call.retention.ask_unless_ready(zid, now))
    if known or not possible or call.peer_zid not in (None, zid):
        core.counters["answer of another candidate"] += 1
        return core.state
    if not hearing.admit(core, candidate.ssrc, now):
        return core.state
    if not side_by_side.make_room_for_commit(core, candidate, now, keep):
        core.counters["too many exchanges side by side"] += 1
        hearing.ask(core)
        return core.state
    first = core.exchange
    if first is not None:
        aside.set_aside(core)
    try:
        core.state = commit_to(core, candidate, now, allow_preshared=allow_preshared)
    except PeerIncompatible as error:
        _note_incompatible(core, candidate, error, now)
    if core.exchange is None and first is not None:
        aside.bring_forward(core, first)
    give_up_unheard(core)
    return core.state


def give_up_unheard(core: Core) -> None:
    """An exchange runs with somebody who hears us. Our Commits to others, who may be anybody, reach him too: he would
    answer them, and judge by them which of two that cross counts.
    """
    if any(exchange.heard for exchange in core.exchanges()):
        states = [core.state, *(other.state for other in core.aside)]
        for exchange, state in zip(core.exchanges(), states, strict=True):
            if state is State.COMMIT_SENT and not exchange.heard:
                aside.give_up(core, exchange)


# The three kinds of Commit.


def _dh_commit(core: Core, peer: Candidate) -> Exchange:
    """Key pair, DHPart2, hvi, Commit, in this order (section 4.4.1.1)."""
    installation, call = core.installation, core.call
    suite = choose_suite(installation.config, installation.offer, peer.hello)
    algorithms = installation.algorithms
    agreement = algorithms.key_agreements[suite.key_agreement]
    hash_, cipher = algorithms.hashes[suite.hash], algorithms.ciphers[suite.cipher]
    share = installation.make_share(suite)
    known = call.retention.take_up_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    ids = own_ids(hash_, known, Role.INITIATOR, core.chain.h3, installation.random)
    dhpart2 = DHPart2.make(
        h1=core.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart2_field,
        mac=partial(message_mac, core.chain.h0),
    )
    commit = _make_commit(
        core,
        suite,
        hvi=hvi(hash_, dhpart2.raw, peer.hello.raw),
        public_key=share.commit_field,
    )
    return Exchange(
        role=Role.INITIATOR,
        mode=Mode.KEM if agreement.is_kem else Mode.DH,
        suite=suite,
        hash=hash_,
        cipher=cipher,
        peer=peer,
        commit=commit,
        known=known,
        offer=DhOffer(share, dhpart2),
    )


def _preshared_commit(core: Core, peer: Candidate) -> Exchange:
    """Nonce and keyID from every secret that this side has (section 4.4.2.1)."""
    installation, call = core.installation, core.call
    suite = choose_preshared_suite(installation.offer, peer.hello)
    hash_, cipher = installation.algorithms.hashes[suite.hash], installation.algorithms.ciphers[suite.cipher]
    known = call.retention.take_up_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    key = preshared_key(hash_, present(known.rs1), known.aux, known.pbx)
    commit = _make_commit(core, suite, nonce=call.nonces.fresh(installation.random), key_id=key_id(hash_, key))
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.PRESHARED,
        suite=suite,
        hash=hash_,
        cipher=cipher,
        peer=peer,
        commit=commit,
        known=known,
    )
    matched = Matched(s1=known.rs1, s2=known.aux, s3=known.pbx, continuity=continuity(known, known.rs1))
    transcript = Transcript.without_dh(hash_, peer.hello, commit)
    s0 = s0_from_preshared(hash_, key, transcript)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, HeardHello(peer.hello))
    return exchange


def _multistream_commit(core: Core, peer: Candidate) -> Exchange:
    """A nonce, and the three algorithms of the first stream (section 4.4.3.1)."""
    call = core.call
    suite = replace(present(call.suite), key_agreement=MULT)
    algorithms = core.installation.algorithms
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.MULTISTREAM,
        suite=suite,
        hash=algorithms.hashes[suite.hash],
        cipher=algorithms.ciphers[suite.cipher],
        peer=peer,
        commit=_make_commit(core, suite, nonce=call.nonces.fresh(core.installation.random)),
    )
    transcript = Transcript.without_dh(exchange.hash, peer.hello, exchange.commit)
    s0 = s0_from_session(exchange.hash, present(call.zrtpsess), transcript)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, NOTHING_MATCHED, HeardHello(peer.hello))
    return exchange


def _make_commit(
    core: Core,
    suite: Suite,
    *,
    hvi: bytes | None = None,
    public_key: bytes = b"",
    nonce: bytes | None = None,
    key_id: bytes | None = None,
) -> Commit:
    chain = core.chain
    return Commit.make(
        h2=chain.h2,
        zid=core.call.zid,
        hash=suite.hash,
        cipher=suite.cipher,
        auth_tag=suite.auth_tag,
        key_agreement=suite.key_agreement,
        sas=suite.sas,
        hvi=hvi,
        public_key=public_key,
        nonce=nonce,
        key_id=key_id,
        mac=partial(message_mac, chain.h1),
    )
