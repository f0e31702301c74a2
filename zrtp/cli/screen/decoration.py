"""Whether a stream can show weight, colour and a cursor that moves, on every system."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

_ERROR_HANDLE: Final = -12
_VIRTUAL_TERMINAL: Final = 0x0004
_NO_TERMINAL: Final = ("", "dumb")


def understands_escapes(
    stream: TextIO,
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
    console: Callable[[], bool] | None = None,
) -> bool:
    """Whether control sequences do something there: not in files and pipes, not on dumb terminals.

    Windows sets no TERM; its console understands them since 2016, once that is switched on, which `console` does.
    """
    if not stream.isatty():
        return False
    terminal = environment.get("TERM")
    if platform == "win32" and terminal is None:
        return (console or _switch_on)()
    return (terminal or "") not in _NO_TERMINAL


def _switch_on() -> bool:
    """Let the console of this process understand control sequences; False if it is too old."""
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 - there on Windows alone
    mode = ctypes.c_ulong()
    handle = kernel.GetStdHandle(_ERROR_HANDLE)
    if not kernel.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(kernel.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL))
