"""`zrtp agree`: two terminals, the words, and keys that fit each other."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.pty_process import PtyProcess
from tests.interop.ports import free_udp_ports
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.__main__ import main
from zrtp.cli.calls.labelled import CALLER_HERE, Labelled
from zrtp.media.demux import DatagramKind, classify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


@contextmanager
def two_terminals(tmp_path: Path, alice: Sequence[str], bob: Sequence[str]) -> Iterator[tuple[PtyProcess, PtyProcess]]:
    """Bob listens, Alice calls."""
    address = f"127.0.0.1:{free_udp_ports()}"
    quick = ["--agreement", "X255"]
    with PtyProcess(["agree", "--listen", address, *quick, "--cache", str(tmp_path / "b.db"), *bob]) as callee:
        callee.expect("waiting on")
        with PtyProcess(["agree", address, *quick, "--cache", str(tmp_path / "a.db"), *alice]) as caller:
            yield caller, callee


def keeper(tmp_path: Path, name: str) -> tuple[list[str], Path]:
    """A program that keeps what it is given."""
    kept = tmp_path / name
    return ["--keys-by", "file", "--exec", f"cp {{keys}} {kept}"], kept


def test_keys_are_handed_over_when_the_words_match_and_fit_each_other(tmp_path: Path) -> None:
    (alices, hers), (bobs, his) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    with two_terminals(tmp_path, alices, bobs) as (alice, bob):
        for terminal in (alice, bob):
            terminal.expect("[l] later")
            assert not hers.exists() and not his.exists()
            terminal.press("y")
            terminal.expect("what should this peer be called? [Enter: no name]")
            terminal.press("friend\r")
        assert (alice.wait(), bob.wait()) == (0, 0)
    one, other = json.loads(hers.read_text()), json.loads(his.read_text())
    assert (one["send"], one["receive"]) == (other["receive"], other["send"])
    assert one["send"] != one["receive"]
    assert one["verified"] and other["verified"]
    assert (one["remote_port"], other["remote_port"]) == (other["port"], one["port"])
    assert one["send"] not in alice.screen + bob.screen
    assert "the other person has not confirmed yet" in alice.screen, "nothing tells what is said there"


def test_nobody_is_asked_for_a_name_that_is_not_kept(tmp_path: Path) -> None:
    (alices, hers), (bobs, _) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    with two_terminals(tmp_path, [*alices, "--cache", "none"], [*bobs, "--verify", "later"]) as (alice, _):
        alice.expect("[l] later")
        alice.press("y")
        assert alice.wait() == 0
    assert json.loads(hers.read_text())["verified"]
    assert "secure with this peer - verified" in alice.screen


def test_words_that_differ_hand_over_nothing(tmp_path: Path) -> None:
    (alices, hers), (bobs, _) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    with two_terminals(tmp_path, alices, [*bobs, "--verify", "later"]) as (alice, bob):
        alice.expect("[l] later")
        alice.press("n")
        assert alice.wait() == 3
        assert "somebody is listening in between" in alice.screen
        assert bob.wait() == 0
    assert not hers.exists()


def test_whoever_talks_hears_that_the_other_person_sees_a_difference(tmp_path: Path) -> None:
    (alices, hers), (bobs, his) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    talk = ["--talk", "--audio", "tone", "--cache", "none"]
    address = f"127.0.0.1:{free_udp_ports(4)}"
    with PtyProcess(["agree", "--listen", address, *talk, *bobs]) as bob:
        bob.expect("waiting on")
        with PtyProcess(["agree", address, *talk, *alices]) as alice:
            alice.expect("[l] later")
            bob.expect("[l] later")
            bob.press("n")
            assert (alice.wait(), bob.wait()) == (3, 3)
    assert "The other side says that what it sees differs: somebody is listening in between" in alice.screen
    assert not hers.exists() and not his.exists()


def test_both_ends_may_be_on_one_computer_with_its_default_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    later = ["--verify", "later", "--format", "sdes"]
    address = f"127.0.0.1:{free_udp_ports()}"
    with PtyProcess(["agree", "--listen", address, *later]) as bob:
        bob.expect("waiting on")
        with PtyProcess(["agree", address, *later]) as alice:
            assert (alice.wait(), bob.wait()) == (0, 0), alice.screen + bob.screen
    assert len(SqliteCache(tmp_path / "zrtp" / "secrets.db").peers()) == 2


def test_a_copied_installation_is_one_warning_and_a_sentence_that_helps(tmp_path: Path) -> None:
    """The listener has the ZID under which this computer calls itself."""
    with SqliteCache(tmp_path / "a.db") as caller, SqliteCache(tmp_path / "b.db") as listener:
        zid = Labelled(caller, CALLER_HERE).own_zid(lambda: bytes(12))
        listener.own_zid(lambda: zid)
    later = ["--verify", "later", "--wait", "1.5"]
    with two_terminals(tmp_path, ["--format", "sdes", *later], ["--format", "sdes", *later]) as (alice, bob):
        assert (alice.wait(), bob.wait()) == (5, 5)
        for terminal in (alice, bob):
            assert terminal.screen.count("a peer claims our own ZID") == 1
            assert "give one of them a file of its own: --cache other.db" in terminal.screen


def test_the_command_for_the_other_computer_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{free_udp_ports()}"
    more = ["--wait", "1", "--cache", "none", "--format", "ffmpeg", "--talk", "--audio", "tone"]

    assert main(["agree", "--listen", address, *more]) == 4
    told = capsys.readouterr().err
    assert f"    zrtp agree {address} --format ffmpeg --talk\n" in told
    assert f"on the other computer run: zrtp agree {address} --format ffmpeg --talk\n" in told
    assert "within 1 second\n" in told


def test_later_hands_over_keys_that_are_marked(tmp_path: Path) -> None:
    (alices, hers), (bobs, _) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    later = ["--verify", "later", "--impair", "loss=20%,seed=3"]
    with two_terminals(tmp_path, [*alices, *later], [*bobs, *later]) as (alice, bob):
        assert (alice.wait(), bob.wait()) == (0, 0)
        assert "NOT VERIFIED: nobody has compared the words" in alice.screen
    assert json.loads(hers.read_text())["verified"] is False


def test_keys_on_a_terminal_come_with_a_warning_and_only_suites_of_the_receiver_are_offered(tmp_path: Path) -> None:
    later = ["--verify", "later"]
    with two_terminals(tmp_path, ["--format", "mediastream", *later], ["--format", "sdes", *later]) as (alice, bob):
        assert (alice.wait(), bob.wait()) == (0, 0)
        assert "warning: whoever sees these keys can hear the call" in alice.screen
        assert " --srtp " in alice.screen
        assert bob.screen.count("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:") == 2


def test_machines_hear_the_verdict_and_how_the_program_ended(tmp_path: Path) -> None:
    alice_says = ["--json", "--verify", "match", "--exec", "sh -c 'exit 7'"]
    bob_says = ["--json", "--verify", "later", "--exec", "sh -c 'kill -TERM $$'"]
    with two_terminals(tmp_path, alice_says, bob_says) as (alice, bob):
        assert (alice.wait(), bob.wait()) == (7, 128 + signal.SIGTERM)
        for terminal, code, verdict in ((alice, 7, "match"), (bob, 143, "later")):
            events = [json.loads(found) for found in re.findall(r'\{"t":.*\}', terminal.screen)]
            begin, end = events[0], events[-1]
            assert (begin["event"], end["event"]) == ("listening" if terminal is bob else "calling", "ended")
            assert begin["hello_hash"].startswith("1.10 ")
            assert (end["exit"], end["verdict"]) == (code, verdict)
            assert end["text"] == f"the keys were handed over, and the program ended with {code}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_that_has_the_keys_and_leaves_no_keys_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    folder, started = tmp_path / "tmp", tmp_path / "started"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    program = f"sh -c 'ls {{keys}} && echo $$ >{started} && exec sleep 77'"
    later = ["--verify", "later"]
    alice_says = [*later, "--json", "--keys-by", "file", "--exec", program]
    with two_terminals(tmp_path, alice_says, [*later, "--format", "sdes"]) as (alice, _):
        alice.expect("/keys\n")
        while not started.exists() or not started.read_text():
            time.sleep(0.01)
        alice.signal(number)
        assert alice.wait() == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert list(folder.iterdir()) == []
    end = json.loads(re.findall(r'\{"t":.*\}', alice.screen)[-1])
    assert (end["event"], end["exit"]) == ("ended", 128 + number)


class Recorder:
    """Forwards datagrams between two ports and those two above, and remembers what they were."""

    def __init__(self, listener: int) -> None:
        self.kinds: dict[int, set[DatagramKind]] = {0: set(), 2: set()}
        self.port = free_udp_ports(4)
        self._sockets = {offset: self._socket(self.port + offset) for offset in self.kinds}
        self._listener = listener
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    @staticmethod
    def _socket(port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", port))
        return made

    def _forward(self) -> None:
        callers: dict[int, tuple[str, int]] = {}
        while not self._ended.is_set():
            for ready in select.select(list(self._sockets.values()), [], [], 0.1)[0]:
                offset = next(key for key, known in self._sockets.items() if known is ready)
                data, source = ready.recvfrom(4096)
                self.kinds[offset].add(classify(data))
                listening = ("127.0.0.1", self._listener + offset)
                if source != listening:
                    callers[offset] = source
                with contextlib.suppress(KeyError, ConnectionError):
                    ready.sendto(data, callers[offset] if source == listening else listening)

    def end(self) -> None:
        self._ended.set()
        self._thread.join(5)
        for each in self._sockets.values():
            each.close()


@pytest.mark.parametrize(("caller_talks", "listener_talks"), [(False, False), (True, True), (True, False)])
def test_not_one_packet_leaves_under_the_keys_that_are_handed_over(
    tmp_path: Path, caller_talks: bool, listener_talks: bool
) -> None:
    (alices, hers), (bobs, his) = keeper(tmp_path, "hers"), keeper(tmp_path, "his")
    more = ["--agreement", "X255", "--cache", "none", "--verify", "later", "--audio", "tone"]
    talk = ["--talk", "--seconds", "0.5"]
    port = free_udp_ports(4)
    recorder = Recorder(port)
    with PtyProcess(["agree", "--listen", f"127.0.0.1:{port}", *more, *talk * listener_talks, *bobs]) as bob:
        bob.expect("waiting on")
        with PtyProcess(["agree", f"127.0.0.1:{recorder.port}", *more, *talk * caller_talks, *alices]) as alice:
            assert (alice.wait(), bob.wait()) == (0, 0), alice.screen + bob.screen
    recorder.end()

    one, other = json.loads(hers.read_text()), json.loads(his.read_text())
    assert (one["send"], one["receive"]) == (other["receive"], other["send"])
    handed_over = 2 if caller_talks else 0
    assert (one["remote_port"], other["port"]) == (recorder.port + handed_over, port + handed_over)
    assert recorder.kinds[handed_over] == {DatagramKind.ZRTP}
    assert (DatagramKind.RTP in recorder.kinds[0]) is caller_talks, "and whoever was to talk did"
    assert ("the other side talks" in bob.screen) is (caller_talks and not listener_talks)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "sdes"], "give HOST:PORT or --listen"),
        (["127.0.0.1:5004", "--listen", "--format", "sdes"], "give HOST:PORT or --listen"),
        (["127.0.0.1:5004"], "nobody gets the keys"),
        (["127.0.0.1:5004", "--format", "sdes", "--json"], "standard output is for events"),
        (["127.0.0.1:5004", "--format", "sdes", "--keys-by", "fd"], "--keys-by needs --exec"),
        (["127.0.0.1:5004", "--format", "sdes", "--record", "heard.wav"], "--record needs --talk"),
        (["--listen", "127.0.0.1:5", "--bind", "127.0.0.1:6", "--format", "sdes"], "name different addresses"),
        (["127.0.0.1:5004", "--exec", "x {send_key}"], "into the process list"),
        (["127.0.0.1:5004", "--format", "ffmpeg", "--cipher", "AES3"], "ffmpeg has none of these"),
    ],
)
def test_what_cannot_be_is_told_before_the_call(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agree", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_listener_waits_where_bind_says_and_takes_the_hello_that_was_announced_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_udp_ports()
    more = ["--format", "sdes", "--verify", "later", "--agreement", "X255", "--cache", "none"]
    with PtyProcess(["agree", "--listen", "--bind", f"127.0.0.1:{port}", *more]) as bob:
        bob.expect(f"waiting on 127.0.0.1:{port}")
        assert main(["agree", f"127.0.0.1:{port}", *more, "--wait", "1", "--peer-hash", "1.10 " + "ab" * 32]) == 4
    assert "inline:" not in capsys.readouterr().out + bob.screen


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody.invalid:5004"], "the name nobody.invalid cannot be found"),
        (["127.0.0.1:9", "--bind", "nobody.invalid:0"], "the name nobody.invalid cannot be found"),
        (["127.0.0.1:9", "--bind", "203.0.113.77:0"], "this computer has no address 203.0.113.77"),
        (["--listen", "203.0.113.77:0"], "this computer has no address 203.0.113.77"),
        (["[fe80::1%eth77]:5004"], "this computer has no network interface eth77"),
    ],
)
def test_a_port_that_cannot_be_opened_is_a_sentence_with_a_hint(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agree", *arguments, "--format", "sdes", "--cache", "none"]) == 6
    said = capsys.readouterr().err
    assert f"zrtp: error: {sentence}\n" in said and "zrtp: hint: " in said


def test_a_listener_whose_port_is_in_use_is_told_how_to_take_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        arguments = ["--listen", f"127.0.0.1:{port}", "--format", "sdes", "--cache", "none"]
        assert main(["agree", *arguments]) == 6
    assert "hint: choose another one, for example zrtp agree --listen 127.0.0.1:" in capsys.readouterr().err


def test_nobody_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"127.0.0.1:{free_udp_ports()}", "--wait", "0.3", "--format", "sdes", "--cache", "none"]
    assert main(["agree", *arguments]) == 4
    captured = capsys.readouterr()
    assert "nobody agreed on keys within 0.3 seconds" in captured.err
    port = arguments[0].rpartition(":")[2]
    assert f"on the other computer run: zrtp agree --listen 0.0.0.0:{port} --format sdes\n" in captured.err
    assert captured.out == ""


def test_nobody_there_on_ipv6_is_told_to_listen_there(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_udp_ports()
    assert main(["agree", f"[::1]:{port}", "--wait", "0.2", "--format", "sdes", "--cache", "none"]) == 4
    assert f"on the other computer run: zrtp agree --listen [::]:{port} --format sdes\n" in capsys.readouterr().err
