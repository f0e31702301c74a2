"""The state diagram of a stream, drawn from the transition table as Mermaid text for docs/protocol.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from zrtp.protocol.states import Go, Input, Row, State
from zrtp.protocol.transitions import TABLE
from zrtp.wire.messages import Kind

END = "[*]"
NOT_DRAWN = (State.CLOSED,)
"""`close` leads there from everywhere."""

WHOLE_CALL = (
    (State.COMMIT_SENT, State.DISCOVERED, "Commit of another stream"),
    (State.SECURE, State.GOCLEAR_SENT, "go clear"),
    (State.SECURE, State.CLEAR_PENDING, "GoClear on another stream"),
    (State.GOCLEAR_SENT, State.CLEAR_PENDING, "GoClear on another stream"),
    (State.GOCLEAR_SENT, State.CLEAR, "agree to clear"),
    (State.CLEAR_PENDING, State.CLEAR, "agree to clear"),
)
"""What moves the other streams of a call along, or the whole call: not an input of one stream, so not in the table."""


def mermaid(table: Mapping[State, Row] = TABLE) -> str:
    """A `stateDiagram-v2` with an arrow for each change of state, labelled with the inputs that may cause it.

    What leaves a stream where it is has no arrow. What is wrong in a peer's message leads to FAILED from wherever an
    exchange starts or runs; the table shows it, and the diagram, only where nothing else can happen.
    """
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for state, row in table.items():
        for trigger, step in row.items():
            if isinstance(step, Go):
                for target in step.targets:
                    if target is not state and target not in NOT_DRAWN:
                        arrows[state, target].append(label(trigger))
    for state, target, cause in WHOLE_CALL:
        arrows[state, target].append(cause)
    lines = ["stateDiagram-v2", f"    {END} --> {State.IDLE.name}"]
    lines += [f"    {a.name} --> {b.name}: {', '.join(inputs)}" for (a, b), inputs in arrows.items()]
    return "\n".join(lines)


def label(trigger: Input) -> str:
    """Messages by their names on the wire, other inputs in words."""
    return trigger.value.decode().strip() if isinstance(trigger, Kind) else trigger.value


if __name__ == "__main__":
    print(mermaid())
