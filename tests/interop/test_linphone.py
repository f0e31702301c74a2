"""Real calls with linphonec: it and we agree, show the same SAS, and hear each other's tone, in both directions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.interop.linphone import Linphonec, Settings
from tests.interop.matrix import Note
from tests.interop.requirements import LINPHONEC
from tests.interop.sip import Dialog, UserAgent, describe
from tests.interop.softphone import SENDER_REPORT, Line, SoftPhone
from tests.support import figures, tones
from zrtp.cache.memory import MemoryCache
from zrtp.media.demux import DatagramKind
from zrtp.protocol.config import Config
from zrtp.protocol.events import Continuity, Mode, NoPeer, Secured, SecurityWarning, WarningCode
from zrtp.protocol.states import State
from zrtp.wire.messages import Kind

pytestmark = [pytest.mark.usefixtures("linphonec_peer"), pytest.mark.long]

OUR_TONE, THEIR_TONE = 880, 440
OUR_PLAIN_TONE = 600
"""What we send before ZRTP, where that is part of the test."""

PATIENCE = 10.0
TALK = 1.0
SAMPLES_AT_THE_END = 4000
"""Half of the talk: what it recorded before the call was secure does not count."""

SUITES = {
    "its default": (Settings(), Config()),
    "X255": (Settings(key_agreements=["X255"]), Config()),
    "X448-S384-AES3-HS80-B256": (
        Settings(key_agreements=["X448"], hashes=["S384"], ciphers=["AES3"], auth_tags=["HS80"], sas_types=["B256"]),
        Config(key_agreements=(b"X448", b"DH3k", b"Mult"), sas_types=(b"B256", b"B32 ")),
    ),
    "DH2k": (Settings(key_agreements=["DH2K"]), Config(key_agreements=(b"DH2k", b"DH3k", b"Mult"))),
    "HS32": (
        Settings(key_agreements=["X255"], auth_tags=["HS32"]),
        Config(key_agreements=(b"X255", b"DH3k", b"Mult"), auth_tags=(b"HS32",), mandatory_always=False),
    ),
}

both_directions = pytest.mark.parametrize("caller", ["we call", "it calls"])


class Stage:
    """One linphonec, one SIP address of ours, and calls between the two."""

    def __init__(self, phone: Linphonec, agent: UserAgent) -> None:
        self.phone, self.agent = phone, agent

    def connect(self, ours: SoftPhone, caller: str = "we call", *, wrong_hash: bool = False) -> Dialog:
        """Set the call up; ZRTP is not started on our side."""
        offer = ours.offer()
        if wrong_hash:
            offer = [type(media)(media.kind, media.port, zrtp_hash="1.10 " + "0" * 64) for media in offer]
        sdp = describe(offer)
        if caller == "we call":
            self.phone.expect_call()
            dialog = self.agent.call(self.phone.uri, sdp)
        else:
            self.phone.call(self.agent.uri)
            dialog = self.agent.answer(lambda _: sdp)
        ours.connect(dialog.media)
        return dialog

    def hang_up(self, dialog: Dialog) -> None:
        assert self.agent.hang_up(dialog)
        assert self.phone.wait_for_end()


def agree(stage: Stage, ours: SoftPhone, note: Note) -> Secured:
    """Wait until the call is secure, and compare what both ends show."""
    assert ours.run(timeout=PATIENCE, until=ours.secure)
    assert ours.session.sas is not None
    ours.run(timeout=PATIENCE, until=lambda: stage.phone.wait_for_sas(timeout=0.0) is not None)  # it may ask once more
    assert stage.phone.wait_for_sas() == ours.session.sas.rendered
    for secured in ours.seen(Secured):
        note(LINPHONEC, secured)
    return ours.seen(Secured)[0]


def talk(stage: Stage, ours: SoftPhone, dialog: Dialog) -> None:
    """Each side hears the other's tone, and nothing but SRTP is taken once the call is secure."""
    ours.audio.heard.clear()
    verified = ours.audio.media.counters.verified
    ours.run(timeout=TALK)
    assert ours.audio.media.counters.verified >= verified + 40
    stage.hang_up(dialog)
    assert tones.hears(ours.audio.heard, THEIR_TONE)
    assert tones.hears(stage.phone.heard()[-SAMPLES_AT_THE_END:], OUR_TONE)


def reported(line: Line) -> bool:
    """Whether a sender report of theirs has arrived by SRTCP, and verified."""
    return any(report[1] == SENDER_REPORT for report in line.reports)


def their_reports(phone: Linphonec) -> int:
    """How many sender reports of ours it took since the call is secure; what does not verify never comes so far."""
    return phone.log.partition("media_stream_set_srtcp_send_key")[2].count("receiving RTCP SR")


@pytest.mark.interop("I-33")
@pytest.mark.interop("I-34")
@both_directions
@pytest.mark.parametrize("suite", SUITES)
def test_a_call_is_secure_and_both_hear_each_other(
    suite: str, caller: str, tmp_path: Path, note: Note, figure: figures.Note
) -> None:
    settings, config = SUITES[suite]
    with (
        Linphonec(tmp_path, settings, play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(config=config, cache=MemoryCache(), play=OUR_TONE, agent=agent) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours, caller)
        ours.start()
        secured = agree(stage, ours, note)
        assert secured.mode is Mode.DH
        assert ours.session.peer.bound_to_signalling
        figure(f"secure as {secured.role.value}", ours.seconds_to_secure, "s", target=2)
        assert ours.run(timeout=PATIENCE, until=lambda: reported(ours.audio) and their_reports(phone) > 1)
        talk(stage, ours, dialog)
        assert "srtp_unprotect() failed" not in phone.log
        assert ours.audio.arrived[DatagramKind.STUN] > 0


@both_directions
def test_a_call_that_loses_every_tenth_zrtp_datagram_is_secure(caller: str, tmp_path: Path, note: Note) -> None:
    settings, config = SUITES["X255"]
    with (
        Linphonec(tmp_path, settings, play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(config=config, cache=MemoryCache(), play=OUR_TONE, agent=agent, loss=0.1) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours, caller)
        ours.start()
        agree(stage, ours, note)
        talk(stage, ours, dialog)


def test_video_is_a_second_stream_by_multistream(tmp_path: Path, note: Note) -> None:
    with (
        Linphonec(tmp_path, Settings(video=True), play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(cache=MemoryCache(), play=OUR_TONE, agent=agent, video=True) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours)
        ours.start()
        agree(stage, ours, note)
        audio, video = ours.seen(Secured)
        assert (audio.mode, video.mode) == (Mode.DH, Mode.MULTISTREAM)
        assert (audio.ssrc, video.ssrc) == (ours.audio.ssrc, ours.video.ssrc)
        assert phone.wait_for_log("Initializing multistream")
        assert ours.run(timeout=PATIENCE, until=lambda: ours.video.media.counters.verified > 10)
        talk(stage, ours, dialog)


def test_the_second_call_is_verified_at_both_ends(tmp_path: Path, note: Note) -> None:
    cache = MemoryCache()
    with Linphonec(tmp_path, play=THEIR_TONE) as phone, UserAgent() as agent:
        stage = Stage(phone, agent)
        with SoftPhone(cache=cache, play=OUR_TONE, agent=agent) as ours:
            dialog = stage.connect(ours)
            ours.start()
            assert not agree(stage, ours, note).verified
            phone.sas_matched()
            ours.session.sas_matched("Bob")
            ours.run(timeout=0.3)
            stage.hang_up(dialog)
        with SoftPhone(cache=cache, play=OUR_TONE, agent=agent) as ours:
            dialog = stage.connect(ours, "it calls")
            ours.start()
            secured = agree(stage, ours, note)
            assert ours.session.continuity is Continuity.CONTINUED
            assert (secured.verified, secured.peer_name) == (True, "Bob")
            assert phone.previously_verified == [False, True]
            talk(stage, ours, dialog)


def test_spoiled_secrets_at_its_end_are_a_mismatch_at_both_ends(tmp_path: Path, note: Note) -> None:
    cache = MemoryCache()
    with Linphonec(tmp_path, play=THEIR_TONE) as phone, UserAgent() as agent:
        stage = Stage(phone, agent)
        with SoftPhone(cache=cache, play=OUR_TONE, agent=agent) as ours:
            dialog = stage.connect(ours)
            ours.start()
            agree(stage, ours, note)
            assert ours.run(timeout=PATIENCE, until=lambda: ours.audio.media.counters.verified > 0)
            stage.hang_up(dialog)
        phone.spoil_retained_secrets()
        with SoftPhone(cache=cache, play=OUR_TONE, agent=agent) as ours:
            dialog = stage.connect(ours)
            ours.start()
            agree(stage, ours, note)
            assert ours.session.continuity is Continuity.MISMATCH
            assert WarningCode.CACHE_MISMATCH in [warning.code for warning in ours.seen(SecurityWarning)]
            assert phone.cache_mismatch
            stage.hang_up(dialog)


@pytest.mark.interop("I-29")
@both_directions
def test_a_late_hello_still_leads_to_a_secure_call(caller: str, tmp_path: Path, note: Note) -> None:
    """Its own Hellos end after 3.9 s; ours begins later, after nothing at all from us."""
    with (
        Linphonec(tmp_path, play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(cache=MemoryCache(), agent=agent) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours, caller)
        ours.run(timeout=4.5)
        assert ours.audio.arrived[DatagramKind.ZRTP] >= 15
        assert not ours.audio.sent_messages
        ours.play(OUR_TONE)
        ours.start()
        agree(stage, ours, note)
        talk(stage, ours, dialog)


@both_directions
def test_zrtp_may_begin_after_media_has_flowed(caller: str, tmp_path: Path, note: Note) -> None:
    with (
        Linphonec(tmp_path, play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(cache=MemoryCache(), play=OUR_PLAIN_TONE, agent=agent) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours, caller)
        ours.run(timeout=1.0)
        assert tones.hears(ours.audio.heard, THEIR_TONE)
        assert ours.audio.media.counters.verified == 0
        ours.play(OUR_TONE)
        ours.start()
        agree(stage, ours, note)
        talk(stage, ours, dialog)


def test_a_hello_that_is_not_the_announced_one_leaves_the_call_unencrypted(tmp_path: Path) -> None:
    """It drops our Hello without a word; we say so after the deadline, and send nothing in clear by ourselves."""
    config = Config(discovery_deadline_extended=3.0)
    with (
        Linphonec(tmp_path, play=THEIR_TONE) as phone,
        UserAgent() as agent,
        SoftPhone(config=config, cache=MemoryCache(), play=OUR_TONE, agent=agent, best_effort=False) as ours,
    ):
        stage = Stage(phone, agent)
        dialog = stage.connect(ours, wrong_hash=True)
        ours.start()
        assert ours.run(timeout=12, until=lambda: ours.audio.media.stream.state is State.QUIET)
        (event,) = ours.seen(NoPeer)
        assert re.fullmatch(r"[A-Z].* not encrypted\.", event.text)
        assert Kind.COMMIT not in ours.audio.sent_messages
        assert ours.audio.media.counters.sent == 0
        stage.hang_up(dialog)
