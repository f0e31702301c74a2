"""The command itself between two homes."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.reach.lab.laboratory import MAILBOX, SERVER, TURN_PASSWORD, TURN_USER, Laboratory, Router, laboratory
from tests.support.figures import Note

pytestmark = pytest.mark.long

CALLS = 5
"""Calls whose times are measured."""
PUBLIC = "45.67.89"
TURN = f"turn:{TURN_USER}@{SERVER}"


class Command:
    """`zrtp` in one of the homes, with its events and when each came."""

    def __init__(self, lab: Laboratory, place: str, *arguments: str) -> None:
        environment = {
            **os.environ,
            "ZRTP_MAILBOX": MAILBOX,
            "ZRTP_STUN": SERVER,
            "ZRTP_TURN_PASSWORD": TURN_PASSWORD,
        }
        self.begun = time.monotonic()
        self._program = lab.run(
            place,
            *(sys.executable, "-m", "zrtp", *arguments, "--json", "--cache", "none", "--audio", "tone"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        self.came: dict[str, float] = {}
        """Seconds from the start of the process to each event, or step of the way."""

    def until(self, name: str) -> dict[str, Any]:
        """The event, or step, of that name."""
        assert self._program.stdout is not None and self._program.stderr is not None
        seen = []
        for line in self._program.stdout:
            event: dict[str, Any] = json.loads(line)
            seen.append(event)
            found = event.get("stage", event["event"])
            self.came.setdefault(found, time.monotonic() - self.begun)
            if found == name:
                return event
        raise AssertionError(f"{name} did not come: {seen}\n{self._program.stderr.read().decode()}")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._program.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """The exit code, when it has ended by itself."""
        assert self._program.stderr is not None
        self._program.communicate(timeout=30)
        self._program.stderr.close()
        return self._program.returncode


def call_by_code(lab: Laboratory, *options: str) -> Command:
    """One call; the caller, when both have hung up."""
    listener = Command(lab, "home-a", "listen", "--code", "--seconds", "1", *options)
    code = listener.until("code")["give"].removeprefix("zrtp call ")
    listener.until("waiting")
    time.sleep(0.3)
    caller = Command(lab, "home-b", "call", code, "--seconds", "1", *options)
    for side in (caller, listener):
        secured = side.until("secured")
        assert secured["by_code"] and secured["assurance"] == "signalling" and not secured["verified"]
    assert (caller.end(), listener.end()) == (0, 0)
    return caller


@pytest.mark.parametrize(("router", "target"), [(Router.CONE, 1.1), (Router.SYMMETRIC, 1.3)], ids=["direct", "relay"])
def test_a_code_leads_to_a_secure_call(router: Router, target: float, figure: Note) -> None:
    with laboratory(router, router, delayed=True) as lab:
        lab.serve_turn()
        lab.serve_mailbox()
        options = ("--turn", TURN) if router is Router.SYMMETRIC else ()
        callers = [call_by_code(lab, *options) for _ in range(CALLS)]
    for caller in callers:
        print({name: round(seconds, 2) for name, seconds in caller.came.items()})
    asked = [caller.came["secured"] - caller.came["servers"] for caller in callers]
    whole = [caller.came["secured"] for caller in callers]
    print(f"from the first packet {statistics.median(asked):.2f} s, whole process {statistics.median(whole):.2f} s")
    # The best one tells what the round trips take, without a busy computer and the start of Python on it.
    figure("secure, from the first packet, the best of the calls", min(asked), "s", target=target)


def test_a_port_at_the_router_lets_an_ordinary_call_in() -> None:
    with laboratory(Router.CONE, Router.CONE, wan_a=PUBLIC) as lab:
        lab.serve_mapping("a")
        listener = Command(lab, "home-a", "listen", "--map", "--seconds", "1")
        listener.until("listening")
        caller = Command(lab, "home-b", "call", f"{PUBLIC}.2:5004", "--seconds", "1")
        for side in (caller, listener):
            assert side.until("secured")["assurance"] == "encrypted"
        assert (caller.end(), listener.end()) == (0, 0)
        assert "5004" not in lab.do("router-a", "nft list table inet miniupnpd")


def test_ctrl_c_gives_the_routers_port_back() -> None:
    with laboratory(Router.CONE, Router.CONE, wan_a=PUBLIC) as lab:
        lab.serve_mapping("a")
        listener = Command(lab, "home-a", "listen", "--map")
        listener.until("listening")
        assert "5004" in lab.do("router-a", "nft list table inet miniupnpd")
        assert listener.interrupt() == 130
        assert "5004" not in lab.do("router-a", "nft list table inet miniupnpd")


def test_ctrl_c_gives_the_relays_address_back() -> None:
    with laboratory(Router.CONE, Router.CONE) as lab:
        lab.serve_turn()
        lab.serve_mailbox()
        listener = Command(lab, "home-a", "listen", "--code", "--turn", TURN)
        listener.until("waiting")
        assert listener.interrupt() == 130
        log = lab.folder / "turn.log"
        for _ in range(50):
            if re.search(r"refreshed.*lifetime=0\b|allocation.*delet", log.read_text()):
                return
            time.sleep(0.1)
        raise AssertionError(log.read_text())


def test_two_symmetric_routers_without_a_relay_end_with_what_helps() -> None:
    with laboratory(Router.SYMMETRIC, Router.SYMMETRIC) as lab:
        lab.serve_turn()
        lab.serve_mailbox()
        listener = Command(lab, "home-a", "listen", "--code")
        code = listener.until("code")["give"].removeprefix("zrtp call ")
        caller = Command(lab, "home-b", "call", code)
        for side in (caller, listener):
            ended = side.until("ended")
            assert ended["exit"] == 9 and "--turn turn:USER@HOST" in ended["hint"]
            side.end()
