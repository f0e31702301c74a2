"""`zrtp demo`, as a person meets it first."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.pty_process import PtyProcess
from tests.support import pcmu
from tests.support.speech import speech
from tests.support.tones import read_wav, write_wav
from zrtp.cli.__main__ import main
from zrtp.cli.screen import columns, pictures
from zrtp.cli.verbs import demo


def test_it_works_without_anything_and_ends_by_itself(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-m", "zrtp", "demo"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "", "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)},
    )

    assert finished.returncode == 0
    for seen in ("looking for peer ... found", "going secure ...", "SECURE BUT NOT VERIFIED", "verified "):
        assert finished.stdout.count(seen) >= 2
    assert f"hung up after {demo.SECONDS:g} seconds" in finished.stdout
    assert demo.SECONDS < demo.SECONDS_TO_ANSWER < 5, "a first impression takes no patience"
    assert "\x1b" not in finished.stdout + finished.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is kept"


def test_both_sides_show_the_same_words_in_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seconds", "0.1"]) == 0
    rows = capsys.readouterr().out.splitlines()
    letters = next(row for row in rows if "(letters" in row).split()

    assert letters[:2] == letters[2:]
    above = rows[rows.index(next(row for row in rows if "(letters" in row)) - 1].split()
    assert above[:2] == above[2:]


def test_a_narrow_terminal_has_one_column(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["demo", "--seconds", "0.1", "-v"]) == 0
    rows = capsys.readouterr().out.splitlines()

    assert max(map(len, rows)) <= 50
    first = next(number for number, row in enumerate(rows) if "  alice  X25519 + ML-KEM-768 (X1M2)," in row)
    assert rows[first + 1].startswith(" " * 15 + "AES-256"), "the name is not repeated"
    assert any("  alice  looking for peer ... found" in row for row in rows)
    assert any("  bob    looking for peer ... found" in row for row in rows)


PICTURES = "".join(pictures.NAMES)


def test_pictures_stand_below_each_other_in_both_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    assert main(["demo", "--seconds", "0.1", "--sas", "B32E"]) == 0
    rows = capsys.readouterr().out.splitlines()
    (number,) = [number for number, row in enumerate(rows) if "(letters" in row]
    shown, letters = rows[number - 1].split(), rows[number]

    assert len(shown) == 8
    assert shown[:4] == shown[4:]
    assert all(picture in PICTURES for picture in shown)
    assert columns.width(rows[number - 1].rpartition(" " * 9)[0]) < letters.rindex("(letters")
    assert any("Two people would now name these pictures" in row for row in rows)


def test_pictures_that_cannot_be_shown_are_named_in_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("COLUMNS", "72")
    assert main(["demo", "--seconds", "0.1", "--sas", "B32E"]) == 0
    out = capsys.readouterr().out

    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 80
    assert sum(out.count(name) for name in pictures.NAMES.values()) >= 8


def test_machines_see_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json", "--seconds", "0.3"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    for side in ("alice", "bob"):
        own = [event for event in events if event["side"] == side]
        names = [event["event"] for event in own]
        for name in ("peer_detected", "going_secure", "sas", "secured", "media", "ended"):
            assert name in names
        assert own[-1]["event"] == "ended"
        assert own[-1]["exit"] == 0
        media = next(event for event in reversed(own) if event["event"] == "media")
        assert media["final"]
        assert media["sent"] > 10
        assert media["received"] == media["verified"] > 10
        assert media["rejected"] == 0
    sent = {event["side"]: event["sent"] for event in events if event["event"] == "media" and event["final"]}
    heard = {event["side"]: event["verified"] for event in events if event["event"] == "media" and event["final"]}
    assert sent["alice"] == heard["bob"]
    assert sent["bob"] == heard["alice"]
    assert len({event["sas"] for event in events if event["event"] == "sas"}) == 1


def test_the_words_come_before_technology(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seconds", "0.1"]) == 0
    out = capsys.readouterr().out

    assert "X1M2" not in out and "octets" not in out
    assert "(letters" in out


def test_it_tells_the_suite_by_words_and_code_and_what_the_agreement_took(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--agreement", "X3M3", "--seconds", "0.1", "--json", "-v"]) == 0
    shown = capsys.readouterr()
    secured = [event for event in map(json.loads, shown.out.splitlines()) if event["event"] == "secured"]

    assert len(secured) == 2
    for side in secured:
        assert side["suite"]["agreement"] == "X3M3"
        assert side["packets"] >= 9
        assert side["octets"] > 5000
        assert f"{side['packets']} packets, {side['octets']:,} octets" in shown.err
    for seen in ("X448 + ML-KEM-1024 (X3M3), AES-256,", "X3M3 S384 AES3 HS80 B256"):
        assert shown.err.count(seen) == 2


def test_the_verdict_can_be_given_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--verify", "match", "--name", "Bobby", "--seconds", "0.1"]) == 0
    out = capsys.readouterr().out

    assert "SECURE AND VERIFIED - Bobby" in out
    assert "SECURE AND VERIFIED - alice" in out


def test_a_secret_known_to_both_sides_is_never_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "5ec2e7" * 10 + "abcd"
    (tmp_path / "aux").write_text(secret + "\n")
    assert main(["demo", "--aux", f"@{tmp_path / 'aux'}", "-v", "--json", "--seconds", "0.05"]) == 0
    shown = capsys.readouterr()

    assert secret not in shown.out + shown.err
    assert "aux-mismatch" not in shown.out
    assert shown.out.count('"event":"secured"') == 2


def test_words_that_differ_are_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--verify", "mismatch"]) == 3

    assert "The words differ" in capsys.readouterr().out


def test_a_cache_makes_the_second_demo_a_second_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = ["--cache", str(tmp_path / "demo.db")]
    assert main(["demo", "--verify", "match", "--seconds", "0.1", *cache]) == 0
    assert main(["demo", "--seconds", "0.1", "--json", *cache]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    secured = {event["side"]: event for event in events if event["event"] == "secured"}

    assert (secured["alice"]["verified"], secured["alice"]["peer_name"]) == (True, "bob")
    assert (secured["bob"]["verified"], secured["bob"]["peer_name"]) == (True, "alice")


def test_a_cacheless_demo_says_that_nothing_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seconds", "0.1", "--cache", "none", "--json"]) == 0

    assert '"continuity":"none"' in capsys.readouterr().out


def test_bob_hears_what_alice_sends(tmp_path: Path) -> None:
    said = speech(0.4)
    sound = write_wav(tmp_path / "said.wav", said)
    assert main(["demo", "--audio", str(sound), "--record", str(tmp_path / "heard.wav"), "--seconds", "0.5"]) == 0

    assert read_wav(tmp_path / "heard.wav")[0][: len(said)] == pcmu.decode(pcmu.encode(said))


@pytest.mark.parametrize("agreement", ["DH3k", "X255", "EC38"])
def test_every_option_of_a_call_works_here_too(agreement: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--agreement", agreement, "--cipher", "AES1", "--sas", "B32", "--aux", "ab" * 32, "--role", "passive"]
    assert main(["demo", "--json", "--seconds", "0.1", "--ssrc", "1234", *options]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    secured = {event["side"]: event for event in events if event["event"] == "secured"}

    assert secured["alice"]["suite"]["agreement"] == agreement
    assert secured["alice"]["suite"]["cipher"] == "AES1"
    assert (secured["alice"]["role"], secured["bob"]["role"]) == ("initiator", "responder")


@pytest.mark.parametrize("wait", ["0", "0.001"])
def test_it_ends_where_nobody_can_call_in_time(wait: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json", "--wait", wait]) == 4
    ended = [event for event in map(json.loads, capsys.readouterr().out.splitlines()) if event["event"] == "ended"]

    assert {event["side"]: event["exit"] for event in ended} == {"alice": 4, "bob": 4}


def test_a_port_in_use_is_exit_6(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--bind", "203.0.113.77:5004"]) == 6

    assert "zrtp: error: this computer has no address 203.0.113.77" in capsys.readouterr().err
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        assert main(["demo", "--bind", f"127.0.0.1:{taken.getsockname()[1]}"]) == 6
    assert "choose another one, for example zrtp demo --bind 127.0.0.1:" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_on_a_terminal_the_person_may_answer_but_does_not_have_to() -> None:
    with PtyProcess(["demo", "--seconds", "60"]) as answering, PtyProcess(["demo", "--seconds", "0.2"]) as idle:
        answering.expect("[l] later")
        answering.press("y")
        answering.expect("SECURE AND VERIFIED - bob")
        answering.press("\x03")
        assert answering.wait() == 130
        assert idle.wait() == 0
        assert "[l] later" in idle.screen


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_on_a_terminal_the_words_can_be_said_to_differ() -> None:
    with PtyProcess(["demo"]) as terminal:
        terminal.expect("[l] later")
        terminal.press("n")
        assert terminal.wait() == 3
        assert "The words differ" in terminal.screen


def test_somebody_in_between_is_seen_by_the_words_and_in_the_next_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--with-mitm", "--seconds", "0.3"]) == 0
    out, err = capsys.readouterr()
    first, second = out.split("seconds alice")[1:]

    assert "They differ: somebody is in between." in " ".join(first.split())
    assert "They are the same: nobody is in between." in " ".join(second.split())
    assert first.count("SECURE BUT NOT VERIFIED") == 2
    assert second.count("INSECURE UNTIL COMPARED") == 2
    assert "the first call: somebody is in between" in err
    assert "the second call: nobody is in between, and both remember the first one" in err
