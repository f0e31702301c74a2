"""The first call of two people, as their terminals show it: made by a run of the command, for the README."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.cli.pty_process import PtyProcess
from tests.interop.ports import free_udp_ports

COLUMNS = 100
ATTEMPTS = 5
SHOWN_ADDRESS = "192.0.2.20:5004"
"""Stands for the address and port on loopback that a run takes."""


def screens() -> str:
    """Both terminals below each other, from the command to the verdict of both people.

    A tone is sent, so that computers with and without a microphone show the same.
    A name that was typed faster than the terminal began to echo is not on the screen; then people call once more.
    """
    for _ in range(ATTEMPTS):
        shown = _screens()
        if all(f"] {name}\n" in shown for name in ("alice", "bob")):
            break
    return shown


def _screens() -> str:
    address = f"127.0.0.1:{free_udp_ports()}"
    with tempfile.TemporaryDirectory() as folder:
        listen = ["listen", address, "--audio", "tone", "--cache", str(Path(folder) / "bob.db")]
        call = ["call", address, "--audio", "tone", "--cache", str(Path(folder) / "alice.db")]
        with PtyProcess(listen, columns=COLUMNS) as bob:
            bob.expect("waiting on")
            with PtyProcess(call, columns=COLUMNS) as alice:
                for terminal in (alice, bob):
                    terminal.expect("[l] later")
                    terminal.press("y")
                for terminal, name in ((alice, "bob"), (bob, "alice")):
                    terminal.expect("what should this peer be called?")
                    terminal.press(f"{name}\r")
                    terminal.expect(f"secure with {name} - verified")
                shown = [_until_verified(terminal.screen) for terminal in (bob, alice)]
    listener, caller = (text.replace(address, SHOWN_ADDRESS) for text in shown)
    return f"```text\n$ zrtp listen\n{listener}\n```\n\n```text\n$ zrtp call {SHOWN_ADDRESS}\n{caller}\n```"


def masked(screens: str) -> str:
    """The same without what differs from call to call: words, letters, times."""
    screens = re.sub(r"^ +\w+ +\w+ +\(letters \w{4}\)$", "WORDS", screens, flags=re.MULTILINE)
    screens = re.sub(r"[\d.,]+\s+(ms|s|packets|octets)\b", r"N \1", screens)
    return " ".join(screens.split())


def _until_verified(screen: str) -> str:
    lines = [line.rstrip() for line in screen.splitlines()]
    end = next(number for number, line in enumerate(lines) if line.endswith("- verified"))
    return "\n".join(lines[: end + 1])
