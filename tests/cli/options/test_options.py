"""What the options mean, and what is said about wrong ones."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import pytest

from zrtp.cli import options
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import CallOptions, Parser, Verdict, address, remote_address
from zrtp.crypto.registry import DEFAULT


def parse(*arguments: str) -> CallOptions:
    parser = Parser(prog="zrtp call")
    options.add_call_options(parser, bind="any")
    return CallOptions.of(parser.parse_args(arguments))


def complaint(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        parse(*arguments)
    return caught.value


def test_nothing_has_to_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(options, "default_path", lambda: tmp_path / "secrets.db")
    given = parse()

    assert given.cache == tmp_path / "secrets.db"
    assert (given.audio, given.record, given.seconds, given.verify, given.name) == ("tone", None, None, None, None)
    assert (given.aux, given.peer_hash, given.ssrc, given.impair) == (None, None, None, Impairment())
    assert not (given.json or given.plain or given.verbose or given.config.passive)


def test_words_are_offered_before_letters() -> None:
    assert parse("--cache", "none").config.sas_types == (b"B256", b"B32 ")


def test_algorithms_are_named_by_four_letters_in_order_of_preference() -> None:
    config = parse("--agreement", "X255,DH3k", "--auth-tag", "gcm,HS32", "--sas", "B32", "--hash", "S384").config

    assert config.key_agreements == (b"X255", b"DH3k")
    assert config.auth_tags == (b"GCM ", b"HS32")
    assert config.sas_types == (b"B32 ",)
    assert config.hashes == (b"S384",)


def test_encryption_may_be_switched_off_only_if_that_is_allowed() -> None:
    assert not parse().config.allow_clear
    assert parse("--allow-clear").config.allow_clear


def test_signalling_is_trusted_only_if_somebody_vouches_for_it() -> None:
    announced = ["--peer-hash", "1.10 " + "ab" * 32]

    assert not parse(*announced).config.signalling_protected
    assert parse(*announced, "--trust-peer-hash").config.signalling_protected
    assert str(complaint("--trust-peer-hash")) == "--trust-peer-hash needs --peer-hash"


def test_preshared_mode_is_asked_for_by_its_name() -> None:
    config = parse("--agreement", "X255,Prsh").config

    assert config.preshared
    assert config.key_agreements == (b"X255",)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--agreement", "X255,FOO"], "FOO is not among the key agreements known here: DH2k, X255"),
        (["--sas", ","], "the list is empty"),
        (["--ssrc", "12345678a"], "is not a number of up to eight hexadecimal digits"),
        (["--seconds", "-1"], "is not a number of seconds"),
        (["--seconds", "soon"], "is not a number of seconds"),
        (["--peer-hash", "1.10 abc"], "is not a zrtp-hash"),
        (["--impair", "loss=2"], "loss is a share"),
        (["--bind", "192.0.2.1:99999"], "is not HOST:PORT"),
        (["--verify", "perhaps"], "invalid choice: 'perhaps'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--agreement", "DH2k,X255,E255,K255,EC25,X448,K448,EC38"], "lists 8 algorithms"),
    ],
)
def test_wrong_options_are_usage_errors_with_a_hint(arguments: list[str], part: str) -> None:
    error = complaint(*arguments)

    assert part in str(error)
    assert error.code is Exit.USAGE


def test_an_algorithm_without_a_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(DEFAULT.key_agreements[b"MLK2"]), "available", False)

    error = complaint("--agreement", "MLK2")

    assert "MLK2 is not available" in str(error)
    assert "pip install" in error.hint


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("192.0.2.20:5006", ("192.0.2.20", 5006)),
        ("192.0.2.20", ("192.0.2.20", 5004)),
        ("example.org:7", ("example.org", 7)),
        (":5006", ("0.0.0.0", 5006)),  # noqa: S104
        ("5006", ("0.0.0.0", 5006)),  # noqa: S104
        ("[2001:db8::1]:5006", ("2001:db8::1", 5006)),
        ("[2001:db8::1]", ("2001:db8::1", 5004)),
        ("2001:db8::1", ("2001:db8::1", 5004)),
    ],
)
def test_addresses(text: str, meaning: tuple[str, int]) -> None:
    assert address(text) == meaning


@pytest.mark.parametrize("text", [":5004", "5004", "host:port", "host:70000", "two words:5004"])
def test_nobody_can_be_called_at(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        remote_address(text)


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


def test_the_rest_is_taken_over() -> None:
    given = parse(
        "--bind=127.0.0.1:0", "--cache=none", "--role=passive", "--ssrc=dEADbeef", "--seconds=2.5", "--verify=match"
    )

    assert given.bind == ("127.0.0.1", 0)
    assert given.cache is None
    assert given.config.passive
    assert given.ssrc == 0xDEADBEEF
    assert given.seconds == 2.5
    assert given.verify is Verdict.MATCH


def test_the_hash_of_signalling_is_32_octets() -> None:
    assert parse("--peer-hash", "1.10 " + "ab" * 32).peer_hash == b"\xab" * 32


def test_a_cache_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_text("this is no database")
    (tmp_path / "cache.db").chmod(0o600)

    with pytest.raises(CommandError) as caught:
        options.open_cache(tmp_path / "cache.db")

    assert caught.value.code is Exit.LOCAL
    assert caught.value.hint
