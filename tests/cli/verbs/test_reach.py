"""Calls by code and by line between two terminals: two processes, keys typed and lines pasted by two people."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.pty_process import PtyProcess
from tests.reach.fake_mailbox import FakeMailbox, fake_mailbox
from zrtp.cli.__main__ import main

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@contextmanager
def mailbox() -> Iterator[FakeMailbox]:
    """A mailbox server in a thread."""
    started: list[FakeMailbox] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with fake_mailbox() as server:
            started.append(server)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield started[0]
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def server() -> Iterator[FakeMailbox]:
    with mailbox() as server:
        yield server


def terminal(tmp_path: Path, who: str, *arguments: str, server: FakeMailbox | None = None) -> PtyProcess:
    """A terminal on which nobody asks a server that is not the test's own."""
    environment: Mapping[str, str] = {
        "ZRTP_MAILBOX": "ws://127.0.0.1:9/v1" if server is None else server.url,
        "ZRTP_STUN": "none",
    }
    command = [*arguments, "--bind", "127.0.0.1", "--cache", str(tmp_path / f"{who}.db"), "--audio", "tone"]
    return PtyProcess(command, columns=120, environment=environment)


def test_two_people_call_by_code_and_compare_the_words(tmp_path: Path, server: FakeMailbox) -> None:
    with terminal(tmp_path, "bob", "listen", "--code", server=server) as listener:
        listener.expect("waiting for somebody with this code")
        found = re.search(r"zrtp call (\d+-\w+-\w+)$", listener.screen, re.MULTILINE)
        assert found is not None, listener.screen
        with terminal(tmp_path, "alice", "call", found[1], server=server) as caller:
            for screen in (listener, caller):
                screen.expect("bound to a code that only the two of you knew")
                screen.expect("[l] later")
            for screen, name in ((listener, "alice"), (caller, "bob")):
                screen.press("y")
                screen.expect("what should this peer be called?")
                screen.press(f"{name}\n")
                screen.expect(f"secure with {name} - verified")
            caller.press("q")
            assert caller.wait() == 0
            assert listener.wait() == 0
    assert server.moods == ["happy", "happy"]


def test_two_people_paste_a_line_each(tmp_path: Path) -> None:
    with terminal(tmp_path, "bob", "listen", "--line") as listener:
        listener.expect("paste the line that you get back")
        found = re.search(r"^zrtp call (zrtp:\S+)$|^ +zrtp call (zrtp:\S+)$", listener.screen, re.MULTILINE)
        assert found is not None, listener.screen
        line = found[1] or found[2]
        listener.press(line + "\n")
        listener.expect("That is your own line")
        with terminal(tmp_path, "alice", "call", line) as caller:
            caller.expect("waiting until your line has been pasted there")
            answer = re.search(r"^ *(zrtp:[\w-]{60,})$", caller.screen, re.MULTILINE)
            assert answer is not None, caller.screen
            listener.press(answer[1] + "\n")
            for screen in (listener, caller):
                screen.expect("SECURE BUT NOT VERIFIED")
                screen.expect("[l] later")
                screen.press("l")
            listener.press("q")
            assert listener.wait() == 0
            assert caller.wait() == 0


def test_wrong_words_end_both_terminals(tmp_path: Path, server: FakeMailbox) -> None:
    with terminal(tmp_path, "bob", "listen", "--code", server=server) as listener:
        listener.expect("waiting for somebody with this code")
        with terminal(tmp_path, "eve", "call", "7-adrift-yesteryear", server=server) as guesser:
            for screen in (guesser, listener):
                screen.expect("somebody used this number with other words")
                assert screen.wait() == 9
    assert server.moods == ["scary", "scary"]


def test_ctrl_c_while_waiting_for_a_code_or_a_line(tmp_path: Path, server: FakeMailbox) -> None:
    for arguments, shown in (
        (("listen", "--code"), "waiting for somebody with this code"),
        (("listen", "--line"), "paste the line that you get back"),
        (("call", "7-virus-revival"), "a place to meet"),
    ):
        with terminal(tmp_path, "bob", *arguments, server=server) as screen:
            screen.expect(shown)
            screen.signal(signal.SIGINT)
            assert screen.wait() == 130
            assert screen.modes() == screen.before
    assert set(server.moods) <= {"lonely"}


def test_a_code_with_a_mistyped_word_is_noticed_before_anything_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "7-virus-revivel", "--plain"]) == 2
    assert 'Is "revival" meant' in capsys.readouterr().err
