"""Finding the verb, and what happens when there is none."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zrtp import __version__
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli import __main__ as command
from zrtp.cli.__main__ import VERBS, main
from zrtp.cli.errors import CommandError
from zrtp.cli.verbs import bench, call, demo


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which verbs ran, instead of running them."""
    verbs: list[str] = []

    def note(verb: str, module: object, given: list[str]) -> int:
        verbs.append(verb)
        return 0

    monkeypatch.setattr(command, "_run_verb", note)
    return verbs


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_complete_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out

    assert f"usage: zrtp {verb}" in shown
    assert "example:" in shown
    assert f"  zrtp {verb}" in shown


def test_help_for_a_verb_with_subcommands_shows_the_options_of_these(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--help"]) == 0
    shown = capsys.readouterr().out

    for option in ("--upstream SERVER", "--phone HOST:PORT", "--best-effort", "--cache PATH", "--agreement"):
        assert option in shown


def test_help_shows_the_verbs_and_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out

    for verb in VERBS:
        assert f"  {verb} " in shown
    assert "start here:  zrtp demo" in shown


def test_help_for_a_verb_works_in_either_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "call"]) == 0

    assert "usage: zrtp call" in capsys.readouterr().out


def test_nothing_is_a_usage_error_that_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2

    assert "start here" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0

    assert capsys.readouterr().out == f"zrtp {__version__}\n"


@pytest.mark.parametrize(
    ("word", "verb"), [("answer", "listen"), ("dial", "call"), ("CALL", "call"), ("peer", "peers")]
)
def test_other_words_for_a_verb(called: list[str], word: str, verb: str) -> None:
    assert main([word]) == 0

    assert called == [verb]


@pytest.mark.parametrize(
    ("word", "verb"), [("lisen", "listen"), ("listn", "listen"), ("cal", "call"), ("pears", "peers"), ("dmeo", "demo")]
)
def test_misspelt_verbs_are_understood_and_corrected(
    called: list[str], word: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 0

    assert called == [verb]
    assert capsys.readouterr().err == f'zrtp: taking "{word}" for "{verb}"\n'


def test_a_word_that_resembles_no_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frobnicate"]) == 2

    assert capsys.readouterr().err == (
        f'zrtp: error: there is no verb "frobnicate"\nzrtp: hint: the verbs are {", ".join(VERBS)}\n'
    )


def test_errors_of_a_verb_become_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call"]) == 2

    assert capsys.readouterr().err == (
        "zrtp: error: the following arguments are required: HOST:PORT\n"
        "zrtp: hint: zrtp call --help shows every option\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["call", "127.0.0.1:9", "--audio", "missing.wav"], 6, "the sound file missing.wav cannot be read"),
        (
            ["call", "127.0.0.1:9", "--record", "missing/heard.wav"],
            6,
            "the recording missing/heard.wav cannot be written",
        ),
        (["call", "name.invalid:9", "--cache", "none"], 6, "the name name.invalid cannot be found"),
        (["listen", "203.0.113.77:0", "--cache", "none"], 6, "this computer has no address 203.0.113.77"),
        (["call", "127.0.0.1:9", "--bind", "203.0.113.77:0", "--cache", "none"], 6, "this computer has no address"),
        (["listen", "127.0.0.1:1", "--bind", "127.0.0.1:2"], 2, "BIND and --bind name different addresses"),
        (["call", "[::1]:9", "--bind", "127.0.0.1:0", "--cache", "none"], 6, "the port cannot be opened"),
    ],
)
def test_what_cannot_work_says_so_at_once(
    arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code

    assert f"zrtp: error: {line}" in capsys.readouterr().err


def test_a_port_in_use_names_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["listen", f"127.0.0.1:{port}", "--cache", "none", "--json"]) == 6
    shown = capsys.readouterr()

    assert f"zrtp: error: port {port} is in use here" in shown.err
    assert "zrtp: hint: choose another one, for example zrtp listen 127.0.0.1:" in shown.err
    assert '"event":"ended","exit":6' in shown.out


def test_a_damaged_cache_is_exit_6(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "cache.db"
    SqliteCache(damaged)
    damaged.write_bytes(damaged.read_bytes()[:512])

    assert main(["call", "127.0.0.1:9", "--cache", str(damaged)]) == 6
    assert "is damaged" in capsys.readouterr().err


def test_a_diary_in_place_of_a_cache_stays_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary\n")

    assert main(["peers", "--cache", str(diary)]) == 6
    assert "diary.txt is not a zrtp cache\n" in capsys.readouterr().err
    assert diary.read_text() == "dear diary\n"


def test_ctrl_c_outside_of_a_call_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupted)

    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "zrtp: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_outside_of_a_call_ends_it_as_ctrl_c_does_and_machines_are_told_when(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def interrupted(arguments: object) -> int:
        time.sleep(0.01)
        os.kill(os.getpid(), number)
        return 0

    monkeypatch.setattr(bench, "run", interrupted)

    assert main(["bench", "--json"]) == 130
    out, err = capsys.readouterr()
    assert err == "zrtp: interrupted\n"
    ended = json.loads(out)
    assert (ended["event"], ended["exit"], ended["t"] >= 0.01) == ("ended", 130, True)
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_is_ignored_from_the_start_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    def hung_up(arguments: object) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    monkeypatch.setattr(bench, "run", hung_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["bench"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_while_the_command_is_being_loaded_is_one_line() -> None:
    program = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('zrtp.cli'): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from zrtp.__main__ import run\n"
        "sys.exit(run())"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603

    assert (finished.returncode, finished.stdout, finished.stderr) == (130, "", "zrtp: interrupted\n")


def test_a_file_that_cannot_be_used_is_not_taken_for_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/there/secrets")

    monkeypatch.setattr(call, "run", failing)

    assert main(["call", "192.0.2.1"]) == 6
    assert capsys.readouterr().err == "zrtp: error: /there/secrets cannot be used: Permission denied\n"


def test_errors_without_advice_have_no_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(arguments: object) -> int:
        raise CommandError("it does not work")

    monkeypatch.setattr(call, "run", failing)

    assert main(["call", "192.0.2.1"]) == 6
    assert capsys.readouterr().err == "zrtp: error: it does not work\n"


def test_only_the_module_of_the_verb_is_loaded() -> None:
    program = (
        "import sys, zrtp.cli.__main__ as command; command.main(['--help']); "
        "loaded = [name for name in sys.modules if name.startswith(('zrtp.cli.verbs.', 'zrtp.cli.calls', 'asyncio'))]; "
        "sys.exit(bool(loaded))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)  # noqa: S603

    assert finished.returncode == 0


def started(command_line: str) -> tuple[int, str]:
    """Exit code and standard error of a line in a shell, in which $zrtp is the command."""
    line = command_line.replace("$zrtp", f"{sys.executable} -m zrtp")
    finished = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    return finished.returncode, finished.stderr


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
@pytest.mark.parametrize(
    ("command_line", "said"),
    [
        ("$zrtp --help <&-", "standard input is closed"),
        ("$zrtp --help >&-", "standard output is closed"),
        ("$zrtp --help >/dev/full", "standard output cannot be written: No space left on device"),
        ("$zrtp demo --seconds 0 >/dev/full", "standard output cannot be written: No space left on device"),
        (
            "bash -o pipefail -c '$zrtp demo --json | true'",
            "standard output cannot be written: whoever read it has gone",
        ),
    ],
)
def test_a_stream_that_cannot_be_used_is_one_line_and_exit_6(command_line: str, said: str) -> None:
    code, err = started(command_line)

    assert (code, [line for line in err.splitlines() if "error" in line]) == (6, [f"zrtp: error: {said}"])
    assert "Traceback" not in err


@pytest.mark.parametrize("side", [None, "alice", "bob"])
def test_machines_are_told_of_a_usage_error_too(side: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    verb = "demo" if side else "call"
    assert main([verb, "--json", "--secnds", "3"]) == 2
    shown = capsys.readouterr()
    ended = [event for event in map(json.loads, shown.out.splitlines()) if event.get("side") == side]

    assert ended[0].pop("t") >= 0
    assert ended == [
        {
            "event": "ended",
            "exit": 2,
            "text": "there is no option --secnds",
            "hint": f"did you mean --seconds? zrtp {verb} --help shows every option",
            "verdict": "none",
            **({"side": side} if side else {}),
        }
    ]
    assert "zrtp: error: there is no option --secnds" in shown.err
