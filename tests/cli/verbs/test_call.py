"""The call between two terminals: two processes, two pseudo-terminals, keys typed by two people."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import free_port
from tests.cli.nursery import Child
from tests.cli.pty_process import PtyProcess
from tests.support import pcmu
from tests.support.speech import speech
from tests.support.tones import pitch, read_wav, write_wav
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.__main__ import main
from zrtp.cli.options import algorithms
from zrtp.cli.screen.pictures import NAMES
from zrtp.protocol.config import Config

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@contextmanager
def terminals(
    tmp_path: Path, alice: Sequence[str] = (), bob: Sequence[str] = (), *, columns: int = 100
) -> Iterator[tuple[PtyProcess, PtyProcess]]:
    """Bob listens, Alice calls; each with a cache of their own that lasts as long as the folder. Nobody talks."""
    address, tone = f"127.0.0.1:{free_port()}", ("--audio", "tone")
    with PtyProcess(["listen", address, *tone, "--cache", str(tmp_path / "bob.db"), *bob], columns=columns) as listener:
        listener.expect("waiting on")
        with PtyProcess(
            ["call", address, *tone, "--cache", str(tmp_path / "alice.db"), *alice], columns=columns
        ) as caller:
            yield caller, listener


def words(terminal: PtyProcess) -> list[str]:
    found = re.search(r"^    (\w+) {3}(\w+) {8}\(letters (\w{4})\)$", terminal.screen, re.MULTILINE)
    assert found is not None, terminal.screen
    return list(found.groups())


def answer(key: str, *asked: PtyProcess) -> None:
    for terminal in asked:
        terminal.expect("[l] later")
        terminal.press(key)


def verify_both(alice: PtyProcess, bob: PtyProcess) -> None:
    answer("y", alice, bob)
    for terminal, name in ((alice, "bob"), (bob, "alice")):
        terminal.expect("what should this peer be called?")
        terminal.press(name + "\r")
        terminal.expect(f"secure with {name} - verified")


def hang_up(one: PtyProcess, other: PtyProcess) -> None:
    one.press("q")
    assert (one.wait(), other.wait()) == (0, 0)
    assert "you hung up" in one.screen
    assert "the other side hung up" in other.screen


@pytest.mark.rfc("R-7-03", "R-7-04", "R-7.1-05", "R-12-02")
@pytest.mark.attack("SAS-03", "SAS-06")
def test_two_people_verify_once_and_are_not_asked_again(tmp_path: Path) -> None:
    with terminals(tmp_path) as (alice, bob):
        for terminal in (alice, bob):
            terminal.expect("looking for peer ... found")
            terminal.expect("SECURE BUT NOT VERIFIED - first call with this peer")
            terminal.expect("[l] later")
        assert words(alice) == words(bob)
        verify_both(alice, bob)
        hang_up(alice, bob)

    with terminals(tmp_path) as (alice, bob):
        for terminal, name in ((alice, "bob"), (bob, "alice")):
            terminal.expect(f"SECURE AND VERIFIED - {name}, verified ")
            assert "[y]" not in terminal.screen
        hang_up(bob, alice)


@pytest.mark.rfc("R-7-05", "R-7.1-06")
def test_words_that_differ_end_the_call_with_the_alarm_and_leave_no_secret(tmp_path: Path) -> None:
    with terminals(tmp_path) as (alice, bob):
        alice.expect("[l] later")
        alice.press("n")
        assert alice.wait() == 3
        assert "The words differ: somebody is listening in between." in alice.screen
        assert bob.wait() == 3
        assert "The other side says that what it sees differs" in bob.screen

    (entry,) = SqliteCache(tmp_path / "alice.db").peers()
    assert (entry.record.rs1, entry.record.rs2, entry.record.name) == (None, None, "")


def test_pictures_are_compared_with_somebody_whose_terminal_cannot_show_them(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    options = ["--sas", "B32E", "--cache", "none", "--audio", "tone"]
    with PtyProcess(["listen", address, *options], environment={"LC_ALL": "C"}) as bob:
        bob.expect("waiting on")
        with PtyProcess(["call", address, *options], environment={"LC_ALL": "C.UTF-8"}) as alice:
            for terminal in (alice, bob):
                terminal.expect("Name the pictures aloud, from left to right. Does the other person see the same?")
                terminal.expect("[l] later")
            pictured = re.search(
                r"^    (\S) {3}(\S) {3}(\S) {3}(\S) {8}(\(letters \w{4}\))$", alice.screen, re.MULTILINE
            )
            named = re.search(
                r"^    (.+?) {3}(.+?) {3}(.+?) {3}(.+?) {8}(\(letters \w{4}\))$", bob.screen, re.MULTILINE
            )
            assert pictured is not None
            assert named is not None
            *seen, letters = pictured.groups()
            assert [*map(NAMES.get, seen), letters] == list(named.groups())
            alice.press("n")
            assert alice.wait() == 3
            assert "The pictures differ: somebody is listening in between." in alice.screen


def test_ctrl_c_says_one_line_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with terminals(tmp_path) as (alice, bob):
        alice.expect("[l] later")
        assert alice.modes() != alice.before
        alice.press("\x03")
        assert alice.wait() == 130
        assert alice.screen.rstrip().endswith("zrtp: interrupted")
        assert "Traceback" not in alice.screen
        assert alice.modes() == alice.before
        assert bob.wait() == 7
        assert "the other side hung up before you said whether both see the same" in bob.screen


def test_a_call_that_was_suspended_asks_again(tmp_path: Path) -> None:
    with terminals(tmp_path) as (alice, _):
        alice.expect("[l] later")
        taken_over = alice.modes()
        alice.press("\x1a")
        alice.stopped()
        assert alice.modes() == alice.before
        alice.signal(signal.SIGCONT)
        alice.expect("Read the words aloud.", times=2)
        alice.expect("[l] later", times=2)
        assert alice.modes() == taken_over
        alice.press("q")
        assert alice.wait() == 0
        assert "you hung up" in alice.screen


def test_a_closed_window_gives_the_terminal_back_too(tmp_path: Path) -> None:
    with terminals(tmp_path) as (alice, _):
        alice.expect("[l] later")
        alice.signal(signal.SIGHUP)
        assert alice.wait() == 130
        assert alice.modes() == alice.before


def test_a_narrow_terminal_gets_narrow_lines_and_a_plain_one_no_control_sequences(tmp_path: Path) -> None:
    with terminals(tmp_path, columns=30, bob=["--plain"]) as (alice, bob):
        for terminal in (alice, bob):
            terminal.expect("[l] later")
            block = terminal.screen[terminal.screen.index("SECURE BUT") :]
            assert max(map(len, block.splitlines())) <= 30
        bob.press("lq")
        bob.wait()
        assert "\x1b" in alice.raw
        assert "\x1b" not in bob.raw


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


class Piped:
    """The command without a terminal: standard output and standard error are read to the end."""

    def __init__(self, *arguments: str) -> None:
        (out, to_out), (err, to_err), nothing = os.pipe(), os.pipe(), os.open(os.devnull, os.O_RDONLY)
        self._process = Child(arguments, stdin=nothing, stdout=to_out, stderr=to_err, environment=os.environ)
        for descriptor in (to_out, to_err, nothing):
            os.close(descriptor)
        self.out, self._err = os.fdopen(out), os.fdopen(err)

    def ended(self) -> tuple[int, str, str]:
        """Exit code, the rest of standard output, standard error."""
        with self.out, self._err:
            return self._process.wait(), self.out.read(), self._err.read()


def pair(alice: Sequence[str], bob: Sequence[str]) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
    """A call without terminals: exit code, standard output and standard error of both."""
    listener = Piped("listen", "127.0.0.1:0", "--json", "--audio", "tone", *bob)
    first = listener.out.readline()
    caller = Piped("call", json.loads(first)["bind"], "--json", "--audio", "tone", *alice)
    ended = caller.ended()
    code, out, err = listener.ended()
    return ended, (code, first + out, err)


def test_speech_comes_out_at_the_other_end_sample_for_sample(tmp_path: Path) -> None:
    said = speech(0.4)
    alice, bob = pair(
        [
            "--audio",
            str(write_wav(tmp_path / "said.wav", said)),
            "--record",
            str(tmp_path / "tone.wav"),
            "--seconds",
            "0.7",
            "--cache",
            "none",
        ],
        ["--record", str(tmp_path / "heard.wav"), "--cache", "none"],
    )
    heard, rate = read_wav(tmp_path / "heard.wav")

    assert (alice[0], bob[0], rate) == (0, 0, 8000)
    assert heard[: len(said)] == pcmu.decode(pcmu.encode(said))
    assert not any(heard[len(said) :])
    assert pitch(read_wav(tmp_path / "tone.wav")[0]) == 440


def test_machines_read_the_whole_call_as_json(tmp_path: Path) -> None:
    cache = ["--cache", str(tmp_path / "a.db")], ["--cache", str(tmp_path / "b.db")]
    alice, bob = pair(
        [*cache[0], "--seconds", "0.4", "--verify", "match", "--name", "bob", "--sas", "B32"],
        [*cache[1], "--verify", "match", "--name", "alice"],
    )
    seen = {event["event"]: event for event in events(alice[1])}

    assert (alice[0], bob[0]) == (0, 0)
    assert [event["t"] for event in events(alice[1])] == sorted(event["t"] for event in events(alice[1]))
    assert seen["sas"]["type"] == "B32"
    assert re.fullmatch("[ybndrfg8ejkmcpqxot1uwisza345h769]{4}", seen["sas"]["sas"])
    assert seen["sas"]["sas"] == {event["event"]: event for event in events(bob[1])}["sas"]["sas"]
    assert seen["secured"]["suite"]["sas"] == "B32"
    assert seen["media"]["verified"] == seen["media"]["received"] > 0
    end = {key: value for key, value in seen["ended"].items() if key != "t"}
    assert end == {
        "event": "ended",
        "exit": 0,
        "text": "hung up after 0.4 seconds",
        "hint": None,
        "verdict": "match",
    }


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of this process give up early."""
    short = partial(Config, discovery_deadline=0.2, discovery_deadline_extended=0.3)
    monkeypatch.setattr(algorithms, "Config", short)


@pytest.mark.attack("DWN-16")
def test_nobody_there_is_exit_4_and_said_to_be_insecure(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["call", f"127.0.0.1:{free_port()}", "--cache", "none", "--wait", "0.2"])
    shown = capsys.readouterr()

    assert code == 4
    assert shown.out == " INSECURE - no keys were agreed, so no sound was sent\n"
    assert "zrtp: error: the other side does not answer ZRTP" in shown.err
    assert "zrtp: hint: on the other computer run: zrtp listen" in shown.err


@pytest.mark.usefixtures("impatient")
def test_a_peer_that_signalling_did_not_announce_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["demo", "--peer-hash", "1.10 " + "ab" * 32]) == 5

    assert "the peer is not the one that its signalling announced" in capsys.readouterr().out
