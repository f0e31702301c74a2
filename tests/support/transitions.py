"""The transition table with a witness at every handler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

from tests.support.diagram import WHOLE_CALL
from zrtp.protocol.states import Go, Handler, Input, State
from zrtp.protocol.stream import Stream
from zrtp.protocol.transitions import TABLE

SEEN: set[tuple[State, Input, State]] = set()
"""Every transition (from, input, to) that a checked handler has made so far."""


@contextmanager
def checked_table() -> Iterator[None]:
    """As long as this context lasts, handlers must end in one of their declared targets, and no stream may change its
    state in any other way than the table and `WHOLE_CALL` allow. Only failing, closing and another stream's GoClear
    can come at any time.
    """
    allowed = {
        (state, target)
        for state, row in TABLE.items()
        for step in row.values()
        if isinstance(step, Go)
        for target in step.targets
    } | {(state, target) for state, target, _ in WHOLE_CALL}
    enter = Stream.enter

    def checked_enter(stream: Stream, target: State) -> None:
        arrow = stream.state, target
        anywhere = (stream.state, State.FAILED, State.CLOSED, State.CLEAR_PENDING)
        assert target in anywhere or arrow in allowed, arrow
        enter(stream, target)

    originals = {state: dict(row) for state, row in TABLE.items()}
    for state, row in TABLE.items():
        for trigger, step in row.items():
            if isinstance(step, Go):
                row[trigger] = Go(_checked(state, trigger, step), step.targets)
    try:
        with patch.object(Stream, "enter", checked_enter):
            yield
    finally:
        for state, row in originals.items():
            TABLE[state].update(row)


def _checked(state: State, trigger: Input, step: Go) -> Handler:
    @wraps(step.handler)
    def handler(stream: Stream, message: Any, now: float) -> State:
        target = step.handler(stream, message, now)
        assert target in step.targets, f"{state.name} on {trigger.name} ended in {target.name}"
        SEEN.add((state, trigger, target))
        return target

    return handler
