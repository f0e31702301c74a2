"""What a lock does beside keeping others out."""

from __future__ import annotations

import threading

from tests.support.forking import in_child
from zrtp.system import Mutex


def test_a_forked_child_does_not_wait_for_a_thread_that_stayed_behind() -> None:
    mutex, inside, leave = Mutex(), threading.Event(), threading.Event()

    def stay() -> None:
        with mutex:
            inside.set()
            leave.wait(5.0)

    staying = threading.Thread(target=stay)
    staying.start()
    inside.wait(5.0)

    def enter() -> str:
        entered: list[str] = []
        entering = threading.Thread(target=lambda: entered.append(_enter(mutex)), daemon=True)
        entering.start()
        entering.join(1.0)
        return "".join(entered)

    assert in_child(enter) == "entered"
    leave.set()
    staying.join(5.0)


def test_whoever_is_in_may_enter_again() -> None:
    mutex = Mutex()
    with mutex:
        assert _enter(mutex) == "entered"


def _enter(mutex: Mutex) -> str:
    with mutex:
        return "entered"
