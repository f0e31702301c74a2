"""DHPart1 and DHPart2 (RFC 6189 sections 4.4.1, 5.5, 5.6): the shared secret of DH and KEM mode.

The order of checks is always the same: hash chain, MAC of the earlier message, length, range, hvi, and only then the
expensive computation.
"""

from __future__ import annotations

from functools import partial

from zrtp.crypto.hashes import sha256
from zrtp.protocol import aside, compatibility, confirmation, hearing, initiation, transmission
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import ChainBroken, HeardInitiator, HeardResponder, verify_commit, verify_hello
from zrtp.protocol.key_schedule import Transcript, s0_from_dh, verify_hvi
from zrtp.protocol.retained_secrets import match
from zrtp.protocol.states import State
from zrtp.protocol.work import Work
from zrtp.secret import Secret
from zrtp.wire.messages import DHPart1, DHPart2


def on_dhpart1(core: Core, received: Received[DHPart1]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: DHPART2_SENT, once the public-key operation has been performed; the same
    until then, in other modes than DH, and if it is somebody else's. Sends: DHPart2 on T2 (section 4.4.1.3), or Commit
    to whoever else it is.

    It comes from the source of the Hello that our Commit answers, or from another one that sent the same Hello.
    """
    dhpart1 = received.message
    exchange = present(core.exchange)
    peer = core.candidates.get((received.ssrc, exchange.peer.hello.raw), exchange.peer)
    if peer.ssrc != received.ssrc:
        return initiation.commit_to_answerer(core, received)
    if exchange.offer is None:
        core.counters["DHPart1 without a DH Commit"] += 1
        return State.COMMIT_SENT
    share, dhpart2, hello = exchange.offer.share, exchange.offer.dhpart2, exchange.peer.hello
    try:
        authentic = verify_hello(hello, sha256(dhpart1.h1))
    except ChainBroken:
        return initiation.commit_to_answerer(core, received)
    pbxsecret, sent, first = exchange.known.pbx is not None, core.copies_sent, exchange.strange_answer_at_copy
    copies = 0 if first is None else sent - first
    if compatibility.answers_another_commit(dhpart1, exchange.commit, hello, pbxsecret=pbxsecret, copies_sent=copies):
        exchange.strange_answer_at_copy = sent - copies
        core.counters["DHPart1 for another Commit"] += 1
        return State.COMMIT_SENT
    pv = core.installation.algorithms.key_agreements[exchange.suite.key_agreement].check_dhpart1(dhpart1.pv)
    if not hearing.admit_to_public_value(core, received.ssrc, received.at):
        return State.COMMIT_SENT
    matched = match(exchange.hash, exchange.known, dhpart1, Role.RESPONDER, hello.h3)
    transcript = Transcript.of_initiator(exchange.hash, core.call.zid, authentic, exchange.commit, dhpart1, dhpart2)

    def go_on(dh_result: Secret, now: float) -> State:
        s0 = s0_from_dh(exchange.hash, dh_result, transcript, matched.s1, matched.s2, matched.s3)
        share.wipe()
        exchange.offer = None
        exchange.peer = peer
        heard = HeardResponder(authentic, dhpart1)
        exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, heard)
        core.note_progress()
        transmission.note_answer(core, exchange, received.at)
        initiation.commit_to_all(core, now)
        initiation.h1_goes_out(core, now)
        transmission.send_in_exchange(core, dhpart2, exchange, now)
        return State.DHPART2_SENT

    return core.compute(partial(share.finish, pv), go_on, received.at)


def on_dhpart2(core: Core, received: Received[DHPart2]) -> State:
    """Arrives from: DHPART1_SENT. Goes to: CONFIRM1_SENT, once the public-key operation has been performed; the same
    until then. Sends: Confirm1 (section 4.4.1.2).
    """
    dhpart2 = received.message
    exchange = present(core.exchange)
    answer = present(exchange.answer)
    authentic = verify_commit(exchange.commit, dhpart2.h1)
    pv = core.installation.algorithms.key_agreements[exchange.suite.key_agreement].check_dhpart2(dhpart2.pv)
    committed = verify_hvi(exchange.hash, authentic, dhpart2, core.hello)
    matched = match(exchange.hash, exchange.known, dhpart2, Role.INITIATOR, exchange.peer.hello.h3)
    transcript = Transcript.of_responder(exchange.hash, core.hello, authentic, answer.dhpart1, committed)

    exchange.proved = committed
    aside.give_up_others(core, proved=False)

    def go_on(dh_result: Secret, now: float) -> State:
        s0 = s0_from_dh(exchange.hash, dh_result, transcript, matched.s1, matched.s2, matched.s3)
        answer.share.wipe()
        exchange.answer = None
        heard = HeardInitiator(answer.hello, authentic, committed.dhpart2)
        exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, heard)
        core.note_progress()
        core.expect_initiator(now)
        core.outbox.answer(dhpart2.raw, confirmation.make_confirm(core, exchange, now))
        return State.CONFIRM1_SENT

    return core.compute(partial(answer.share.finish, pv), go_on, received.at)


def on_computed(core: Core, received: Received[Work]) -> State:
    """Arrives from: COMMIT_SENT, DHPART1_SENT, when a public-key operation that ran elsewhere has its result. Goes to:
    DHPART2_SENT, CONFIRM1_SENT. Sends: what `on_dhpart1` and `on_dhpart2` send.
    """
    core.work = None
    return received.message.go_on(received.message.result(), received.at)
