"""The peer's a=zrtp-hash that comes after the stream was made (RFC 6189 sections 8 and 8.1).

Whoever makes an offer needs its own hash first, and learns the peer's with the answer. It is compared with the Hellos
that have arrived by then and, if it comes late, with that of the exchange's peer.
"""

from __future__ import annotations

import hmac

from zrtp.crypto.hashes import sha256
from zrtp.errors import ErrorCode
from zrtp.protocol import commitment
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.wire.messages import Hello

MISMATCH = (
    "The peer's Hello is not the one that its signalling announced: somebody changed one of the two on the way. "
    "Call again; if it happens again, do not trust this connection."
)


def fits(core: Core, hello: Hello) -> bool:
    """Whether a Hello is the one that signalling announced; every one, if it announced none."""
    expected = core.peer_hello_hash
    return expected is None or hmac.compare_digest(sha256(hello.raw), expected)


def on_hello_expected(core: Core, told: Received[None]) -> State:
    """Arrives from: IDLE, HELLO_SENT, HELLO_ACKED, HELLO_RECEIVED, DISCOVERED, QUIET. Goes to: the same. Whoever sent
    another Hello is no candidate any more.
    """
    if core.installation.config.require_hello_hash_match:
        core.candidates = {key: known for key, known in core.candidates.items() if fits(core, known.hello)}
    return core.state


def on_hello_expected_after_commit(core: Core, told: Received[None]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same, with another Commit if ours went to somebody else, DISCOVERED if
    that has to wait, HELLO_ACKED or FAILED if nobody else is there. Sends: perhaps Commit, or Error.
    """
    others = any(fits(core, known.hello) for known in core.candidates.values())
    if fits(core, present(core.exchange).peer.hello) or not others:
        return on_hello_expected_in_exchange(core, told)
    core.release()
    on_hello_expected(core, told)
    return commitment.initiate(core, told.at)


def on_hello_expected_in_exchange(core: Core, told: Received[None]) -> State:
    """Arrives from: every state of an exchange but COMMIT_SENT, and SECURE. Goes to: the same, or FAILED if the peer is
    another one and the configuration insists. Sends: perhaps Error.
    """
    if fits(core, present(core.exchange).peer.hello):
        core.call.note_binding()
        return core.state
    core.warn(WarningCode.HELLO_HASH_MISMATCH, MISMATCH, told.at)
    if not core.installation.config.require_hello_hash_match:
        return core.state
    return core.fail(ErrorCode.SOFTWARE_ERROR, MISMATCH, told.at, tell_peer=True)
