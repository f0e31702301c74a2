"""Keys in the form that another program reads, and the ways to it that nobody else sees."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from zrtp.cli.calls.handing_over import Agreement, Format, KeysBy, check_command, run, written
from zrtp.cli.errors import CommandError
from zrtp.media.sdp import parse_crypto
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret

SEND, RECEIVE = bytes(range(30)), bytes(range(100, 130))
SEND_TEXT, RECEIVE_TEXT = (base64.b64encode(octets).decode() for octets in (SEND, RECEIVE))


def keys(octets: bytes, cipher: bytes = b"AES1", auth_tag: bytes = b"HS80") -> SrtpKeys:
    return SrtpKeys(cipher=cipher, auth_tag=auth_tag, key=Secret(octets[:-14]), salt=Secret(octets[-14:]))


@pytest.fixture
def agreement() -> Agreement:
    return Agreement(
        send=keys(SEND),
        receive=keys(RECEIVE),
        local=("127.0.0.1", 5004),
        remote=("192.0.2.20", 5006),
        ssrc=7,
        sas="fox:galaxy",
        verified=False,
    )


def test_its_repr_shows_no_key(agreement: Agreement) -> None:
    assert SEND_TEXT not in repr(agreement) and SEND.hex() not in repr(agreement)
    assert "<keys>" in repr(agreement)


def test_sdes_lines_are_read_as_they_were_meant(agreement: Agreement) -> None:
    ours, theirs = (
        parse_crypto(line.removeprefix("a=crypto:")) for line in written(agreement, Format.SDES).split("\n")[1::2]
    )
    assert ours is not None and theirs is not None
    assert (ours.suite, bytes(ours.key.octets + ours.salt.octets)) == ("AES_CM_128_HMAC_SHA1_80", SEND)
    assert bytes(theirs.key.octets + theirs.salt.octets) == RECEIVE


@pytest.mark.parametrize(
    ("cipher", "auth_tag", "octets", "suite"),
    [
        (b"AES3", b"HS32", 46, "AES_256_CM_HMAC_SHA1_32"),
        (b"AES1", b"HS32", 30, "AES_CM_128_HMAC_SHA1_32"),
        (b"AES3", b"HS80", 46, "AES_256_CM_HMAC_SHA1_80"),
    ],
)
def test_suites_have_the_names_of_sdes(
    agreement: Agreement, cipher: bytes, auth_tag: bytes, octets: int, suite: str
) -> None:
    made = keys(bytes(octets), cipher, auth_tag)
    lines = written(replace(agreement, send=made, receive=made), Format.SDES)
    assert f"a=crypto:1 {suite} inline:" in lines


def test_json_says_everything(agreement: Agreement) -> None:
    assert json.loads(written(agreement, Format.JSON)) == {
        "suite": "AES_CM_128_HMAC_SHA1_80",
        "send": SEND_TEXT,
        "receive": RECEIVE_TEXT,
        "port": 5004,
        "remote_host": "192.0.2.20",
        "remote_port": 5006,
        "ssrc": 7,
        "sas": "fox:galaxy",
        "verified": False,
    }


def test_for_ffmpeg_it_is_a_description_for_receiving_and_options_for_sending(agreement: Agreement) -> None:
    text = written(agreement, Format.FFMPEG)
    assert f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{RECEIVE_TEXT}\n" in text
    assert f"-srtp_out_suite AES_CM_128_HMAC_SHA1_80 -srtp_out_params {SEND_TEXT}\n" in text
    assert "m=audio 5004 RTP/SAVP 0\n" in text


def test_for_mediastream_and_gstreamer(agreement: Agreement) -> None:
    text = written(agreement, Format.MEDIASTREAM)
    assert text == f"--local 5004 --remote 192.0.2.20:5006 --srtp {SEND_TEXT} {RECEIVE_TEXT}\n"
    sending, caps = written(agreement, Format.GSTREAMER).splitlines()
    assert sending.startswith(f"srtpenc key={SEND.hex()} rtp-cipher=aes-128-icm rtp-auth=hmac-sha1-80")
    assert f"srtp-key=(buffer){RECEIVE.hex()}" in caps


def show(tmp_path: Path, what: str) -> tuple[str, Path]:
    """A command that writes down what it got."""
    script, seen = tmp_path / "show.py", tmp_path / "seen"
    script.write_text(f"import os, sys, json\njson.dump({what}, open({str(seen)!r}, 'w'))\nsys.exit(7)\n")
    return f"{sys.executable} {script}", seen


def test_a_program_finds_keys_in_its_environment_and_its_exit_code_is_ours(
    agreement: Agreement, tmp_path: Path
) -> None:
    what = "[{k: v for k, v in os.environ.items() if k.startswith('ZRTP_')}, sys.argv[1:]]"
    command, seen = show(tmp_path, what)

    code = run(
        f"{command} {{port}} {{remote_host}}:{{remote_port}}", agreement, Format.JSON, KeysBy.ENVIRONMENT, expose=False
    )

    environment, arguments = json.loads(seen.read_text())
    assert code == 7
    assert arguments == ["5004", "192.0.2.20:5006"]
    assert environment["ZRTP_SEND_KEY"] == SEND_TEXT and environment["ZRTP_RECEIVE_KEY"] == RECEIVE_TEXT
    assert (environment["ZRTP_VERIFIED"], environment["ZRTP_SUITE"]) == ("no", "AES_CM_128_HMAC_SHA1_80")
    assert not any(name.startswith("ZRTP_SEND") for name in os.environ), "ours has none"


@pytest.mark.parametrize("by", [KeysBy.DESCRIPTOR, KeysBy.FILE])
def test_or_reads_them_from_what_only_it_can_open(agreement: Agreement, by: KeysBy, tmp_path: Path) -> None:
    what = "[open(sys.argv[1]).read(), os.stat(sys.argv[1]).st_mode, sys.argv[1], 'ZRTP_SEND_KEY' in os.environ]"
    command, seen = show(tmp_path, what)

    run(f"{command} {{keys}}", agreement, Format.SDES, by, expose=False)

    text, mode, path, in_environment = json.loads(seen.read_text())
    assert text == written(agreement, Format.SDES)
    assert not in_environment
    if by is KeysBy.FILE:
        assert stat.S_IMODE(mode) == 0o600
        assert not Path(path).exists(), "it is gone with the program"


@pytest.mark.parametrize("name", ["send_key", "receive_key", "send_hex", "receive_hex"])
def test_keys_on_the_command_line_have_to_be_asked_for(name: str) -> None:
    with pytest.raises(CommandError, match="into the process list"):
        check_command(f"program {{{name}}}", KeysBy.FILE, expose=False)
    check_command(f"program {{{name}}}", KeysBy.FILE, expose=True)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("program {keys}", "no value {keys}"),
        ("program {password}", "no value {password}"),
        ("program 'unfinished", "cannot be read"),
        ("", "names no program"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_before_the_call(command: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        check_command(command, KeysBy.ENVIRONMENT, expose=False)


def test_a_program_that_is_not_there_is_one_sentence(agreement: Agreement) -> None:
    with pytest.raises(CommandError, match="cannot be started"):
        run("/no/such/program", agreement, Format.JSON, KeysBy.ENVIRONMENT, expose=False)
