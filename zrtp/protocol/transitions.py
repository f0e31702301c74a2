"""The transition table: every state, every input, what follows, and which timers live in a state.

Nothing outside this table decides what an input means. `Ignore` gives the reason, which is also the name of the
counter. A test proves that no pair is missing; the state diagram in docs/protocol.md is drawn from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from zrtp.protocol import (
    agreement,
    binding,
    clearing,
    commitment,
    confirmation,
    discovery,
    ending,
    initiation,
    relaying,
)
from zrtp.protocol.core import Core, Received
from zrtp.protocol.states import Input, State, Trigger
from zrtp.wire.messages import Kind

Handler: TypeAlias = Callable[[Core, Received[Any]], State]
"""Takes the stream and what was received: a test compares the type of the message with the input."""


@dataclass(frozen=True, slots=True)
class Go:
    """Call the handler; it ends in one of the targets."""

    handler: Handler
    targets: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Ignore:
    """Count and drop the input."""

    reason: str


Steps: TypeAlias = dict[Input, Go | Ignore]


@dataclass(frozen=True, slots=True)
class Row:
    """One state."""

    inputs: Steps
    timers: frozenset[Trigger] = frozenset()
    """What may be due here. EXHAUSTED stands for the retransmission of a message."""

    def __getitem__(self, given: Input) -> Go | Ignore:
        return self.inputs[given]


S = State
COMMITTED = (S.DHPART1_SENT, S.CONFIRM1_SENT, S.COMMIT_SENT)
BESIDE = (*COMMITTED, S.DHPART2_SENT)
"""Where an exchange may be that goes on when the one before it ends."""


def ignore(reason: str, *inputs: Input) -> Steps:
    """The same reason for several inputs."""
    return dict.fromkeys(inputs, Ignore(reason))


def any_of(*states: State) -> tuple[State, ...]:
    """Each of these once."""
    return tuple(dict.fromkeys(states))


def stay(state: State) -> Steps:
    """What is answered alike in every state of a started stream."""
    return {
        Kind.PING: Go(discovery.on_ping, (state,)),
        Kind.PING_ACK: Go(discovery.on_ping_ack, (state,)),
        Trigger.CLOSE: Go(ending.on_close, (S.CLOSED,)),
        **ignore("already started", Trigger.START),
    }


def without_exchange(state: State) -> Steps:
    """States in which no exchange runs: an Error has no effect, and no timer of an exchange can fire."""
    return {
        Kind.ERROR: Go(ending.on_error_without_effect, (state,)),
        Trigger.CLEARED_BY_US: Go(clearing.on_cleared_without_keys, (state,)),
        Trigger.CLEARED_BY_PEER: Go(clearing.on_cleared_without_keys, (state,)),
        **ignore("no Error was sent", Kind.ERROR_ACK),
        **ignore("no exchange is running", Trigger.IDLE_TIMEOUT, Trigger.ERROR_GRACE_OVER, Trigger.NEW_CHAIN),
        **ignore("no exchange is running", Trigger.OUTRUN, Trigger.CROWDED_OUT, Trigger.COMPUTED),
        **ignore("not secure", Trigger.GO_CLEAR, Trigger.GOING_CLEAR, Trigger.CLEAR_AGREED),
    }


def discovering(state: State) -> Steps:
    """States before the first Commit."""
    return {
        **stay(state),
        **without_exchange(state),
        **ignore(
            "no Commit yet",
            *(Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2, Kind.CONF2ACK),
            *(Kind.GOCLEAR, Kind.CLEAR_ACK, Kind.SASRELAY, Kind.RELAY_ACK),
            Trigger.SRTP,
        ),
        **ignore("no Commit waits for the store", Trigger.RECORD, Trigger.NO_RECORD),
        Kind.ERROR: Go(ending.on_error_in_discovery, (state,)),
        Trigger.HELLO_EXPECTED: Go(binding.on_hello_expected, (state,)),
        Trigger.REFUSED: Go(ending.on_refused, (S.FAILED,)),
    }


def waiting_for_store(state: State) -> Steps:
    """States of discovery in which a Commit may wait for the store."""
    targets = tuple(dict.fromkeys((state, S.HELLO_RECEIVED, S.DISCOVERED, S.HELLO_ACKED, *COMMITTED)))
    return {
        Trigger.RECORD: Go(commitment.on_record, targets),
        Trigger.NO_RECORD: Go(commitment.on_no_record, (*targets, S.FAILED)),
    }


def in_exchange(state: State) -> Steps:
    """States between Commit and the end of the exchange."""
    return {
        **stay(state),
        Kind.HELLO: Go(discovery.on_hello_in_exchange, any_of(state, S.COMMIT_SENT)),
        Kind.PING_ACK: Go(commitment.on_ping_ack_in_exchange, any_of(state, *BESIDE)),
        Kind.ERROR: Go(ending.on_error, (state,)),
        Trigger.ERROR_GRACE_OVER: Go(ending.on_grace_over, (S.FAILED, S.QUIET, *BESIDE)),
        Trigger.NEW_CHAIN: Go(initiation.on_new_chain, any_of(state, S.COMMIT_SENT)),
        Trigger.HELLO_EXPECTED: Go(binding.on_hello_expected_in_exchange, any_of(state, S.FAILED, *BESIDE)),
        Trigger.CROWDED_OUT: Go(ending.on_crowded_out, any_of(state, S.QUIET, *BESIDE)),
        Trigger.REFUSED: Go(ending.on_refused, (S.FAILED, *BESIDE)),
        Trigger.GOING_CLEAR: Go(clearing.on_going_clear_in_exchange, (S.CLEAR_PENDING,)),
        Trigger.CLEARED_BY_US: Go(clearing.on_cleared_by_us, (S.CLEAR_PENDING,)),
        Trigger.CLEARED_BY_PEER: Go(clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
        **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
        Kind.ERROR_ACK: Go(ending.on_error_ack_in_exchange, (state,)),
        **ignore("not secure yet", Kind.GOCLEAR, Kind.CLEAR_ACK, Kind.SASRELAY, Kind.RELAY_ACK),
        **ignore("not secure yet", Trigger.GO_CLEAR, Trigger.CLEAR_AGREED),
        **ignore("going secure already", Trigger.GO_SECURE, Trigger.RETRY),
        **ignore("the peer has answered this Commit", Trigger.OUTRUN),
        **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE),
        **ignore("no public-key operation is running", Trigger.COMPUTED),
    }


def initiating(state: State) -> Steps:
    """States of an initiator: its own retransmission is the clock."""
    return {
        **in_exchange(state),
        Trigger.EXHAUSTED: Go(ending.on_silence_of_candidate, (S.QUIET, *BESIDE)),
        **ignore("we are the initiator", Kind.DHPART2, Kind.CONFIRM2, Trigger.IDLE_TIMEOUT),
    }


def beside(state: State) -> Steps:
    """States of an exchange in which another one may begin beside it."""
    targets = any_of(state, *BESIDE)
    return {
        Kind.COMMIT: Go(commitment.on_commit_beside, targets),
        Trigger.RECORD: Go(commitment.on_record_beside, targets),
        Trigger.NO_RECORD: Go(commitment.on_no_record_beside, (state,)),
    }


def responding(state: State) -> Steps:
    """States of a responder: it repeats nothing by itself, and gives up after some silence."""
    return {
        **in_exchange(state),
        **beside(state),
        Trigger.IDLE_TIMEOUT: Go(ending.on_silence_of_candidate, (S.QUIET, *BESIDE)),
        **ignore("we are the responder", Kind.DHPART1, Kind.CONFIRM1, Kind.CONF2ACK, Trigger.EXHAUSTED),
        **ignore("SRTP before Confirm2", Trigger.SRTP),
    }


def cleared(state: State) -> Steps:
    """States after a GoClear, until somebody asks for encryption again."""
    return {
        **ignore("encryption was switched off", *EVERY_INPUT),
        **stay(state),
        **without_exchange(state),
        Kind.HELLO: Go(discovery.on_hello_later, (state,)),
        Kind.GOCLEAR: Go(clearing.on_late_goclear, (state,)),
        Kind.COMMIT: Go(commitment.on_commit, (state, S.CONFIRM1_SENT)),
        Trigger.GO_SECURE: Go(discovery.on_go_secure, (state, S.COMMIT_SENT)),
        Trigger.REFUSED: Go(ending.on_refused, (S.FAILED,)),
    }


EVERY_INPUT: tuple[Input, ...] = tuple(chain(Kind, Trigger))

REPEATING = frozenset({Trigger.EXHAUSTED})
SEARCHING = frozenset({Trigger.DISCOVERY_DEADLINE, Trigger.RETRY, Trigger.NO_RECORD})
ANSWERING = frozenset({Trigger.IDLE_TIMEOUT, Trigger.ERROR_GRACE_OVER, Trigger.NO_RECORD, Trigger.NEW_CHAIN})
ASKING = frozenset({Trigger.EXHAUSTED, Trigger.ERROR_GRACE_OVER, Trigger.NO_RECORD, Trigger.NEW_CHAIN})

TABLE: dict[State, Row] = {
    S.IDLE: Row(
        {
            **ignore("not started", *EVERY_INPUT),
            Trigger.START: Go(discovery.on_start, (S.HELLO_SENT,)),
            Trigger.HELLO_EXPECTED: Go(binding.on_hello_expected, (S.IDLE,)),
            Trigger.CLOSE: Go(ending.on_close, (S.CLOSED,)),
        },
    ),
    S.HELLO_SENT: Row(
        {
            **discovering(S.HELLO_SENT),
            Kind.HELLO: Go(discovery.on_hello, (S.HELLO_SENT, S.HELLO_RECEIVED, S.COMMIT_SENT)),
            Kind.HELLO_ACK: Go(discovery.on_hello_ack, (S.HELLO_ACKED,)),
            **ignore("no Hello came before this Commit", Kind.COMMIT),
            Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET, S.FAILED)),
            Trigger.EXHAUSTED: Go(discovery.on_hello_exhausted, (S.HELLO_SENT,)),
            **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE),
        },
        SEARCHING | REPEATING,
    ),
    S.HELLO_ACKED: Row(
        {
            **discovering(S.HELLO_ACKED),
            Kind.HELLO: Go(discovery.on_hello, (S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT)),
            **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
            **ignore("no Hello came before this Commit", Kind.COMMIT),
            Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET, S.FAILED)),
            **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE, Trigger.EXHAUSTED),
        },
        SEARCHING,
    ),
    S.HELLO_RECEIVED: Row(
        {
            **discovering(S.HELLO_RECEIVED),
            **waiting_for_store(S.HELLO_RECEIVED),
            Kind.HELLO: Go(discovery.on_hello, (S.HELLO_RECEIVED, S.COMMIT_SENT)),
            Kind.HELLO_ACK: Go(
                discovery.on_hello_ack_after_hello,
                (S.HELLO_RECEIVED, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT),
            ),
            Kind.COMMIT: Go(commitment.on_commit, (S.HELLO_RECEIVED, S.DISCOVERED, *COMMITTED)),
            Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET, S.FAILED)),
            Trigger.EXHAUSTED: Go(discovery.on_hello_exhausted, (S.HELLO_RECEIVED,)),
            **ignore("our Hello is not acknowledged yet", Trigger.RETRY, Trigger.GO_SECURE),
        },
        SEARCHING | REPEATING,
    ),
    S.DISCOVERED: Row(
        {
            **discovering(S.DISCOVERED),
            **waiting_for_store(S.DISCOVERED),
            Kind.HELLO: Go(discovery.on_hello, (S.DISCOVERED, S.HELLO_RECEIVED)),
            **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
            Kind.COMMIT: Go(commitment.on_commit, (S.HELLO_RECEIVED, S.DISCOVERED, *COMMITTED)),
            Trigger.DISCOVERY_DEADLINE: Go(discovery.on_deadline, (S.QUIET, S.FAILED)),
            Trigger.RETRY: Go(discovery.on_retry, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
            Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
            **ignore("nothing is repeated", Trigger.EXHAUSTED),
        },
        SEARCHING,
    ),
    S.QUIET: Row(
        {
            **discovering(S.QUIET),
            **waiting_for_store(S.QUIET),
            Kind.HELLO: Go(
                discovery.on_hello,
                (S.QUIET, S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT),
            ),
            Kind.HELLO_ACK: Go(
                discovery.on_hello_ack_when_quiet, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)
            ),
            Kind.COMMIT: Go(commitment.on_commit, (S.QUIET, S.DISCOVERED, *COMMITTED)),
            **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE, Trigger.RETRY),
            Trigger.EXHAUSTED: Go(discovery.on_hello_exhausted, (S.QUIET,)),
            Trigger.START: Go(discovery.on_start_again, (S.HELLO_SENT, S.HELLO_RECEIVED)),
            Trigger.GO_SECURE: Go(discovery.on_go_secure, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
        },
        REPEATING | {Trigger.NO_RECORD},
    ),
    S.COMMIT_SENT: Row(
        {
            **initiating(S.COMMIT_SENT),
            Kind.HELLO: Go(discovery.on_hello_after_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            Kind.HELLO_ACK: Go(discovery.on_hello_ack_after_commit, (S.COMMIT_SENT,)),
            Kind.PING_ACK: Go(commitment.on_ping_ack_in_exchange, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            Kind.COMMIT: Go(commitment.on_crossing_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            Kind.DHPART1: Go(agreement.on_dhpart1, (S.COMMIT_SENT, S.DHPART2_SENT)),
            Trigger.COMPUTED: Go(agreement.on_computed, (S.DHPART2_SENT,)),
            Kind.CONFIRM1: Go(initiation.on_confirm1, (S.COMMIT_SENT, S.CONFIRM2_SENT)),
            Trigger.HELLO_EXPECTED: Go(
                binding.on_hello_expected_after_commit,
                (*BESIDE, S.DISCOVERED, S.HELLO_ACKED, S.FAILED),
            ),
            Trigger.OUTRUN: Go(commitment.on_outrun, (S.DISCOVERED,)),
            Trigger.RECORD: Go(commitment.on_record_after_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            Trigger.NO_RECORD: Go(commitment.on_no_record_beside, (S.COMMIT_SENT,)),
            **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
        },
        ASKING,
    ),
    S.DHPART2_SENT: Row(
        {
            **initiating(S.DHPART2_SENT),
            **beside(S.DHPART2_SENT),
            Kind.CONFIRM1: Go(confirmation.on_confirm1, (S.CONFIRM2_SENT,)),
            **ignore("DHPart1 is here already", Kind.DHPART1),
            **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
        },
        ASKING,
    ),
    S.CONFIRM2_SENT: Row(
        {
            **initiating(S.CONFIRM2_SENT),
            **ignore("the peer is known already", Trigger.RECORD, Trigger.NO_RECORD),
            Kind.HELLO: Go(discovery.on_hello_later, (S.CONFIRM2_SENT,)),
            Trigger.EXHAUSTED: Go(ending.on_silence, (S.FAILED, *BESIDE)),
            Kind.PING_ACK: Go(discovery.on_ping_ack, (S.CONFIRM2_SENT,)),
            Kind.CONF2ACK: Go(confirmation.on_conf2ack, (S.SECURE,)),
            Trigger.SRTP: Go(confirmation.on_conf2ack, (S.SECURE,)),
            **ignore("Commit lost the contention", Kind.COMMIT),
            **ignore("DHPart1 is here already", Kind.DHPART1),
            **ignore("Confirm1 is here already", Kind.CONFIRM1),
        },
        ASKING,
    ),
    S.DHPART1_SENT: Row(
        {
            **responding(S.DHPART1_SENT),
            Kind.DHPART2: Go(agreement.on_dhpart2, (S.DHPART1_SENT, S.CONFIRM1_SENT)),
            Trigger.COMPUTED: Go(agreement.on_computed, (S.CONFIRM1_SENT,)),
            **ignore("no DHPart2 yet", Kind.CONFIRM2),
        },
        ANSWERING,
    ),
    S.CONFIRM1_SENT: Row(
        {
            **responding(S.CONFIRM1_SENT),
            Kind.CONFIRM2: Go(confirmation.on_confirm2, (S.SECURE,)),
            Trigger.IDLE_TIMEOUT: Go(ending.on_silence, (S.FAILED, S.QUIET, *BESIDE)),
            **ignore("DHPart2 is here already", Kind.DHPART2),
        },
        ANSWERING,
    ),
    S.SECURE: Row(
        {
            **stay(S.SECURE),
            **without_exchange(S.SECURE),
            Kind.HELLO: Go(discovery.on_hello_later, (S.SECURE,)),
            Kind.GOCLEAR: Go(clearing.on_goclear, (S.SECURE, S.CLEAR_PENDING)),
            Kind.SASRELAY: Go(relaying.on_sas_relay, (S.SECURE,)),
            Kind.RELAY_ACK: Go(relaying.on_relay_ack, (S.SECURE,)),
            Trigger.SRTP: Go(confirmation.on_srtp_when_secure, (S.SECURE,)),
            Trigger.EXHAUSTED: Go(ending.on_error_exhausted, (S.SECURE,)),
            Trigger.HELLO_EXPECTED: Go(binding.on_hello_expected_in_exchange, (S.SECURE, S.FAILED)),
            Trigger.GO_CLEAR: Go(clearing.on_go_clear, (S.GOCLEAR_SENT,)),
            Trigger.GOING_CLEAR: Go(clearing.on_going_clear, (S.SECURE,)),
            Trigger.CLEARED_BY_US: Go(clearing.on_cleared_by_us, (S.CLEAR_PENDING,)),
            Trigger.CLEARED_BY_PEER: Go(clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
            **ignore("secure already", Kind.HELLO_ACK, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1),
            **ignore("secure already", Kind.CONFIRM2, Kind.CONF2ACK, Trigger.GO_SECURE, Trigger.RETRY),
            **ignore("secure already", Trigger.RECORD, Trigger.NO_RECORD, Trigger.REFUSED),
            **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE),
            **ignore("no GoClear was sent", Kind.CLEAR_ACK),
        },
        REPEATING,
    ),
    S.GOCLEAR_SENT: Row(
        {
            **ignore("encryption is being switched off", *EVERY_INPUT),
            **stay(S.GOCLEAR_SENT),
            **without_exchange(S.GOCLEAR_SENT),
            Kind.HELLO: Go(discovery.on_hello_later, (S.GOCLEAR_SENT,)),
            Kind.CLEAR_ACK: Go(clearing.on_clear_ack, (S.CLEAR,)),
            Kind.GOCLEAR: Go(clearing.on_goclear, (S.GOCLEAR_SENT, S.CLEAR_PENDING)),
            Trigger.EXHAUSTED: Go(clearing.on_clear_ack, (S.CLEAR,)),
            Trigger.CLEARED_BY_PEER: Go(clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
            **ignore("our own GoClear is on its way", Trigger.CLEARED_BY_US),
        },
        REPEATING,
    ),
    S.CLEAR_PENDING: Row(
        {
            **cleared(S.CLEAR_PENDING),
            Trigger.CLEAR_AGREED: Go(clearing.on_clear_agreed, (S.CLEAR,)),
        },
        REPEATING,
    ),
    S.CLEAR: Row(cleared(S.CLEAR)),
    S.FAILED: Row(
        {
            **ignore("the exchange failed; a new stream can try again", *EVERY_INPUT),
            **stay(S.FAILED),
            **without_exchange(S.FAILED),
            Kind.HELLO: Go(discovery.on_hello_after_failure, (S.FAILED, S.HELLO_RECEIVED)),
            Kind.ERROR_ACK: Go(ending.on_error_ack, (S.FAILED,)),
            Trigger.EXHAUSTED: Go(ending.on_error_exhausted, (S.FAILED,)),
        },
        REPEATING,
    ),
    S.CLOSED: Row(ignore("closed", *EVERY_INPUT)),
}
