"""The contract of `--json`: names and forms that scripts rely on."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from tests.cli import stage
from tests.support.cases import every
from zrtp.cli.calls import notices
from zrtp.cli.calls.notices import Ended, Media, Mismatched, News, Reaching, SoundNote, Standing, Waiting
from zrtp.cli.errors import Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen.jsonlines import JsonLines, describe, printable, text
from zrtp.crypto.sas import Sas
from zrtp.media.secure import Counters
from zrtp.protocol import events
from zrtp.protocol.events import (
    AnotherPeer,
    Assurance,
    ClearRequested,
    Closed,
    EnrolmentOffered,
    Failed,
    Mode,
    NoPeer,
    PongReceived,
    SasRelayed,
    SecurityWarning,
    SignatureReceived,
    Verified,
    WarningCode,
    WentClear,
)

SECURED = {
    "event": "secured",
    "mode": "dh",
    "role": "initiator",
    "suite": {"hash": "S256", "cipher": "AES3", "auth_tag": "HS80", "agreement": "X255", "sas": "B256"},
    "zid": "707070707070707070707070",
    "client": "A phone 1.0",
    "verified": False,
    "peer_name": None,
    "disclosure": False,
}

EXPECTED: list[tuple[News, dict[str, Any]]] = [
    (
        stage.LISTENING,
        {
            "event": "listening",
            "bind": "0.0.0.0:5004",
            "zid": "000102030405060708090a0b",
            "hello_hash": "1.10 " + "ab" * 32,
        },
    ),
    (
        Reaching(stage="code", text="tell the other person", give="zrtp call 7-virus-revival"),
        {
            "event": "reaching",
            "stage": "code",
            "text": "tell the other person",
            "give": "zrtp call 7-virus-revival",
        },
    ),
    (
        stage.CALLING,
        {
            "event": "calling",
            "remote": "192.0.2.20:5004",
            "bind": "192.0.2.30:40000",
            "zid": "000102030405060708090a0b",
            "hello_hash": "1.10 " + "ab" * 32,
        },
    ),
    (
        stage.PEER,
        {
            "event": "peer_detected",
            "zid": "000102030405060708090a0b",
            "client": "BZRTPv1.1",
            "version": "1.10",
            "hash": ["S256", "S384"],
            "cipher": ["AES3", "AES1"],
            "auth_tag": ["HS80", "GCM"],
            "agreement": ["X255", "DH3k", "Mult"],
            "sas": ["B32", "B256"],
            "flags": {"signature": False, "mitm": False, "passive": True},
        },
    ),
    (stage.GOING, {"event": "going_secure", "role": "initiator"}),
    (stage.GATE, {"event": "sending", "sending": "srtp"}),
    (
        stage.SAS_READY,
        {
            "event": "sas",
            "sas": "cowbell:bottomless",
            "type": "B256",
            "letters": "8hco",
            "continuity": "first",
            "verified": False,
        },
    ),
    (stage.SECURED, SECURED),
    (
        stage.AGREED,
        {
            **SECURED,
            "packets": 13,
            "octets": 6412,
            "assurance": "encrypted",
            "server": False,
            "enrolled": False,
        },
    ),
    (Standing(assurance=Assurance.MISMATCH), {"event": "assurance", "assurance": "mismatch"}),
    (
        SecurityWarning(ssrc=1, code=WarningCode.CACHE_MISMATCH, text="Compare."),
        {"event": "warning", "code": "cache-mismatch", "text": "Compare."},
    ),
    (Mismatched(text="Hang up."), {"event": "warning", "code": "sas-mismatch", "text": "Hang up."}),
    (
        Media(counters=Counters(sent=250, received=250, verified=249, rejected=1, repeated=1), seconds=5.0),
        {
            "event": "media",
            "sent": 250,
            "received": 250,
            "verified": 249,
            "rejected": 1,
            "repeated": 1,
            "final": False,
        },
    ),
    (Verified(ssrc=1, verified=True, peer_name="bob"), {"event": "verdict", "verified": True, "peer_name": "bob"}),
    (WentClear(ssrc=1, by_peer=True), {"event": "went_clear", "by": "peer"}),
    (WentClear(ssrc=1, by_peer=False), {"event": "went_clear", "by": "us"}),
    (ClearRequested(ssrc=1), {"event": "clear_requested"}),
    (NoPeer(ssrc=1, text="Nobody."), {"event": "no_peer", "text": "Nobody."}),
    (
        AnotherPeer(ssrc=1, zid=b"another ZID!", text="Somebody."),
        {"event": "another_peer", "zid": b"another ZID!".hex(), "text": "Somebody."},
    ),
    (
        Failed(ssrc=1, code=0x70, name="CONFIRM_MAC", by_peer=True, text="No."),
        {"event": "failed", "code": "0x70", "name": "CONFIRM_MAC", "by": "peer", "text": "No."},
    ),
    (
        Failed(ssrc=1, code=0x100, name="GOCLEAR_NOT_ALLOWED", by_peer=False, text="No."),
        {"event": "failed", "code": "0x100", "name": "GOCLEAR_NOT_ALLOWED", "by": "us", "text": "No."},
    ),
    (
        SasRelayed(ssrc=1, sas=stage.SAS),
        {"event": "sas_relayed", "sas": "cowbell:bottomless", "type": "B256", "letters": "8hco"},
    ),
    (EnrolmentOffered(ssrc=1), {"event": "enrolment_offered"}),
    (
        SignatureReceived(ssrc=1, signature_type=b"PGP ", signer=b"\xab\xcd"),
        {"event": "signature", "type": "PGP", "signer": "abcd"},
    ),
    (
        PongReceived(ssrc=1, endpoint_hash=b"\1" * 8, version=b"1.10"),
        {"event": "pong", "endpoint_hash": "01" * 8, "version": "1.10"},
    ),
    (Waiting(text="nobody yet"), {"event": "waiting", "text": "nobody yet"}),
    (SoundNote(text="a tone is sent"), {"event": "sound", "text": "a tone is sent"}),
    (
        Ended(code=Exit.NO_PEER, text="Nobody.", hint="Try."),
        {"event": "ended", "exit": 4, "text": "Nobody.", "hint": "Try.", "verdict": "none"},
    ),
    (
        Ended(code=Exit.ENDED, text="Done.", verdict=Verdict.MATCH),
        {"event": "ended", "exit": 0, "text": "Done.", "hint": None, "verdict": "match"},
    ),
    (stage.KEYS_READY, {}),
    (Closed(ssrc=1), {}),
]


@every(("news", "expected"), EXPECTED, ids=lambda value: type(value).__name__)
def test_the_form_of_every_event(news: News, expected: dict[str, Any]) -> None:
    assert describe(news) == expected


def test_no_event_and_no_notice_is_left_out() -> None:
    assert {type(news) for news, _ in EXPECTED} == {*get_args(events.Event), *get_args(notices.Notice)}


WARNINGS = """
    aux-mismatch cache-failed cache-mismatch chain-mismatch confirm-refused different-name equal-zids goclear-forged
    goclear-refused hello-hash-malformed hello-hash-mismatch multistream-refused name-not-proved new-device pbx-mismatch
    peer-error peer-not-verified relayed-sas-changed sas-mismatch signature-ignored signature-invalid signature-withheld
    ssrc-collision untrusted-relay
"""


def test_every_warning_keeps_its_name() -> None:
    codes = [
        describe(SecurityWarning(ssrc=1, code=code, text="Odd."))
        for code in sorted(WarningCode, key=lambda code: code.value)
    ]

    assert codes == [{"event": "warning", "code": name, "text": "Odd."} for name in WARNINGS.split()]


def test_every_level_keeps_its_name() -> None:
    levels = [describe(Standing(assurance=assurance))["assurance"] for assurance in Assurance]

    assert levels == [
        "insecure",
        "mismatch",
        "encrypted",
        "signalling",
        "signed",
        "verified",
        "bound-and-verified",
    ]


def test_pictures_are_escaped_with_their_letters_beside_them() -> None:
    pictures = replace(stage.SAS_READY, sas=Sas(sashash=bytes.fromhex("45aea000") + bytes(28), code=b"B32E"))
    line = written(pictures)

    assert line.isascii()
    assert (json.loads(line)["sas"], json.loads(line)["letters"]) == (
        "\U0001f434\U0001f426\U0001f50d\U0001f41f",
        "eszk",
    )


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_has_its_name(mode: Mode) -> None:
    names = {"dh", "kem", "multistream", "preshared"}

    assert describe(replace(stage.SECURED, mode=mode))["mode"] in names


def written(news: News, side: str = "") -> str:
    out = io.StringIO()
    JsonLines(out, lambda: 1.23456, side=side).show(news)
    return out.getvalue()


def test_one_object_a_line_with_the_time_first() -> None:
    assert written(stage.GOING) == '{"t":1.235,"event":"going_secure","role":"initiator"}\n'


def test_the_demo_says_whose_event_it_is() -> None:
    assert json.loads(written(stage.GOING, side="alice"))["side"] == "alice"


def test_events_with_keys_are_not_written() -> None:
    assert written(stage.KEYS_READY) == ""


def test_text_of_the_peer_cannot_break_the_line() -> None:
    nasty = replace(stage.PEER, client_id=b'evil"\n\x1b[2J\xff....')

    line = written(nasty)

    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert json.loads(line)["client"] == 'evil"\\x0a\\x1b[2J\\xff....'


@pytest.mark.attack("PAR-16")
def test_a_client_identifier_is_escaped() -> None:
    assert printable(b"Z\x1b]0;owned\x07\0\0\0\0") == "Z\\x1b]0;owned\\x07"


def test_addresses_have_one_form() -> None:
    assert text(("192.0.2.20", 5004)) == "192.0.2.20:5004"
    assert text(("2001:db8::1", 5004)) == "[2001:db8::1]:5004"
