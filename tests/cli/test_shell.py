"""Completion and the man page: made from the parsers, and understood by the programs that read them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.support import shell
from zrtp.cli.__main__ import SHELLS, VERBS, main
from zrtp.cli.errors import Exit


def test_the_files_are_those_that_the_parsers_make_today() -> None:
    for name, content in shell.generated().items():
        assert (shell.FOLDER / name).read_text("utf-8") == content, f"{name}: python -m tests.support.shell"


@pytest.mark.parametrize("name", SHELLS)
def test_the_command_prints_its_completion(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", name]) == 0

    assert capsys.readouterr().out.strip() == (shell.FOLDER / f"zrtp.{name}").read_text("utf-8").strip()


@pytest.mark.parametrize("arguments", [[], ["tcsh"], ["../../cli/errors.py"]])
def test_other_shells_have_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", *arguments]) == 2

    assert "zrtp: hint: for bash, zsh, fish there is" in capsys.readouterr().err


def ran(program: str, *arguments: str, given: str = "") -> str:
    """Standard output of another program. Skips the test where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: apt install {program}")
    done = subprocess.run([found, *arguments], input=given, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["zrtp", ""], list(VERBS)),
        (["zrtp", "call", "--verify", ""], ["ask", "match", "mismatch", "later"]),
        (["zrtp", "peers", ""], ["list", "rename", "verify", "unverify", "forget"]),
        (["zrtp", "listen", "--acc"], ["--accept"]),
    ],
)
def test_bash_completes_verbs_options_and_choices(line: list[str], offered: list[str]) -> None:
    words = " ".join(f"'{word}'" for word in line)
    program = (
        f"source '{shell.FOLDER / 'zrtp.bash'}'; COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; "
        'declare -F compopt >/dev/null || compopt() { :; }; _shtab_zrtp; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    completed = ran("bash", "-c", program).split()

    assert set(offered) <= set(completed)


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_can_read_their_file(name: str) -> None:
    ran(name, "-n", str(shell.FOLDER / f"zrtp.{name}"))


def test_the_page_has_every_verb_and_every_exit_code() -> None:
    page = (shell.FOLDER / "zrtp.1").read_text("utf-8")

    for verb in VERBS:
        assert f".SH ZRTP {verb.upper()}\n" in page
    for code in Exit:
        assert f"\n.TP\n{int(code)}\n" in page


def test_the_page_is_roff_without_complaints() -> None:
    shown = ran("groff", "-man", "-Tascii", "-ww", str(shell.FOLDER / "zrtp.1"))

    assert "ZRTP(1)" in shown
