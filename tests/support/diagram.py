"""The state diagram of a stream, drawn from the transition table as Mermaid text for docs/protocol.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from zrtp.protocol.states import Input, State
from zrtp.protocol.transitions import TABLE, Go, Row
from zrtp.wire.messages import Kind

END = "[*]"
NOT_DRAWN = (State.CLOSED,)
"""`close` leads there from everywhere."""


def mermaid(table: Mapping[State, Row] = TABLE) -> str:
    """A `stateDiagram-v2` with an arrow for each change of state, labelled with the inputs that may cause it.

    What leaves a stream where it is has no arrow, and neither has `close`.
    """
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for state, row in table.items():
        for trigger, step in row.inputs.items():
            if isinstance(step, Go):
                for target in step.targets:
                    if target is not state and target not in NOT_DRAWN:
                        arrows[state, target].append(label(trigger))
    lines = ["stateDiagram-v2", f"    {END} --> {State.IDLE.name}"]
    lines += [f"    {a.name} --> {b.name}: {', '.join(inputs)}" for (a, b), inputs in arrows.items()]
    return "\n".join(lines)


def label(trigger: Input) -> str:
    """Messages by their names on the wire, other inputs in words."""
    return trigger.value.decode().strip() if isinstance(trigger, Kind) else trigger.value


if __name__ == "__main__":
    print(mermaid())
