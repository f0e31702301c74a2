"""The transition table: every state, every input, what follows, and which timers live in a state.

Nothing outside this table decides what an input means. `Ignore` gives the reason, which is also the name of the
counter. A test proves that no pair is missing; the state diagram in docs/protocol.md is drawn from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias, TypeVar, overload

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
from zrtp.protocol.exchange import Refusal
from zrtp.protocol.states import Input, State, Trigger
from zrtp.protocol.work import Work
from zrtp.wire.messages import (
    ClearACK,
    Commit,
    Conf2ACK,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    ErrorACK,
    GoClear,
    Hello,
    HelloACK,
    Kind,
    Message,
    Ping,
    PingACK,
    RelayACK,
    SASrelay,
)

M = TypeVar("M", bound=Message)

Handler: TypeAlias = Callable[[Core, Received[Any]], State]
"""Takes the stream and what was received. `on` has the type checker compare the message with the input."""


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


@overload
def on(given: type[M], handler: Callable[[Core, Received[M]], State], targets: tuple[State, ...]) -> Steps: ...
@overload
def on(
    given: Literal[Trigger.REFUSED], handler: Callable[[Core, Received[Refusal]], State], targets: tuple[State, ...]
) -> Steps: ...
@overload
def on(
    given: Literal[Trigger.COMPUTED], handler: Callable[[Core, Received[Work]], State], targets: tuple[State, ...]
) -> Steps: ...
@overload
def on(given: Trigger, handler: Callable[[Core, Received[None]], State], targets: tuple[State, ...]) -> Steps: ...
def on(given: type[M] | Trigger, handler: Handler, targets: tuple[State, ...]) -> Steps:
    """A handler, which takes the very message that is given, or none with a trigger."""
    return {given if isinstance(given, Trigger) else given.kind: Go(handler, targets)}


def ignore(reason: str, *inputs: Input) -> Steps:
    """The same reason for several inputs."""
    return dict.fromkeys(inputs, Ignore(reason))


def any_of(*states: State) -> tuple[State, ...]:
    """Each of these once."""
    return tuple(dict.fromkeys(states))


def stay(state: State) -> Steps:
    """What is answered alike in every state of a started stream."""
    return {
        **on(Ping, discovery.on_ping, (state,)),
        **on(PingACK, discovery.on_ping_ack, (state,)),
        **on(Trigger.CLOSE, ending.on_close, (S.CLOSED,)),
        **ignore("already started", Trigger.START),
    }


def without_exchange(state: State) -> Steps:
    """States in which no exchange runs: an Error has no effect, and no timer of an exchange can fire."""
    return {
        **on(Error, ending.on_error_without_effect, (state,)),
        **on(Trigger.CLEARED_BY_US, clearing.on_cleared_without_keys, (state,)),
        **on(Trigger.CLEARED_BY_PEER, clearing.on_cleared_without_keys, (state,)),
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
        **on(Error, ending.on_error_in_discovery, (state,)),
        **on(Trigger.HELLO_EXPECTED, binding.on_hello_expected, (state,)),
        **on(Trigger.REFUSED, ending.on_refused, (S.FAILED,)),
    }


def waiting_for_store(state: State) -> Steps:
    """States of discovery in which a Commit may wait for the store."""
    targets = tuple(dict.fromkeys((state, S.HELLO_RECEIVED, S.DISCOVERED, S.HELLO_ACKED, *COMMITTED)))
    return {
        **on(Trigger.RECORD, commitment.on_record, targets),
        **on(Trigger.NO_RECORD, commitment.on_no_record, (*targets, S.FAILED)),
    }


def in_exchange(state: State) -> Steps:
    """States between Commit and the end of the exchange."""
    return {
        **stay(state),
        **on(Hello, discovery.on_hello_in_exchange, any_of(state, S.COMMIT_SENT)),
        **on(PingACK, commitment.on_ping_ack_in_exchange, any_of(state, *BESIDE)),
        **on(Error, ending.on_error, (state,)),
        **on(Trigger.ERROR_GRACE_OVER, ending.on_grace_over, (S.FAILED, S.QUIET, *BESIDE)),
        **on(Trigger.NEW_CHAIN, initiation.on_new_chain, any_of(state, S.COMMIT_SENT)),
        **on(Trigger.HELLO_EXPECTED, binding.on_hello_expected_in_exchange, any_of(state, S.FAILED, *BESIDE)),
        **on(Trigger.CROWDED_OUT, ending.on_crowded_out, any_of(state, S.QUIET, *BESIDE)),
        **on(Trigger.REFUSED, ending.on_refused, (S.FAILED, *BESIDE)),
        **on(Trigger.GOING_CLEAR, clearing.on_going_clear_in_exchange, (S.CLEAR_PENDING,)),
        **on(Trigger.CLEARED_BY_US, clearing.on_cleared_by_us, (S.CLEAR_PENDING,)),
        **on(Trigger.CLEARED_BY_PEER, clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
        **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
        **on(ErrorACK, ending.on_error_ack_in_exchange, (state,)),
        **ignore("not secure yet", Kind.GOCLEAR, Kind.CLEAR_ACK, Kind.SASRELAY, Kind.RELAY_ACK),
        **ignore("not secure yet", Trigger.GO_CLEAR, Trigger.CLEAR_AGREED),
        **ignore("going secure already", Trigger.GO_SECURE, Trigger.RETRY),
        **on(Trigger.OUTRUN, commitment.on_outrun, (S.DISCOVERED,)),
        **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE),
        **ignore("no public-key operation is running", Trigger.COMPUTED),
    }


def initiating(state: State) -> Steps:
    """States of an initiator: its own retransmission is the clock."""
    return {
        **in_exchange(state),
        **on(Trigger.EXHAUSTED, ending.on_silence_of_candidate, (S.QUIET, *BESIDE)),
        **ignore("we are the initiator", Kind.DHPART2, Kind.CONFIRM2, Trigger.IDLE_TIMEOUT),
    }


def beside(state: State) -> Steps:
    """States of an exchange in which another one may begin beside it."""
    targets = any_of(state, *BESIDE)
    return {
        **on(Commit, commitment.on_commit_beside, targets),
        **on(Trigger.RECORD, commitment.on_record_beside, targets),
        **on(Trigger.NO_RECORD, commitment.on_no_record_beside, (state,)),
    }


def responding(state: State) -> Steps:
    """States of a responder: it repeats nothing by itself, and gives up after some silence."""
    return {
        **in_exchange(state),
        **beside(state),
        **on(Trigger.IDLE_TIMEOUT, ending.on_silence_of_candidate, (S.QUIET, *BESIDE)),
        **ignore("we are the responder", Kind.DHPART1, Kind.CONFIRM1, Kind.CONF2ACK, Trigger.EXHAUSTED),
        **ignore("SRTP before Confirm2", Trigger.SRTP),
    }


def cleared(state: State) -> Steps:
    """States after a GoClear, until somebody asks for encryption again."""
    return {
        **ignore("encryption was switched off", *EVERY_INPUT),
        **stay(state),
        **without_exchange(state),
        **on(Hello, discovery.on_hello_later, (state,)),
        **on(GoClear, clearing.on_late_goclear, (state,)),
        **on(Commit, commitment.on_commit, (state, S.CONFIRM1_SENT)),
        **on(Trigger.GO_SECURE, discovery.on_go_secure, (state, S.COMMIT_SENT)),
        **on(Trigger.REFUSED, ending.on_refused, (S.FAILED,)),
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
            **on(Trigger.START, discovery.on_start, (S.HELLO_SENT,)),
            **on(Trigger.HELLO_EXPECTED, binding.on_hello_expected, (S.IDLE,)),
            **on(Trigger.CLOSE, ending.on_close, (S.CLOSED,)),
        },
    ),
    S.HELLO_SENT: Row(
        {
            **discovering(S.HELLO_SENT),
            **on(Hello, discovery.on_hello, (S.HELLO_SENT, S.HELLO_RECEIVED, S.COMMIT_SENT)),
            **on(HelloACK, discovery.on_hello_ack, (S.HELLO_ACKED,)),
            **ignore("no Hello came before this Commit", Kind.COMMIT),
            **on(Trigger.DISCOVERY_DEADLINE, discovery.on_deadline, (S.QUIET, S.FAILED)),
            **on(Trigger.EXHAUSTED, discovery.on_hello_exhausted, (S.HELLO_SENT,)),
            **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE),
        },
        SEARCHING | REPEATING,
    ),
    S.HELLO_ACKED: Row(
        {
            **discovering(S.HELLO_ACKED),
            **on(Hello, discovery.on_hello, (S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT)),
            **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
            **ignore("no Hello came before this Commit", Kind.COMMIT),
            **on(Trigger.DISCOVERY_DEADLINE, discovery.on_deadline, (S.QUIET, S.FAILED)),
            **ignore("no peer yet", Trigger.RETRY, Trigger.GO_SECURE, Trigger.EXHAUSTED),
        },
        SEARCHING,
    ),
    S.HELLO_RECEIVED: Row(
        {
            **discovering(S.HELLO_RECEIVED),
            **waiting_for_store(S.HELLO_RECEIVED),
            **on(Hello, discovery.on_hello, (S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT)),
            **on(
                HelloACK,
                discovery.on_hello_ack_after_hello,
                (S.HELLO_RECEIVED, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT),
            ),
            **on(Commit, commitment.on_commit, (S.HELLO_RECEIVED, S.DISCOVERED, *COMMITTED)),
            **on(Trigger.DISCOVERY_DEADLINE, discovery.on_deadline, (S.QUIET, S.FAILED)),
            **on(Trigger.EXHAUSTED, discovery.on_hello_exhausted, (S.HELLO_RECEIVED,)),
            **ignore("our Hello is not acknowledged yet", Trigger.RETRY, Trigger.GO_SECURE),
        },
        SEARCHING | REPEATING,
    ),
    S.DISCOVERED: Row(
        {
            **discovering(S.DISCOVERED),
            **waiting_for_store(S.DISCOVERED),
            **on(Hello, discovery.on_hello, (S.DISCOVERED, S.HELLO_RECEIVED)),
            **ignore("Hello is acknowledged already", Kind.HELLO_ACK),
            **on(Commit, commitment.on_commit, (S.HELLO_RECEIVED, S.DISCOVERED, *COMMITTED)),
            **on(Trigger.DISCOVERY_DEADLINE, discovery.on_deadline, (S.QUIET, S.FAILED)),
            **on(Trigger.RETRY, discovery.on_retry, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
            **on(Trigger.GO_SECURE, discovery.on_go_secure, (S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
            **ignore("nothing is repeated", Trigger.EXHAUSTED),
        },
        SEARCHING,
    ),
    S.QUIET: Row(
        {
            **discovering(S.QUIET),
            **waiting_for_store(S.QUIET),
            **on(
                Hello,
                discovery.on_hello,
                (S.QUIET, S.HELLO_ACKED, S.HELLO_RECEIVED, S.DISCOVERED, S.COMMIT_SENT),
            ),
            **on(HelloACK, discovery.on_hello_ack_when_quiet, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
            **on(Commit, commitment.on_commit, (S.QUIET, S.DISCOVERED, *COMMITTED)),
            **ignore("discovery is over", Trigger.DISCOVERY_DEADLINE, Trigger.RETRY),
            **on(Trigger.EXHAUSTED, discovery.on_hello_exhausted, (S.QUIET,)),
            **on(Trigger.START, discovery.on_start_again, (S.HELLO_SENT, S.HELLO_RECEIVED)),
            **on(Trigger.GO_SECURE, discovery.on_go_secure, (S.QUIET, S.HELLO_ACKED, S.DISCOVERED, S.COMMIT_SENT)),
        },
        REPEATING | {Trigger.NO_RECORD},
    ),
    S.COMMIT_SENT: Row(
        {
            **initiating(S.COMMIT_SENT),
            **on(Hello, discovery.on_hello_after_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            **on(HelloACK, discovery.on_hello_ack_after_commit, (S.COMMIT_SENT,)),
            **on(PingACK, commitment.on_ping_ack_in_exchange, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            **on(Commit, commitment.on_crossing_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            **on(DHPart1, agreement.on_dhpart1, (S.COMMIT_SENT, S.DHPART2_SENT)),
            **on(Trigger.COMPUTED, agreement.on_computed, (S.DHPART2_SENT,)),
            **on(Confirm1, initiation.on_confirm1, (S.COMMIT_SENT, S.CONFIRM2_SENT, S.DISCOVERED)),
            **on(
                Trigger.HELLO_EXPECTED,
                binding.on_hello_expected_after_commit,
                (*BESIDE, S.DISCOVERED, S.HELLO_ACKED, S.FAILED),
            ),
            **on(Trigger.RECORD, commitment.on_record_after_commit, (*BESIDE, S.DISCOVERED, S.HELLO_ACKED)),
            **on(Trigger.NO_RECORD, commitment.on_no_record_beside, (S.COMMIT_SENT,)),
            **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
        },
        ASKING,
    ),
    S.DHPART2_SENT: Row(
        {
            **initiating(S.DHPART2_SENT),
            **beside(S.DHPART2_SENT),
            **on(Confirm1, confirmation.on_confirm1, (S.CONFIRM2_SENT, S.DISCOVERED)),
            **ignore("DHPart1 is here already", Kind.DHPART1),
            **ignore("no Confirm2 was sent", Kind.CONF2ACK, Trigger.SRTP),
        },
        ASKING,
    ),
    S.CONFIRM2_SENT: Row(
        {
            **initiating(S.CONFIRM2_SENT),
            **ignore("the peer is known already", Trigger.RECORD, Trigger.NO_RECORD),
            **ignore("this stream makes the keys", Trigger.OUTRUN),
            **on(Hello, discovery.on_hello_later, (S.CONFIRM2_SENT,)),
            **on(Trigger.EXHAUSTED, ending.on_silence, (S.FAILED, *BESIDE)),
            **on(PingACK, discovery.on_ping_ack, (S.CONFIRM2_SENT,)),
            **on(Conf2ACK, confirmation.on_conf2ack, (S.SECURE,)),
            **on(Trigger.SRTP, confirmation.on_conf2ack, (S.SECURE,)),
            **ignore("Commit lost the contention", Kind.COMMIT),
            **ignore("DHPart1 is here already", Kind.DHPART1),
            **ignore("Confirm1 is here already", Kind.CONFIRM1),
        },
        ASKING,
    ),
    S.DHPART1_SENT: Row(
        {
            **responding(S.DHPART1_SENT),
            **on(DHPart2, agreement.on_dhpart2, (S.DHPART1_SENT, S.CONFIRM1_SENT)),
            **on(Trigger.COMPUTED, agreement.on_computed, (S.CONFIRM1_SENT,)),
            **ignore("no DHPart2 yet", Kind.CONFIRM2),
        },
        ANSWERING,
    ),
    S.CONFIRM1_SENT: Row(
        {
            **responding(S.CONFIRM1_SENT),
            **on(Confirm2, confirmation.on_confirm2, (S.SECURE, S.DISCOVERED)),
            **on(Trigger.IDLE_TIMEOUT, ending.on_silence, (S.FAILED, S.QUIET, *BESIDE)),
            **ignore("DHPart2 is here already", Kind.DHPART2),
        },
        ANSWERING,
    ),
    S.SECURE: Row(
        {
            **stay(S.SECURE),
            **without_exchange(S.SECURE),
            **on(Hello, discovery.on_hello_later, (S.SECURE,)),
            **on(GoClear, clearing.on_goclear, (S.SECURE, S.CLEAR_PENDING)),
            **on(SASrelay, relaying.on_sas_relay, (S.SECURE,)),
            **on(RelayACK, relaying.on_relay_ack, (S.SECURE,)),
            **on(Trigger.SRTP, confirmation.on_srtp_when_secure, (S.SECURE,)),
            **on(Trigger.EXHAUSTED, ending.on_error_exhausted, (S.SECURE,)),
            **on(Trigger.HELLO_EXPECTED, binding.on_hello_expected_in_exchange, (S.SECURE, S.FAILED)),
            **on(Trigger.GO_CLEAR, clearing.on_go_clear, (S.GOCLEAR_SENT,)),
            **on(Trigger.GOING_CLEAR, clearing.on_going_clear, (S.SECURE,)),
            **on(Trigger.CLEARED_BY_US, clearing.on_cleared_by_us, (S.CLEAR_PENDING,)),
            **on(Trigger.CLEARED_BY_PEER, clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
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
            **on(Hello, discovery.on_hello_later, (S.GOCLEAR_SENT,)),
            **on(ClearACK, clearing.on_clear_ack, (S.CLEAR,)),
            **on(GoClear, clearing.on_goclear, (S.GOCLEAR_SENT, S.CLEAR_PENDING)),
            **on(Trigger.EXHAUSTED, clearing.on_clear_ack, (S.CLEAR,)),
            **on(Trigger.CLEARED_BY_PEER, clearing.on_cleared_by_peer, (S.CLEAR_PENDING,)),
            **ignore("our own GoClear is on its way", Trigger.CLEARED_BY_US),
        },
        REPEATING,
    ),
    S.CLEAR_PENDING: Row(
        {
            **cleared(S.CLEAR_PENDING),
            **on(Trigger.CLEAR_AGREED, clearing.on_clear_agreed, (S.CLEAR,)),
        },
        REPEATING,
    ),
    S.CLEAR: Row(cleared(S.CLEAR)),
    S.FAILED: Row(
        {
            **ignore("the exchange failed; a new stream can try again", *EVERY_INPUT),
            **stay(S.FAILED),
            **without_exchange(S.FAILED),
            **on(Hello, discovery.on_hello_after_failure, (S.FAILED, S.HELLO_RECEIVED)),
            **on(ErrorACK, ending.on_error_ack, (S.FAILED,)),
            **on(Trigger.EXHAUSTED, ending.on_error_exhausted, (S.FAILED,)),
        },
        REPEATING,
    ),
    S.CLOSED: Row(ignore("closed", *EVERY_INPUT)),
}
