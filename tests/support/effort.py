"""How much work something is, as a number that does not depend on the speed of the computer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(function: Callable[..., object], *arguments: object) -> int:
    """The instructions of Python that a call takes, those of all functions below it included. What is raised passes on.

    A little more or less from one version of Python to the next.
    """
    count = 0

    def follow(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count
