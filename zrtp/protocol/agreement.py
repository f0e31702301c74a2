"""DHPart1 and DHPart2 (RFC 6189 sections 4.4.1, 5.5, 5.6): the shared secret of DH and KEM mode.

The order of checks is always the same: hash chain, MAC of the earlier message, length, range, hvi, and only then the
expensive computation.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import sha256
from zrtp.protocol import confirmation
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import verify_commit, verify_hello
from zrtp.protocol.key_schedule import Transcript, s0_from_dh, verify_hvi
from zrtp.protocol.retained_secrets import match
from zrtp.protocol.states import State
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T2
from zrtp.secret import Secret
from zrtp.wire.messages import DHPart1, DHPart2

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream


def on_dhpart1(stream: Stream, answer: tuple[DHPart1, int], now: float) -> State:
    """Arrives from: COMMIT_SENT, in DH mode. Goes to: DHPART2_SENT, once the public-key operation has been performed.
    Sends: DHPart2 on T2 (section 4.4.1.3).

    It comes from the source of the Hello that our Commit answers, or from another one that sent the same Hello.
    """
    dhpart1, ssrc = answer
    exchange = present(stream.exchange)
    peer = stream.candidates.get((ssrc, exchange.peer.hello.raw), exchange.peer)
    if peer.ssrc != ssrc:
        stream.counters["source is not the peer's"] += 1
        return State.COMMIT_SENT
    if exchange.dhpart2 is None or exchange.own_share is None:
        stream.counters["DHPart1 without a DH Commit"] += 1
        return State.COMMIT_SENT
    hello = exchange.peer.hello
    authentic = verify_hello(hello, sha256(dhpart1.h1))
    agreement = stream.endpoint.algorithms.key_agreements[exchange.suite.key_agreement]
    agreement.check_dhpart1(dhpart1.pv)
    matched = match(exchange.hash, exchange.known, dhpart1, Role.RESPONDER, hello.h3)
    transcript = Transcript.of_initiator(
        exchange.hash, stream.session.zid, authentic, exchange.commit, dhpart1, exchange.dhpart2
    )
    share, dhpart2 = exchange.own_share, exchange.dhpart2

    def go_on(dh_result: Secret, now: float) -> State:
        s0 = s0_from_dh(exchange.hash, dh_result, transcript, matched.s1, matched.s2, matched.s3)
        share.wipe()
        exchange.own_share = None
        exchange.hello_authentic, exchange.dhpart1, exchange.matched = authentic, dhpart1, matched
        exchange.peer = peer
        confirmation.derive(stream, exchange, s0, transcript)
        stream.progressed()
        stream.send_repeatedly(dhpart2, T2, now)
        return State.DHPART2_SENT

    return stream.compute(partial(share.finish, dhpart1.pv), go_on, now)


def on_dhpart2(stream: Stream, dhpart2: DHPart2, now: float) -> State:
    """Arrives from: DHPART1_SENT. Goes to: CONFIRM1_SENT, once the public-key operation has been performed. Sends:
    Confirm1 (section 4.4.1.2).
    """
    exchange = present(stream.exchange)
    share = present(exchange.responder_share)
    authentic = verify_commit(exchange.commit, dhpart2.h1)
    agreement = stream.endpoint.algorithms.key_agreements[exchange.suite.key_agreement]
    agreement.check_dhpart2(dhpart2.pv)
    committed = verify_hvi(exchange.hash, authentic, dhpart2, stream.hello)
    matched = match(exchange.hash, exchange.known, dhpart2, Role.INITIATOR, exchange.peer.hello.h3)
    transcript = Transcript.of_responder(exchange.hash, stream.hello, authentic, present(exchange.dhpart1), committed)

    def go_on(dh_result: Secret, now: float) -> State:
        s0 = s0_from_dh(exchange.hash, dh_result, transcript, matched.s1, matched.s2, matched.s3)
        share.wipe()
        exchange.responder_share = None
        exchange.dhpart2, exchange.matched = dhpart2, matched
        confirmation.derive(stream, exchange, s0, transcript)
        stream.progressed()
        stream.expect_initiator(now, RESPONDER_TIMEOUT)
        stream.answer(dhpart2.raw, confirmation.make_confirm(stream, exchange, now))
        return State.CONFIRM1_SENT

    return stream.compute(partial(share.finish, dhpart2.pv), go_on, now)
