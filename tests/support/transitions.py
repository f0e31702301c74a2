"""The transition table with a witness at every handler."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_args, get_type_hints
from unittest.mock import patch

from zrtp.protocol.core import Core, Received
from zrtp.protocol.exchange import Refusal
from zrtp.protocol.states import IN_EXCHANGE, Input, State, Trigger
from zrtp.protocol.transitions import TABLE, Go, Handler
from zrtp.protocol.work import Work
from zrtp.wire import messages
from zrtp.wire.messages import Kind

SEEN: set[tuple[State, Input, State]] = set()
"""Every transition (from, input, to) that a checked handler has made so far."""


@contextmanager
def checked_table() -> Iterator[None]:
    """As long as this context lasts, handlers must end in one of their declared targets, and no stream may change its
    state in any other way than the table allows.
    """
    allowed = {
        (state, target)
        for state, row in TABLE.items()
        for step in row.inputs.values()
        if isinstance(step, Go)
        for target in step.targets
    }
    enter = Core.enter

    def checked_enter(core: Core, target: State, live: frozenset[Trigger]) -> None:
        assert target is core.state or (core.state, target) in allowed, (core.state, target)
        enter(core, target, live)

    originals = {state: dict(row.inputs) for state, row in TABLE.items()}
    for state, row in TABLE.items():
        for trigger, step in row.inputs.items():
            if isinstance(step, Go):
                row.inputs[trigger] = Go(_checked(state, trigger, step), step.targets)
    try:
        with patch.object(Core, "enter", checked_enter):
            yield
    finally:
        for state, inputs in originals.items():
            TABLE[state].inputs.update(inputs)


def _checked(state: State, trigger: Input, step: Go) -> Handler:
    @wraps(step.handler)
    def handler(core: Core, received: Received[Any]) -> State:
        target = step.handler(core, received)
        assert target in step.targets, f"{state.name} on {trigger.name} ended in {target.name}"
        SEEN.add((state, trigger, target))
        return target

    return handler


GROUPS: dict[str, frozenset[State]] = {
    "every state of an exchange": IN_EXCHANGE,
    "every state of discovery": frozenset(
        {State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED}
    ),
    "every started state": frozenset(State) - {State.IDLE, State.CLOSED},
}
"""Words of docstrings for several states at once. "but" takes out those that follow it, joined by "and"."""


@dataclass(frozen=True)
class Described:
    """What the docstring of a handler says about states."""

    arrives: frozenset[State]
    goes: frozenset[State]
    """Those that it changes to."""
    stays: bool
    """It may leave the state as it is."""


def described(handler: Handler) -> Described:
    """Read the lines "Arrives from: ... Goes to: ... Sends: ..." of a docstring."""
    text = " ".join((handler.__doc__ or "").split())
    found = re.search(r"Arrives from: (.*?)\. Goes to: (.*?)(?:\. |\.$)", text)
    assert found is not None, handler
    return Described(_states(found[1]), _states(found[2]), "the same" in found[2])


def _states(text: str) -> frozenset[State]:
    states: set[State] = set()
    for words, group in GROUPS.items():
        if (found := re.search(rf"{words}(?: but (\w+(?: and \w+)*))?", text)) is not None:
            left_out = {State[name] for name in (found[1] or "").split(" and ") if name}
            states |= group - left_out
            text = text.replace(found[0], "", 1)
    return frozenset(states | {State[name] for name in re.findall(r"\b[A-Z][A-Z_0-9]{3,}\b", text) if name in NAMES})


NAMES = State.__members__


def message_types(handler: Handler) -> set[type]:
    """Of which messages a handler takes `Received`; NoneType for a trigger."""
    annotation = get_type_hints(handler)[list(inspect.signature(handler).parameters)[1]]
    (message,) = get_args(annotation)
    return set(get_args(message)) or {message}


def type_of_message(given: Input) -> type:
    """What the dispatcher hands over with an input."""
    if given in (Trigger.REFUSED, Trigger.COMPUTED):
        return Refusal if given is Trigger.REFUSED else Work
    if not isinstance(given, Kind):
        return type(None)
    (message,) = [
        value
        for value in vars(messages).values()
        if isinstance(value, type) and not value.__name__.startswith("_") and getattr(value, "kind", None) is given
    ]
    return message
