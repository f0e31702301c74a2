"""Other processes for the tests of a cache: forked, and stopped or killed between any two system calls."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable

import pytest

_TRACEME, _SYSCALL, _SETOPTIONS = 0, 24, 0x4200
_SYSCALLS_MARKED, _EXIT_WITH_TRACER = 0x1, 0x100000
_NOT_TRACEABLE = 99


def fork(action: Callable[[], object]) -> int:
    """Run the action in a child and return its process id; the exit code is 1 if the action raises."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def exit_code(child: int) -> int:
    """Wait for a child; the result is negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(action: Callable[[], object]) -> int:
    """Run the action in a child to its end."""
    return exit_code(fork(action))


def at_every_system_call(action: Callable[[], object], visit: Callable[[], bool]) -> int:
    """Run the action in a child that is stopped before and after each system call.

    `visit` is called at each stop and says whether the child may live on. The result is the exit code.
    """
    if sys.platform != "linux":
        pytest.skip("stepping through system calls needs Linux")
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    ptrace.restype = ctypes.c_long

    def traced() -> None:
        if ptrace(_TRACEME, 0, None, None) != 0:
            os._exit(_NOT_TRACEABLE)
        os.kill(os.getpid(), signal.SIGSTOP)
        action()

    child = fork(traced)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        pytest.skip("this system does not let a process trace its child")
    ptrace(_SETOPTIONS, child, None, _SYSCALLS_MARKED | _EXIT_WITH_TRACER)
    deliver = 0
    while True:
        ptrace(_SYSCALL, child, None, deliver)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        stop = os.WSTOPSIG(status)
        if stop != signal.SIGTRAP | 0x80:
            deliver = stop
            continue
        deliver = 0
        if not visit():
            os.kill(child, signal.SIGKILL)
            return exit_code(child)


def killed_at(position: int, action: Callable[[], object]) -> bool:
    """Run the action in a child and kill it at that stop of `at_every_system_call`; False: it ended before."""
    stops = iter(range(position))
    code = at_every_system_call(action, lambda: next(stops, None) is not None)
    if code != -signal.SIGKILL:
        assert code == 0
        return False
    return True
