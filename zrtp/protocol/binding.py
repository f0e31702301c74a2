"""The peer's a=zrtp-hash that comes after the stream was made (RFC 6189 sections 8 and 8.1).

Whoever makes an offer needs its own hash first, and learns the peer's with the answer. It is compared with the Hellos
that have arrived by then and, if it comes late, with that of the exchange's peer.
"""

from __future__ import annotations

from zrtp.errors import ErrorCode
from zrtp.protocol import aside, ending, initiation
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.hello_hash import MISMATCH
from zrtp.protocol.states import State


def on_hello_expected(core: Core, told: Received[None]) -> State:
    """Arrives from: IDLE, HELLO_SENT, HELLO_ACKED, HELLO_RECEIVED, DISCOVERED, QUIET. Goes to: the same. Whoever sent
    another Hello is no candidate any more.
    """
    if core.installation.config.require_hello_hash_match:
        core.candidates = {key: known for key, known in core.candidates.items() if core.expects(known.hello)}
    return core.state


def on_hello_expected_after_commit(core: Core, told: Received[None]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same, with another Commit if ours went to somebody else, DISCOVERED if
    that has to wait, HELLO_ACKED or FAILED if nobody else is there; DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an
    exchange beside it goes on. Sends: perhaps Commit, or Error.
    """
    _give_up_unexpected(core)
    others = any(core.expects(known.hello) for known in core.candidates.values())
    if core.expects(present(core.exchange).peer.hello) or not others:
        return on_hello_expected_in_exchange(core, told)
    core.release()
    on_hello_expected(core, told)
    return initiation.initiate(core, told.at)


def on_hello_expected_in_exchange(core: Core, told: Received[None]) -> State:
    """Arrives from: every state of an exchange but COMMIT_SENT, and SECURE. Goes to: the same, or FAILED if the peer is
    another one and the configuration insists; COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT if an exchange
    beside it goes on. Sends: perhaps Error.
    """
    _give_up_unexpected(core)
    if core.expects(present(core.exchange).peer.hello):
        core.call.note_binding()
        return core.state
    core.warn(WarningCode.HELLO_HASH_MISMATCH, MISMATCH, told.at)
    if not core.installation.config.require_hello_hash_match:
        return core.state
    return ending.fail(core, ErrorCode.SOFTWARE_ERROR, MISMATCH, told.at, tell_peer=True)


def _give_up_unexpected(core: Core) -> None:
    """Of several exchanges, those with somebody who sent another Hello."""
    if core.installation.config.require_hello_hash_match:
        for exchange in core.exchanges():
            if core.aside and not core.expects(exchange.peer.hello):
                aside.give_up(core, exchange)
