"""What is known of the peer before the call."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.options.settings import complaint, parse
from zrtp.cli.errors import Exit


def test_signalling_is_trusted_only_if_somebody_vouches_for_it() -> None:
    announced = ["--peer-hash", "1.10 " + "ab" * 32]

    assert not parse(*announced).config.signalling_protected
    assert parse(*announced, "--trust-peer-hash").config.signalling_protected
    assert str(complaint("--trust-peer-hash")) == "--trust-peer-hash needs --peer-hash"


def test_an_auxsecret_comes_from_the_command_line_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aux").write_text("00ff\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("0a0b\n"))

    assert parse("--aux", "abcd").aux == b"\xab\xcd"
    assert parse("--aux", f"@{tmp_path / 'aux'}").aux == b"\x00\xff"
    assert parse("--aux", "-").aux == b"\x0a\x0b"


def test_an_auxsecret_on_a_terminal_is_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "0c0d")

    assert parse("--aux", "-").aux == b"\x0c\x0d"


def test_an_auxsecret_is_not_shown_by_anything() -> None:
    assert "abcd" not in repr(parse("--aux", "abcd" * 16))
    assert "zz" not in str(complaint("--aux", "zz" * 32))


def test_an_auxsecret_that_cannot_be_read_is_a_local_failure(tmp_path: Path) -> None:
    error = complaint("--aux", f"@{tmp_path / 'nothing'}")

    assert error.code is Exit.LOCAL
    assert "No such file" in str(error)


def test_the_hash_of_signalling_is_32_octets() -> None:
    assert parse("--peer-hash", "1.10 " + "ab" * 32).peer_hash == b"\xab" * 32
