"""The linphonec driver itself: two softphones agree through it, and both call directions reach our port."""

from __future__ import annotations

import hashlib
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.linphone import Linphonec, Settings
from tests.interop.ports import LOOPBACK
from tests.interop.sip import CallRefused, Media, UserAgent, describe
from tests.support import tones

pytestmark = [pytest.mark.usefixtures("linphonec_peer"), pytest.mark.long]


@pytest.fixture
def media() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind((LOOPBACK, 0))
        yield port


def first_hello(port: socket.socket, timeout: float = 5.0) -> bytes:
    """The first Hello message that arrives, whatever else does."""
    end = time.monotonic() + timeout
    while select.select([port], [], [], max(0.0, end - time.monotonic()))[0]:
        data = port.recv(65536)
        if data[4:8] == b"ZRTP" and data[16:24] == b"Hello   ":
            return data[12:-4]
    raise AssertionError("no Hello arrived")


def test_two_softphones_agree_and_hear_each_other(tmp_path: Path) -> None:
    settings = Settings(key_agreements=["X255"], auth_tags=["HS80"], sas_types=["B256"])
    with (
        Linphonec(tmp_path / "alice", settings, play=440) as alice,
        Linphonec(tmp_path / "bob", settings, play=880) as bob,
    ):
        bob.expect_call()
        alice.call(bob.uri)
        sas = alice.wait_for_sas()
        assert sas
        assert ":" in sas
        assert bob.wait_for_sas() == sas
        time.sleep(1.5)
        assert alice.hang_up()
        assert bob.wait_for_end()
        assert alice.previously_verified == bob.previously_verified == [False]
    assert tones.hears(bob.heard(), 440)
    assert tones.hears(alice.heard(), 880)


def test_its_hello_arrives_when_we_call_it(tmp_path: Path, media: socket.socket) -> None:
    with Linphonec(tmp_path, play=440) as phone, UserAgent() as agent:
        dialog = agent.call(phone.uri, describe([Media("audio", media.getsockname()[1])]))
        assert first_hello(media)[:2] == b"\x50\x5a"
        assert agent.hang_up(dialog)


def test_its_hello_arrives_when_it_calls_us(tmp_path: Path, media: socket.socket) -> None:
    with Linphonec(tmp_path, play=440) as phone, UserAgent() as agent:
        phone.call(agent.uri)
        dialog = agent.answer(lambda offer: describe([Media("audio", media.getsockname()[1])]))
        (theirs,) = dialog.media
        assert theirs.zrtp_hash == "1.10 " + hashlib.sha256(first_hello(media)).hexdigest()
        phone.hang_up()
        agent.poll(1)
        assert dialog.ended


def test_a_profile_it_does_not_take_is_refused(tmp_path: Path) -> None:
    with Linphonec(tmp_path) as phone, UserAgent() as agent, pytest.raises(CallRefused):
        agent.call(phone.uri, describe([Media("audio", 40000, profile="RTP/SAVP")]))
