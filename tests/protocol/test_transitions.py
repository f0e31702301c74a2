"""The transition table: total, closed, and without a way from secure to clear that nobody asked for."""

from __future__ import annotations

from itertools import product

import pytest

from tests.support.diagram import label, mermaid
from tests.support.pair import Netem, Pair
from tests.support.transitions import SEEN, checked_table, described, message_types, type_of_message
from zrtp.protocol.config import Config
from zrtp.protocol.states import IN_EXCHANGE, Input, State, Trigger
from zrtp.protocol.transitions import EVERY_INPUT, TABLE, Go, Handler, Ignore
from zrtp.wire.messages import Kind

PAIRS = list(product(State, (*Kind, *Trigger)))
FAST = Config(key_agreements=(b"X255", b"Mult"))


def targets(state: State) -> set[State]:
    """Where one input can lead from a state."""
    steps = TABLE[state].inputs.values()
    return {target for step in steps if isinstance(step, Go) for target in step.targets}


def reachable(start: State) -> set[State]:
    """Where any inputs can lead from a state."""
    found: set[State] = set()
    todo = [start]
    while todo:
        state = todo.pop()
        if state not in found:
            found.add(state)
            todo += targets(state)
    return found


def test_every_state_and_every_input_is_in_the_table() -> None:
    missing = [(state.name, trigger.name) for state, trigger in PAIRS if trigger not in TABLE[state].inputs]
    assert missing == []
    assert set(EVERY_INPUT) == {*Kind, *Trigger}
    assert len(PAIRS) == sum(len(row.inputs) for row in TABLE.values())


def test_every_step_has_a_target_or_a_reason() -> None:
    for state, trigger in PAIRS:
        step = TABLE[state][trigger]
        if isinstance(step, Go):
            assert step.targets and len(set(step.targets)) == len(step.targets), (state, trigger)
        else:
            assert isinstance(step, Ignore) and step.reason, (state, trigger)


def original(handler: Handler) -> Handler:
    """A handler without the witness that this folder's tests put around it."""
    return getattr(handler, "__wrapped__", handler)


def steps_of(handler: Handler) -> list[tuple[State, Go]]:
    """Where the table has this handler."""
    return [
        (state, step)
        for state, row in TABLE.items()
        for step in row.inputs.values()
        if isinstance(step, Go) and original(step.handler) is handler
    ]


HANDLERS = {original(step.handler) for row in TABLE.values() for step in row.inputs.values() if isinstance(step, Go)}


def test_every_handler_says_where_it_arrives_from_and_goes_to_as_the_table_does() -> None:
    """Names of states, or one of the words for a group of them; `diagram.described` reads both."""
    for handler in HANDLERS:
        told = described(handler)
        steps = steps_of(handler)
        assert told.arrives == {state for state, _ in steps}, handler
        changes = {target for state, step in steps for target in step.targets if target is not state}
        stays = {state for state, step in steps if state in step.targets}
        assert changes <= told.goes <= changes | stays, (handler, told.goes ^ changes)
        assert (told.stays or stays <= told.goes) and (stays or not told.stays), handler


def test_every_handler_takes_the_message_of_its_input() -> None:
    """`Received[Commit]` for a Commit, `Received[None]` for a trigger: the type checker sees the rest."""
    for state, row in TABLE.items():
        for given, step in row.inputs.items():
            if isinstance(step, Go):
                accepted = message_types(original(step.handler))
                assert type_of_message(given) in accepted, (state, given, accepted)


def test_every_state_can_be_reached_from_the_start() -> None:
    assert reachable(State.IDLE) | {State.FAILED} == set(State)


def test_only_start_leaves_idle_and_nothing_leaves_closed() -> None:
    """R-3-01: nothing happens before `start`, which is called after ICE."""
    assert {trigger for trigger, step in TABLE[State.IDLE].inputs.items() if isinstance(step, Go)} == {
        Trigger.START,
        Trigger.HELLO_EXPECTED,
        Trigger.CLOSE,
    }
    assert targets(State.IDLE) == {State.IDLE, State.HELLO_SENT, State.CLOSED}
    assert not any(isinstance(step, Go) for step in TABLE[State.CLOSED].inputs.values())


def test_close_leads_to_closed_from_everywhere() -> None:
    for state in State:
        step = TABLE[state][Trigger.CLOSE]
        if state is not State.CLOSED:
            assert isinstance(step, Go) and step.targets == (State.CLOSED,), state


@pytest.mark.rfc("R-5.15-01", "R-5.16-01")
def test_ping_is_answered_in_every_state_of_a_started_stream_without_leaving_it() -> None:
    for state in set(State) - {State.IDLE, State.CLOSED}:
        step = TABLE[state][Kind.PING]
        assert isinstance(step, Go) and step.targets == (state,), state


@pytest.mark.interop("I-09")
@pytest.mark.rfc("R-5.3-01")
def test_no_state_of_a_started_stream_ignores_a_hello() -> None:
    for state in set(State) - {State.IDLE, State.CLOSED}:
        assert isinstance(TABLE[state][Kind.HELLO], Go), state


@pytest.mark.attack("DOS-11")
@pytest.mark.rfc("R-5.10-01")
def test_error_is_acknowledged_in_every_state_and_changes_none_at_once() -> None:
    for state in set(State) - {State.IDLE, State.CLOSED}:
        step = TABLE[state][Kind.ERROR]
        assert isinstance(step, Go) and step.targets == (state,), state


@pytest.mark.attack("DWN-17")
@pytest.mark.attack("MED-06")
def test_from_secure_only_goclear_and_close_lead_away() -> None:
    away = {
        (trigger, target)
        for trigger, step in TABLE[State.SECURE].inputs.items()
        if isinstance(step, Go)
        for target in step.targets
        if target is not State.SECURE
    }
    assert away == {
        (Kind.GOCLEAR, State.CLEAR_PENDING),
        (Trigger.CLEARED_BY_PEER, State.CLEAR_PENDING),
        (Trigger.CLEARED_BY_US, State.CLEAR_PENDING),
        (Trigger.GO_CLEAR, State.GOCLEAR_SENT),
        (Trigger.HELLO_EXPECTED, State.FAILED),
        (Trigger.CLOSE, State.CLOSED),
    }


def test_only_the_states_of_goclear_lead_to_clear() -> None:
    sources = {state for state in State if State.CLEAR in targets(state) - {state}}
    assert sources - {State.CLEAR} == {State.GOCLEAR_SENT, State.CLEAR_PENDING}


def test_secure_is_entered_by_conf2ack_srtp_or_confirm2_alone() -> None:
    entries = {
        (state, trigger)
        for state, trigger in PAIRS
        if state is not State.SECURE and isinstance(step := TABLE[state][trigger], Go) and State.SECURE in step.targets
    }
    assert entries == {
        (State.CONFIRM2_SENT, Kind.CONF2ACK),
        (State.CONFIRM2_SENT, Trigger.SRTP),
        (State.CONFIRM1_SENT, Kind.CONFIRM2),
    }


@pytest.mark.attack("CLR-10")
@pytest.mark.attack("CLR-07")
def test_goclear_and_clearack_mean_nothing_before_secure() -> None:
    for state in (*IN_EXCHANGE, State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED):
        assert isinstance(TABLE[state][Kind.GOCLEAR], Ignore), state
        assert isinstance(TABLE[state][Kind.CLEAR_ACK], Ignore), state
    assert isinstance(TABLE[State.SECURE][Kind.CLEAR_ACK], Ignore)


@pytest.mark.attack("SAR-03")
def test_sasrelay_means_nothing_before_secure() -> None:
    for state in set(State) - {State.SECURE}:
        assert isinstance(TABLE[state][Kind.SASRELAY], Ignore), state


@pytest.mark.attack("NET-05")
def test_messages_of_the_other_role_are_ignored() -> None:
    initiating = (State.COMMIT_SENT, State.DHPART2_SENT, State.CONFIRM2_SENT)
    responding = (State.DHPART1_SENT, State.CONFIRM1_SENT)
    of_initiator: tuple[Input, ...] = (Kind.DHPART2, Kind.CONFIRM2)
    of_responder: tuple[Input, ...] = (Kind.DHPART1, Kind.CONFIRM1, Kind.CONF2ACK)
    for states, kinds in ((initiating, of_initiator), (responding, of_responder)):
        for state, kind in product(states, kinds):
            assert isinstance(TABLE[state][kind], Ignore), (state, kind)


def test_the_witness_sees_a_handler_that_ends_elsewhere() -> None:
    """What keeps all other tests of this folder honest."""
    with checked_table():
        row = TABLE[State.IDLE]
        step = row[Trigger.START]
        assert isinstance(step, Go)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(TABLE[State.HELLO_SENT].inputs, Kind.HELLO_ACK, Ignore("left out"))
            patch.setitem(row.inputs, Trigger.START, Go(step.handler, (State.SECURE,)))
            with checked_table(), pytest.raises(AssertionError, match="IDLE on START ended in HELLO_SENT"):
                Pair(FAST, FAST).start()


def test_a_call_goes_through_the_states_of_the_table() -> None:
    SEEN.clear()
    assert Pair(FAST, FAST, net=Netem(seed=3)).run().secure
    assert {(State.CONFIRM1_SENT, Kind.CONFIRM2, State.SECURE), (State.CONFIRM2_SENT, Kind.CONF2ACK, State.SECURE)} <= (
        SEEN
    )


def test_the_diagram_shows_every_change_of_state_of_the_table() -> None:
    diagram = mermaid()
    lines = [line.strip() for line in diagram.splitlines()]
    assert lines[:2] == ["stateDiagram-v2", "[*] --> IDLE"]
    for state, trigger in PAIRS:
        step = TABLE[state][trigger]
        drawn = set(step.targets) - {state, State.CLOSED} if isinstance(step, Go) else set()
        for target in drawn:
            (line,) = [line for line in lines if line.startswith(f"{state.name} --> {target.name}: ")]
            assert label(trigger) in line
    assert len(lines) == len(set(lines))


def test_the_diagram_has_no_arrow_that_is_not_in_the_table() -> None:
    for line in mermaid().splitlines()[2:]:
        source, rest = line.strip().split(" --> ")
        target, labels = rest.split(": ")
        state, goal = State[source], State[target]
        assert goal in targets(state)
        assert labels
