"""What a person sees of a call, word for word."""

from __future__ import annotations

import re
from dataclasses import replace
from textwrap import dedent
from typing import get_args

import pytest

from tests.cli import stage
from tests.cli.stage import Stream, call, ticking, visible
from tests.support.cases import every
from zrtp.cli.calls.notices import Agreed, Ended, Media, Mismatched, News, SoundNote, Standing, Waiting
from zrtp.cli.errors import Exit
from zrtp.cli.screen import wording
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.hashes import sha256
from zrtp.crypto.sas import Sas
from zrtp.media.secure import Counters
from zrtp.protocol import events
from zrtp.protocol.events import (
    AnotherPeer,
    Assurance,
    ClearRequested,
    Closed,
    Continuity,
    EnrolmentOffered,
    Event,
    Failed,
    GoingSecure,
    KeysReady,
    Mode,
    NoPeer,
    PeerDetected,
    PongReceived,
    SasReady,
    SasRelayed,
    Secured,
    SecurityWarning,
    SendingChanged,
    SignatureReceived,
    Verified,
    WarningCode,
    WentClear,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "COLUMNS", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)


def shown(
    news: list[News],
    *,
    terminal: bool = False,
    width: int = 100,
    plain: bool = False,
    keys: bool = False,
    verbose: bool = False,
) -> str:
    """Everything on one screen, as it looks at the end."""
    screen = Stream(terminal=terminal)
    presenter = Presenter(
        Terminal(out=screen, err=screen, plain=plain, width=width), ticking(), keys=keys, verbose=verbose
    )
    for item in news:
        presenter.show(item)
    return screen.getvalue()


def text(block: str) -> str:
    return dedent(block).lstrip("\n")


FIRST_CALL = """
    zrtp: calling 192.0.2.20:5004
    zrtp: looking for peer ... found
    zrtp: going secure ... done

     SECURE BUT NOT VERIFIED - first call with this peer

        cowbell   bottomless        (letters 8hco)

"""


def test_a_first_call() -> None:
    assert shown(call()) == text(FIRST_CALL)


def test_a_first_call_looks_the_same_on_a_terminal_but_for_colours() -> None:
    screen = shown(call(), terminal=True)

    assert visible(screen) == text(FIRST_CALL)
    assert "\x1b[1mcowbell   bottomless\x1b[0m        \x1b[2m(letters 8hco)\x1b[0m" in screen


def test_technology_is_shown_to_those_who_ask_for_it() -> None:
    lines = shown(call(), verbose=True).splitlines()

    assert lines[2:5] == [
        "zrtp: going secure ... done",
        "zrtp: X25519 (X255), AES-256, HMAC-SHA1-80",
        "zrtp: X255 S256 AES3 HS80 B256, 13 packets, 6,412 octets, 41 ms",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_words_come_within_seven_lines_on_any_terminal(width: int) -> None:
    lines = visible(shown(call(), terminal=True, width=width)).splitlines()

    assert next(number for number, line in enumerate(lines) if "cowbell   bottomless" in line) <= 7


@pytest.mark.parametrize("switch", ["--plain", "dumb terminal"])
def test_plain_output_has_no_control_sequences_and_tells_the_keys_once(
    switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if switch == "dumb terminal":
        monkeypatch.setenv("TERM", "dumb")
    script = [*call(), stage.MEDIA, stage.MEDIA]

    assert shown(script, terminal=True, plain=switch == "--plain", keys=True) == text(FIRST_CALL) + (
        "zrtp: keys:  [q]uit [s]how [v]erify\n"
    )


def test_no_color_takes_colour_and_leaves_the_line_at_the_bottom_with_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    alarm = Mismatched(text="The words differ: hang up.")
    screen = shown([*call(), stage.MEDIA, alarm], terminal=True, keys=True)

    assert "\r\x1b[K\x1b[2m secure but not verified  0:05  sent 250 heard 250  [q]uit [s]how [v]erify" in screen
    assert "\x1b[1m The words differ: hang up.\x1b[0m" in screen
    assert not re.search(r"\x1b\[(\d;)?3\dm", screen)


def test_a_narrow_terminal() -> None:
    assert visible(shown(call(), terminal=True, width=32)) == text(
        """
        zrtp: calling 192.0.2.20:5004
        zrtp: looking for peer ... found
        zrtp: going secure ... done

         SECURE BUT NOT VERIFIED - first
         call with this peer

            cowbell   bottomless
            (letters 8hco)

        """
    )


def test_a_very_narrow_terminal_puts_each_word_on_a_line() -> None:
    screen = visible(shown(call(), terminal=True, width=24))

    assert "    cowbell   bottomless\n    (letters 8hco)\n" in screen
    assert max(map(len, screen.splitlines())) <= 32


def test_letters_are_large_where_letters_were_negotiated() -> None:
    letters = Sas(sashash=stage.SAS.sashash, code=b"B32 ")
    script = [replace(item, sas=letters) if item == stage.SAS_READY else item for item in call()]

    assert "    8hco        (words cowbell bottomless)\n" in shown(script)


def with_pictures() -> list[News]:
    pictures = Sas(sashash=bytes.fromhex("45aea000") + bytes(28), code=b"B32E")
    return [replace(item, sas=pictures) if item == stage.SAS_READY else item for item in call()]


def test_pictures_are_large_where_pictures_were_negotiated() -> None:
    assert "    \U0001f434   \U0001f426   \U0001f50d   \U0001f41f        (letters eszk)\n" in shown(with_pictures())


def test_pictures_are_named_on_a_terminal_that_cannot_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    screen = visible(shown(with_pictures(), terminal=True))

    assert "    horse   bird   magnifying glass   fish        (letters eszk)\n" in screen
    assert screen.isascii()


def test_named_pictures_on_a_narrow_terminal_have_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")

    assert "    horse\n    bird\n    magnifying glass\n    fish\n    (letters eszk)\n" in shown(
        with_pictures(), terminal=True, plain=True, width=32
    )


def test_a_listener_prints_the_command_for_the_other_side() -> None:
    assert shown([stage.LISTENING, *call()[1:3]]) == text(
        """
        zrtp: waiting on 0.0.0.0:5004
        zrtp: on the other computer run
                  zrtp call 192.0.2.20:5004
        zrtp: looking for peer ... found
        """
    )


@pytest.mark.rfc("R-12-02")
def test_a_verified_peer_is_named_with_the_date_and_nothing_is_asked() -> None:
    screen = shown(call(Continuity.CONTINUED, verified=True, peer_name="bob", verified_at=stage.MARCH))

    assert " SECURE AND VERIFIED - bob, verified 3 March 2026\n    cowbell" in screen


@pytest.mark.rfc("R-4.3.2-04")
def test_a_cache_mismatch_opens_with_a_warning() -> None:
    warning = SecurityWarning(ssrc=1, code=WarningCode.CACHE_MISMATCH, text="shown below instead")
    script = call(Continuity.MISMATCH, peer_name="bob", verified_at=stage.MARCH)

    assert shown([*script[:-1], warning, script[-1]]).split("done\n")[1] == (
        "\n"
        " INSECURE UNTIL COMPARED - bob's phone no longer has the key from your last call\n"
        " A new phone explains this; so does a wiretapper. Compare the words before you talk.\n"
        "\n"
        "    cowbell   bottomless        (letters 8hco)\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("continuity", "secured", "heading"),
    [
        (Continuity.NONE, {}, "SECURE BUT NOT VERIFIED - no secrets are kept, so every call is a first call"),
        (
            Continuity.CONTINUED,
            {"peer_name": "bob"},
            "SECURE BUT NOT VERIFIED - you have talked to bob before, but never compared the words",
        ),
        (
            Continuity.CONTINUED,
            {"peer_name": "bob", "verified_at": stage.MARCH},
            "SECURE BUT NOT VERIFIED - you verified bob; bob's side has not",
        ),
        (Continuity.CONTINUED, {"verified": True}, "SECURE AND VERIFIED - this peer"),
    ],
)
def test_every_reason_is_named(continuity: Continuity, secured: dict[str, object], heading: str) -> None:
    assert f" {heading}\n" in shown(call(continuity, None, **secured))


@pytest.mark.parametrize("continuity", [Continuity.FIRST_CALL, Continuity.CONTINUED])
def test_after_words_that_differed_nobody_is_said_to_have_compared_none(continuity: Continuity) -> None:
    (*before, agreed) = call(continuity, None, peer_name="bob")
    assert isinstance(agreed, Agreed)
    screen = shown([*before, replace(agreed, differed=True)])
    assert " SECURE BUT NOT VERIFIED - the words differed in an earlier call with bob\n" in screen


def test_a_call_that_ends_tells_what_got_through_if_somebody_asks() -> None:
    script = [*call(), replace(stage.MEDIA, final=True), stage.ENDED]

    assert shown(script, verbose=True).split("8hco)\n\n")[1] == (
        "zrtp: packets: sent 250 received 250 verified 250\nzrtp: you hung up\n"
    )
    assert shown(script).split("8hco)\n\n")[1] == "zrtp: you hung up\n"


def test_refused_packets_are_told_apart_from_repeated_ones() -> None:
    counters = Counters(sent=1, received=9, verified=5, rejected=4, repeated=3)
    end = shown([*call(), Media(counters=counters, seconds=1.0, final=True), stage.ENDED])

    assert "packets: sent 1 received 9 verified 5 refused 1 repeated 3\n" in end


def test_the_line_at_the_bottom_changes_in_place_and_makes_room() -> None:
    screen = shown([*call(), stage.MEDIA, replace(stage.MEDIA, seconds=6.0), stage.ENDED], terminal=True)

    assert " secure but not verified  0:05  sent 250 heard 250" in screen
    assert screen.count("\r\x1b[K") == 3
    assert visible(screen).endswith("\r\x1b[Kzrtp: you hung up\n")


def test_the_alarm_is_red_and_says_what_to_do() -> None:
    ended = Ended(code=Exit.SAS_MISMATCH, text="the words differ, so nothing was kept", hint="call again")
    alarm = Mismatched(text="The words differ: hang up.")
    screen = shown([*call(), alarm, ended], terminal=True)

    assert "\x1b[1;31m The words differ: hang up.\x1b[0m\n" in screen
    assert visible(screen).endswith("zrtp: error: the words differ, so nothing was kept\nzrtp: hint: call again\n")


def test_without_a_peer_the_call_is_insecure() -> None:
    ended = Ended(code=Exit.NO_PEER, text="The other side does not answer ZRTP.", hint="start it")

    assert shown([stage.CALLING, NoPeer(ssrc=1, text=""), ended]) == text(
        """
        zrtp: calling 192.0.2.20:5004
        zrtp: looking for peer ... none
         INSECURE - no keys were agreed, so no sound was sent
        zrtp: error: the other side does not answer ZRTP
        zrtp: hint: start it
        """
    )


def test_a_failed_key_agreement_is_insecure() -> None:
    failed = Failed(ssrc=1, code=0x70, name="CONFIRM_MAC", by_peer=False, text="It did not verify.")
    end = Ended(code=Exit.NOT_AGREED, text=failed.text)

    assert shown([*call()[:3], failed, end]).endswith(
        text(
            """
            zrtp: going secure ... failed
             INSECURE - the key agreement failed
            zrtp: error: it did not verify
            """
        )
    )


SIGNED = SignatureReceived(ssrc=1, signature_type=b"X509", signer=b"a certificate")
VERDICT = Verified(ssrc=1, verified=True, peer_name="bob")

WORDS: dict[type[Event], list[tuple[list[News], str]]] = {
    PeerDetected: [([stage.CALLING, stage.PEER], "zrtp: looking for peer ... found")],
    GoingSecure: [([stage.GOING, stage.AGREED], "zrtp: going secure ... done")],
    SasReady: [([stage.SAS_READY, stage.AGREED], "    cowbell   bottomless        (letters 8hco)")],
    SecurityWarning: [
        (
            [SecurityWarning(ssrc=1, code=WarningCode.AUX_MISMATCH, text="The secrets differ.")],
            "zrtp: warning: the secrets differ",
        )
    ],
    NoPeer: [([NoPeer(ssrc=1, text="")], " INSECURE - no keys were agreed, so no sound was sent")],
    Failed: [
        (
            [Failed(ssrc=1, code=0x70, name="CONFIRM_MAC", by_peer=False, text="")],
            " INSECURE - the key agreement failed",
        )
    ],
    ClearRequested: [([ClearRequested(ssrc=1)], " INSECURE - encryption is switched off, and nothing is sent now")],
    WentClear: [
        (
            [WentClear(ssrc=1, by_peer=True)],
            " INSECURE - the other side switched encryption off; sound is sent unprotected now",
        ),
        (
            [WentClear(ssrc=1, by_peer=False)],
            " INSECURE - you switched encryption off; sound is sent unprotected now",
        ),
        (
            [VERDICT, WentClear(ssrc=1, by_peer=True)],
            " INSECURE - bob switched encryption off; sound is sent unprotected now",
        ),
    ],
    SasRelayed: [
        (
            [SasRelayed(ssrc=1, sas=stage.SAS)],
            " through your trusted server: compare what it relays from the far end",
        ),
        (
            [VERDICT, SasRelayed(ssrc=1, sas=stage.SAS)],
            " through your trusted server bob: compare what it relays from the far end",
        ),
        ([SasRelayed(ssrc=1, sas=stage.SAS)], "    cowbell   bottomless        (letters 8hco, relayed)"),
        ([SasRelayed(ssrc=1, sas=stage.SAS, signature=SIGNED)], "zrtp: the other side signed the SAS with the X509 "),
    ],
    EnrolmentOffered: [
        (
            [EnrolmentOffered(ssrc=1)],
            "zrtp: the other side is a server that asks for your trust; without your consent it gets none",
        )
    ],
    SignatureReceived: [
        (
            [SIGNED],
            f"zrtp: the other side signed the SAS with the X509 certificate {sha256(b'a certificate').hex()}; "
            "whether you trust its owner is up to you",
        ),
        (
            [SignatureReceived(ssrc=1, signature_type=b"PGP ", signer=b"\xab\xcd")],
            "zrtp: the other side signed the SAS with the OpenPGP key abcd; whether you trust its owner is up to you",
        ),
    ],
    Verified: [([*call(), VERDICT, Standing(assurance=Assurance.VERIFIED), stage.MEDIA], " secure and verified  0:05")],
    PongReceived: [
        (
            [PongReceived(ssrc=1, endpoint_hash=b"\1" * 8, version=b"1.10")],
            "zrtp: the endpoint 0101010101010101 answers, version 1.10",
        )
    ],
}
"""What each event of the engine looks like, after the news that come before it."""

WITHOUT_WORDS: set[type[Event]] = {AnotherPeer, Secured, SendingChanged, KeysReady, Closed}
"""Told by the notice `Agreed`, by the state, or never: keys are not shown, after the last event nobody is told, and a
person can do nothing about somebody else on the line."""


def test_no_event_of_the_engine_is_forgotten() -> None:
    assert set(WORDS) | WITHOUT_WORDS == set(get_args(events.Event))
    assert not set(WORDS) & WITHOUT_WORDS


@every(("script", "line"), [case for cases in WORDS.values() for case in cases])
def test_every_event_has_its_words(script: list[News], line: str) -> None:
    assert line in visible(shown(script, terminal=True, width=200, verbose=True))


@pytest.mark.parametrize("news", [stage.SECURED, stage.GATE, stage.KEYS_READY, Closed(ssrc=1)])
def test_what_is_told_elsewhere_has_no_words(news: News) -> None:
    assert shown([news]) == ""


BY_HEADING: dict[WarningCode, tuple[list[News], str]] = {
    WarningCode.CACHE_MISMATCH: (
        call(Continuity.MISMATCH, peer_name="bob"),
        "INSECURE UNTIL COMPARED - bob's phone no longer has the key from your last call",
    ),
    WarningCode.PEER_NOT_VERIFIED: (
        call(Continuity.CONTINUED, peer_name="bob", verified_at=stage.MARCH),
        "SECURE BUT NOT VERIFIED - you verified bob; bob's side has not",
    ),
    WarningCode.NEW_DEVICE: (
        [*call()[:-1], replace(stage.AGREED, new_device_of="bob")],
        "SECURE BUT NOT VERIFIED - new device of bob?",
    ),
}


@every("code", WarningCode)
def test_every_warning_is_told_once(code: WarningCode) -> None:
    warning = SecurityWarning(ssrc=1, code=code, text="Something is odd.")
    if code not in BY_HEADING:
        assert shown([warning]) == "zrtp: warning: something is odd\n"
        return
    script, heading = BY_HEADING[code]
    screen = shown([*script[:-1], warning, script[-1]])
    assert f" {heading}\n" in screen
    assert "something is odd" not in screen


def test_a_warning_during_the_key_agreement_does_not_tear_its_line() -> None:
    warning = SecurityWarning(ssrc=1, code=WarningCode.AUX_MISMATCH, text="The secrets differ.")
    *script, agreed = call()
    failed = Failed(ssrc=1, code=0x70, name="CONFIRM_MAC", by_peer=False, text="")

    whole = visible(shown([*script, warning, agreed], terminal=True)).splitlines()
    assert whole[2:4] == ["zrtp: going secure ... done", "zrtp: warning: the secrets differ"]
    broken = visible(shown([*script, warning, failed], terminal=True)).splitlines()
    assert broken[2:4] == ["zrtp: going secure ... failed", "zrtp: warning: the secrets differ"]
    assert "the secrets differ" in shown([*script, warning, stage.ENDED])


@every("assurance", Assurance)
def test_every_level_has_a_name_of_its_own_and_a_line_at_the_bottom(assurance: Assurance) -> None:
    assert len(set(wording.STATES.values())) == len(Assurance)
    screen = shown([*call(), Standing(assurance=assurance), stage.MEDIA], terminal=True)

    assert f" {wording.STATES[assurance].lower()}  0:05  sent 250 heard 250" in screen


def test_only_verified_levels_are_green_and_insecure_ones_are_red() -> None:
    for assurance in Assurance:
        screen = shown(call(assurance=assurance), terminal=True)
        assert ("32m SECURE" in screen) is (assurance in (Assurance.VERIFIED, Assurance.BOUND_AND_VERIFIED))
        assert ("31m INSECURE" in screen) is (assurance in (Assurance.INSECURE, Assurance.MISMATCH))


def test_a_mismatch_stays_insecure_at_the_bottom_until_compared() -> None:
    screen = shown([*call(Continuity.MISMATCH, peer_name="bob"), stage.MEDIA], terminal=True)

    assert " insecure until compared  0:05" in screen


def test_a_call_bound_to_signalling_is_called_so() -> None:
    screen = shown(call(Continuity.CONTINUED, Assurance.BOUND_AND_VERIFIED, verified=True, peer_name="bob"))

    assert " SECURE, BOUND AND VERIFIED - bob\n" in screen


def test_a_call_that_was_cleared_becomes_secure_again() -> None:
    again = replace(stage.AGREED, secured=replace(stage.SECURED, mode=Mode.MULTISTREAM))
    screen = shown([*call(), WentClear(ssrc=1, by_peer=False), stage.GOING, again])

    assert screen.endswith("zrtp: going secure ... done\n SECURE BUT NOT VERIFIED - encryption is on again\n")


@pytest.mark.rfc("R-12-03")
@pytest.mark.parametrize(
    ("enrolled", "line"),
    [
        (True, " through your trusted server the office\n"),
        (False, "zrtp: warning: the other side is a server: it can hear what it passes on\n"),
    ],
)
def test_a_server_in_between_is_named(enrolled: bool, line: str) -> None:
    *script, agreed = call(Continuity.CONTINUED, verified=True, peer_name="the office")
    assert isinstance(agreed, Agreed)

    assert line in shown([*script, replace(agreed, server=True, enrolled=enrolled)])


@every(
    ("assurance", "clear", "keys"),
    [
        (Assurance.ENCRYPTED, False, "[q]uit [s]how [v]erify"),
        (Assurance.MISMATCH, True, "[q]uit [s]how [v]erify [c]lear"),
        (Assurance.VERIFIED, False, "[q]uit [s]how [u]ndo"),
        (Assurance.BOUND_AND_VERIFIED, True, "[q]uit [s]how [u]ndo [c]lear"),
        (Assurance.INSECURE, True, "[q]uit [e]ncrypt"),
    ],
)
def test_the_keys_that_work_are_shown(assurance: Assurance, clear: bool, keys: str) -> None:
    screen = Stream(terminal=True)
    presenter = Presenter(Terminal(out=screen, err=screen, width=100), ticking(), keys=True)
    for news in (*call(allow_clear=clear), Standing(assurance=assurance), stage.MEDIA):
        presenter.show(news)

    assert screen.getvalue().endswith(f"heard 250  {keys}\x1b[0m")


@every(
    ("width", "line"),
    [
        (80, " secure but not verified  0:05  sent 250 heard 250  [q]uit [s]how [v]erify"),
        (60, " secure but not verified  0:05  [q]uit [s]how [v]erify"),
        (54, " secure but not verified  [q]uit [s]how [v]erify"),
        (40, " secure but not verified  0:05"),
        (26, " secure but not verified"),
    ],
)
def test_the_line_at_the_bottom_leaves_out_what_does_not_fit(width: int, line: str) -> None:
    screen = Stream(terminal=True)
    presenter = Presenter(Terminal(out=screen, err=screen, width=width), ticking(), keys=True)
    for news in (*call(), stage.MEDIA):
        presenter.show(news)

    assert visible(screen.getvalue()).endswith(f"\r\x1b[K{line}")


def test_sound_that_was_heard_unprotected_counts_as_heard() -> None:
    counters = Counters(sent=9, received=9, verified=5, rejected=1, early=1)

    assert "sent 9 heard 7" in shown([*call(), Media(counters=counters, seconds=1.0)], terminal=True)


def test_a_wait_is_told_in_a_line_once_and_goes_on_in_the_line_at_the_bottom() -> None:
    script: list[News] = [
        Waiting(text="nobody answers yet"),
        Waiting(text="nobody answers yet", since=12.3, patience=60.0),
    ]

    assert shown(script) == "zrtp: nobody answers yet\n"
    assert visible(shown(script, terminal=True, keys=True)).endswith(
        "zrtp: nobody answers yet\n\r\x1b[K nobody answers yet  0:12 of 1:00  [q]uit"
    )


def test_silence_is_part_of_the_line_at_the_bottom() -> None:
    screen = shown([*call(), replace(stage.MEDIA, silent=True)], terminal=True)

    assert " secure but not verified, but nothing is heard  0:05" in screen


def test_a_key_of_somebody_else_is_never_green() -> None:
    *script, agreed = call(Continuity.CONTINUED, verified=True, peer_name="bob")
    assert isinstance(agreed, Agreed)
    script = [*script, replace(agreed, stranger_to="carol"), stage.MEDIA]
    screen = shown(script, terminal=True)

    assert "\x1b[1;33m SECURE, BUT NOT WITH carol - this is the key of bob\x1b[0m" in screen
    assert " secure, but not with carol  0:05" in screen
    assert "\x1b[32m" not in screen and "1;32m" not in screen
    renamed = shown([*script, Verified(ssrc=1, verified=True, peer_name="Carol"), stage.MEDIA], terminal=True)
    assert renamed.rpartition("secure, but not with carol")[2].count("secure and verified") == 1


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (b"B32E", "zrtp: words instead of pictures: the other side's software has no pictures\n"),
        (b"B32 ", "zrtp: words instead of letters: the other side's software has no letters\n"),
        (b"B256", ""),
    ],
)
def test_another_rendering_than_asked_for_is_explained(wanted: bytes, reason: str) -> None:
    *script, agreed = call()
    assert isinstance(agreed, Agreed)

    assert shown([*script, replace(agreed, sas_wanted=wanted)]) == text(FIRST_CALL) + reason


def test_the_keys_can_be_shown_again_before_and_after_the_call_is_secure() -> None:
    screen = Stream()
    presenter = Presenter(Terminal(out=screen, err=screen), ticking(), keys=True)
    presenter.show_keys()
    for news in call():
        presenter.show(news)
    presenter.show_keys()

    assert screen.getvalue().startswith("zrtp: keys:  [q]uit\n")
    assert screen.getvalue().endswith("zrtp: keys:  [q]uit [s]how [v]erify\n")


@pytest.mark.rfc("R-11-03")
def test_a_peer_that_may_hand_over_keys_is_reported() -> None:
    assert "warning: the other side's software says it may hand over keys" in shown(call(disclosure=True))


def test_a_wait_in_the_middle_of_a_line_starts_a_new_one() -> None:
    script: list[News] = [stage.CALLING, Waiting(text="nobody answers yet"), stage.PEER]

    assert visible(shown(script, terminal=True)) == text(
        """
        zrtp: calling 192.0.2.20:5004
        zrtp: looking for peer ...
        zrtp: nobody answers yet
        zrtp: looking for peer ... found
        """
    )


def test_no_key_is_ever_shown() -> None:
    assert stage.KEY[:8].decode() not in shown([*call(), stage.MEDIA, stage.ENDED], terminal=True)


def test_what_there_is_to_know_about_the_sound_is_a_line() -> None:
    assert shown([SoundNote(text="a test tone is sent")]) == "zrtp: a test tone is sent\n"


@every(
    ("level", "muted", "meter"),
    [
        (0, False, "[        ]"),
        (3, False, "[###     ]"),
        (8, False, "[########]"),
        (None, True, "muted"),
        (None, None, ""),
    ],
)
def test_the_line_at_the_bottom_shows_how_loud_it_is(level: int | None, muted: bool | None, meter: str) -> None:
    screen = Stream(terminal=True)
    presenter = Presenter(Terminal(out=screen, err=screen, width=120), ticking(), keys=True)
    for news in (*call(), Media(counters=Counters(), seconds=1.0, level=level, muted=muted)):
        presenter.show(news)
    line = visible(screen.getvalue())

    assert f"0:01{meter and '  ' + meter}  sent" in line
    assert ("[m]ute" in line) == (muted is not None)
