"""The transition table: every state, every input, and what follows.

Nothing outside this table decides what an input means. `Ignore` gives the reason, which is also the name of the
counter. A test proves that no pair is missing; the state diagram of the README is drawn from here.
"""

from __future__ import annotations

from itertools import chain

from zrtp.protocol import agreement, clearing, commitment, confirmation, discovery, ending, relaying
from zrtp.protocol.states import Go, Ignore, Input, Row, State, Trigger
from zrtp.wire.messages import Kind

S = State
COMMITTED = (S.DHPART1_SENT, S.CONFIRM1_SENT, S.COMMIT_SENT)


def ignore(reason: str, *inputs: Input) -> Row:
    """The same reason for several inputs."""
    return dict.fromkeys(inputs, Ignore(reason))


def stay(state: State) -> Row:
    """What is answered alike in every state of a started stream."""
    return {
        Kind.PING: Go(discovery.on_ping, (state,)),
        Kind.PING_ACK: Go(discovery.on_ping_ack, (state,)),
        Trigger.CLOSE: Go(ending.on_close, (S.CLOSED,)),
        **ignore("already started", Trigger.START),
    }


def without_exchange(state: State) -> Row:
    """States in which no exchange runs: an Error has no effect, and no timer of an exchange can fire."""
    return {
        Kind.ERROR: Go(ending.on_error_without_effect, (state,)),
        **ignore("no Error was sent", Kind.ERROR_ACK),
        **ignore("no exchange is running", Trigger.IDLE_TIMEOUT, Trigger.ERROR_GRACE_OVER),
    }


BEFORE_COMMIT: Row = ignore(
    "no Commit yet",
    *(Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK),
    *(Kind.GOCLEAR, Kind.CLEAR_ACK, Kind.SASRELAY, Kind.RELAY_ACK),
    Trigger.SRTP,
)


def in_exchange(state: State) -> Row:
    """States between Commit and the end of the exchange."""
    return {
        **stay(state),
        Kind.HELLO: Go(discovery.on_hello_later, (state,)),
        Kind.ERROR: Go(ending.on_error, (state,)),
        Trigger.ERROR_GRACE_OVER: Go(ending.on_grace_over, (S.FAILED,)),
        **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
        **ignore("no Error was sent", Kind.ERROR_ACK),
        **ignore("not secure yet", Kind.GOCLEAR, Kind.CLEAR_ACK, Kind.SASRELAY, Kind.RELAY_ACK),
        **ignore("going secure already", Trigger.GO_SECURE, Trigger.RETRY),
        **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE),
    }


def initiating(state: State) -> Row:
    """States of an initiator: its own retransmission is the clock."""
    return {
        **in_exchange(state),
        Trigger.EXHAUSTED: Go(ending.on_silence, (S.FAILED,)),
        **ignore("we are the initiator", Kind.DHPART2, Kind.CONFIRM2, Trigger.IDLE_TIMEOUT),
    }


def responding(state: State) -> Row:
    """States of a responder: it repeats nothing by itself, and gives up after some silence."""
    return {
        **in_exchange(state),
        Trigger.IDLE_TIMEOUT: Go(ending.on_silence, (S.FAILED,)),
        **ignore("we are the responder", Kind.DHPART1, Kind.CONFIRM1, Kind.CONF2ACK, Trigger.EXHAUSTED),
        **ignore("a Commit is being answered already", Kind.COMMIT),
        **ignore("SRTP before Confirm2", Trigger.SRTP),
    }


EVERY_INPUT: tuple[Input, ...] = tuple(chain(Kind, Trigger))

TABLE: dict[State, Row] = {
    S.IDLE: {
        **ignore("not started", *EVERY_INPUT),
        Trigger.START: Go(discovery.on_start, (S.HELLO_SENT,)),
        Trigger.CLOSE: Go(ending.on_close, (S.CLOSED,)),
    },
    S.HELLO_SENT: {
        **stay(S.HELLO_SENT),
        **without_exchange(S.HELLO_SENT),
        **BEFORE_COMMIT,
        Kind.HELLO: Go(discovery.on_hello, (S.HELLO_SENT, S.HELLO_RECEIVED)),
        Kind.HELLO_ACK: Go(discovery.on_hello_ack, (S.HELLO_ACKED,)),
        **ignore("no Hello came before this Commit", Kind.COMMIT),
        Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET,)),
        Trigger.EXHAUSTED: Go(discovery.on_hello_exhausted, (S.HELLO_SENT,)),
        **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE),
    },
    S.HELLO_ACKED: {
        **stay(S.HELLO_ACKED),
        **without_exchange(S.HELLO_ACKED),
        **BEFORE_COMMIT,
        Kind.HELLO: Go(discovery.on_hello, (S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT)),
        **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
        **ignore("no Hello came before this Commit", Kind.COMMIT),
        Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET,)),
        **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE, Trigger.EXHAUSTED),
    },
    S.HELLO_RECEIVED: {
        **stay(S.HELLO_RECEIVED),
        **without_exchange(S.HELLO_RECEIVED),
        **BEFORE_COMMIT,
        Kind.HELLO: Go(discovery.on_hello, (S.HELLO_RECEIVED,)),
        Kind.HELLO_ACK: Go(
            discovery.on_hello_ack_after_hello,
            (S.HELLO_RECEIVED, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT),
        ),
        Kind.COMMIT: Go(commitment.on_commit, (S.HELLO_RECEIVED, *COMMITTED)),
        Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET,)),
        Trigger.EXHAUSTED: Go(discovery.on_hello_exhausted, (S.HELLO_RECEIVED,)),
        **ignore("our Hello is not acknowledged yet", Trigger.RETRY, Trigger.GO_SECURE),
    },
    S.DISCOVERED: {
        **stay(S.DISCOVERED),
        **without_exchange(S.DISCOVERED),
        **BEFORE_COMMIT,
        Kind.HELLO: Go(discovery.on_hello, (S.DISCOVERED,)),
        **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
        Kind.COMMIT: Go(commitment.on_commit, (S.DISCOVERED, *COMMITTED)),
        Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET,)),
        Trigger.RETRY: Go(discovery.on_retry, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
        Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
        **ignore("nothing is repeated", Trigger.EXHAUSTED),
    },
    S.QUIET: {
        **stay(S.QUIET),
        **without_exchange(S.QUIET),
        **BEFORE_COMMIT,
        Kind.HELLO: Go(
            discovery.on_hello,
            (S.QUIET, S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT),
        ),
        Kind.HELLO_ACK: Go(discovery.on_hello_ack_when_quiet, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
        Kind.COMMIT: Go(commitment.on_commit, (S.QUIET, *COMMITTED)),
        **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE, Trigger.EXHAUSTED, Trigger.RETRY),
        Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
    },
    S.COMMIT_SENT: {
        **initiating(S.COMMIT_SENT),
        Kind.HELLO: Go(discovery.on_hello_after_commit, (S.COMMIT_SENT,)),
        Kind.COMMIT: Go(commitment.on_crossing_commit, (S.COMMIT_SENT, S.DHPART1_SENT, S.CONFIRM1_SENT)),
        Kind.DHPART1: Go(agreement.on_dhpart1, (S.COMMIT_SENT, S.DHPART2_SENT)),
        Kind.CONFIRM1: Go(confirmation.on_confirm1, (S.COMMIT_SENT, S.CONFIRM2_SENT)),
        **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
    },
    S.DHPART2_SENT: {
        **initiating(S.DHPART2_SENT),
        Kind.CONFIRM1: Go(confirmation.on_confirm1, (S.CONFIRM2_SENT,)),
        **ignore("Commit lost the contention", Kind.COMMIT),
        **ignore("DHPart1 is here already", Kind.DHPART1),
        **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
    },
    S.CONFIRM2_SENT: {
        **initiating(S.CONFIRM2_SENT),
        Kind.CONF2ACK: Go(confirmation.on_conf2ack, (S.SECURE,)),
        Trigger.SRTP: Go(confirmation.on_conf2ack, (S.SECURE,)),
        **ignore("Commit lost the contention", Kind.COMMIT),
        **ignore("DHPart1 is here already", Kind.DHPART1),
        **ignore("Confirm1 is here already", Kind.CONFIRM1),
    },
    S.DHPART1_SENT: {
        **responding(S.DHPART1_SENT),
        Kind.DHPART2: Go(agreement.on_dhpart2, (S.DHPART1_SENT, S.CONFIRM1_SENT)),
        **ignore("no DHPart2 yet", Kind.CONFIRM2),
    },
    S.CONFIRM1_SENT: {
        **responding(S.CONFIRM1_SENT),
        Kind.CONFIRM2: Go(confirmation.on_confirm2, (S.SECURE,)),
        **ignore("DHPart2 is here already", Kind.DHPART2),
    },
    S.SECURE: {
        **stay(S.SECURE),
        **without_exchange(S.SECURE),
        Kind.HELLO: Go(discovery.on_hello_later, (S.SECURE,)),
        Kind.GOCLEAR: Go(clearing.on_goclear, (S.SECURE, S.CLEAR_PENDING)),
        Kind.SASRELAY: Go(relaying.on_sas_relay, (S.SECURE,)),
        Kind.RELAY_ACK: Go(relaying.on_relay_ack, (S.SECURE,)),
        Trigger.SRTP: Go(confirmation.on_srtp_when_secure, (S.SECURE,)),
        Trigger.EXHAUSTED: Go(ending.on_error_exhausted, (S.SECURE,)),
        **ignore("secure already", Kind.HELLO_ACK, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1),
        **ignore("secure already", Kind.CONFIRM2, Kind.CONF2ACK, Trigger.GO_SECURE, Trigger.RETRY),
        **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE),
        **ignore("no GoClear was sent", Kind.CLEAR_ACK),
    },
    S.GOCLEAR_SENT: {
        **ignore("encryption is being switched off", *EVERY_INPUT),
        **stay(S.GOCLEAR_SENT),
        **without_exchange(S.GOCLEAR_SENT),
        Kind.HELLO: Go(discovery.on_hello_later, (S.GOCLEAR_SENT,)),
        Kind.CLEAR_ACK: Go(clearing.on_clear_ack, (S.CLEAR,)),
        Kind.GOCLEAR: Go(clearing.on_goclear, (S.GOCLEAR_SENT, S.CLEAR_PENDING)),
        Trigger.EXHAUSTED: Go(clearing.on_clear_ack, (S.CLEAR,)),
    },
    S.CLEAR_PENDING: {
        **ignore("encryption was switched off", *EVERY_INPUT),
        **stay(S.CLEAR_PENDING),
        **without_exchange(S.CLEAR_PENDING),
        Kind.HELLO: Go(discovery.on_hello_later, (S.CLEAR_PENDING,)),
        Kind.GOCLEAR: Go(clearing.on_late_goclear, (S.CLEAR_PENDING,)),
        Kind.COMMIT: Go(commitment.on_commit, (S.CLEAR_PENDING, S.CONFIRM1_SENT)),
        Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.CLEAR_PENDING, S.COMMIT_SENT)),
    },
    S.CLEAR: {
        **ignore("encryption was switched off", *EVERY_INPUT),
        **stay(S.CLEAR),
        **without_exchange(S.CLEAR),
        Kind.HELLO: Go(discovery.on_hello_later, (S.CLEAR,)),
        Kind.GOCLEAR: Go(clearing.on_late_goclear, (S.CLEAR,)),
        Kind.COMMIT: Go(commitment.on_commit, (S.CLEAR, S.CONFIRM1_SENT)),
        Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.CLEAR, S.COMMIT_SENT)),
    },
    S.FAILED: {
        **ignore("the exchange failed; a new stream can try again", *EVERY_INPUT),
        **stay(S.FAILED),
        **without_exchange(S.FAILED),
        Kind.HELLO: Go(discovery.on_hello_later, (S.FAILED,)),
        Kind.ERROR_ACK: Go(ending.on_error_ack, (S.FAILED,)),
        Trigger.EXHAUSTED: Go(ending.on_error_exhausted, (S.FAILED,)),
    },
    S.CLOSED: ignore("closed", *EVERY_INPUT),
}
