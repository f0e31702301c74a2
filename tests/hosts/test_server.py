"""Calls of ours with linphonec through a real SIP server with a media relay, Kamailio and rtpengine."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts.account import Account, Dialog
from tests.interop.linphone import Linphonec, Settings
from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.requirements import LINPHONEC
from tests.interop.sip import describe
from tests.interop.softphone import SoftPhone
from tests.proxy.real.bed import KAMAILIO, RTPENGINE, Bed, wait_until
from tests.support import tones
from zrtp.protocol.config import Config

pytestmark = pytest.mark.long

OURS, THEIRS = 880, 440
TALK = 1.5
NUMBERS = itertools.count(1)
CONFIG = Config(key_agreements=(b"X255", b"DH3k", b"Mult"))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    for peer in (KAMAILIO, RTPENGINE, LINPHONEC):
        peer.require()
    with Bed(tmp_path_factory.mktemp("server")) as running:
        yield running


def linphonec(bed: Bed, folder: Path, name: str, *, answers: bool = True) -> Linphonec:
    """A phone with an account; without `answers` it rings, with early media."""
    server = f"{bed.domain}:{bed.port}"
    more: dict[str, dict[str, object]] = {
        "sip": {"default_proxy": 0, "incoming_calls_early_media": int(not answers)},
        "proxy_0": {
            "reg_proxy": f"<sip:{server}>",
            "reg_route": f"<sip:{server};lr>",
            "reg_identity": f"sip:{name}@{bed.domain}",
            "reg_sendregister": 1,
            "publish": 0,
        },
        "auth_info_0": {"username": name, "passwd": f"{name}-secret", "realm": bed.domain},
    }
    settings = Settings(key_agreements=["X255"], mandatory=True, more=more)
    return Linphonec(folder, settings, play=THEIRS, answers=answers)


def wait_for_registration(bed: Bed, name: str) -> None:
    proof = re.compile(rf'REGISTER [^\n]*\n.{{0,2000}}?Authorization:[^\n]*username="{name}"', re.DOTALL)
    wait_until(lambda: proof.search(bed.logs()), "linphonec does not register")


@dataclass
class Stage:
    account: Account
    phone: Linphonec
    ours: SoftPhone
    bed: Bed
    theirs: str
    """The name under which linphonec is called."""

    def begin(self, dialog: Dialog) -> None:
        """The SDP of the other side is there."""
        assert dialog.media[0].address == self.bed.domain, "all media goes through the relay"
        assert dialog.media[0].zrtp_hash, "the server passes it on"
        self.ours.connect(dialog.media)
        self.ours.start()

    def agree(self) -> None:
        assert self.ours.run(timeout=10, until=self.ours.secure)
        assert self.ours.session.sas is not None
        assert self.phone.wait_for_sas() == self.ours.session.sas.rendered
        assert self.ours.session.peer.bound_to_signalling

    def hear(self) -> None:
        """Their tone is heard here, from now on."""
        self.ours.audio.heard.clear()
        self.ours.run(timeout=TALK)
        assert tones.hears(self.ours.audio.heard, THEIRS)

    def end(self, dialog: Dialog) -> None:
        """Ours was heard there until the end."""
        self.account.hang_up(dialog)
        assert self.phone.wait_for_end()
        assert tones.hears(self.phone.heard()[-8000:], OURS)
        assert self.ours.audio.media.counters.rejected == 0


@contextmanager
def registered(bed: Bed, folder: Path, *, tcp: bool = False, answers: bool = True) -> Iterator[Stage]:
    """One phone is linphonec, the other one is ours; both have registered, under names that are used once."""
    number = next(NUMBERS)
    theirs = f"bob{number}"
    with (
        Account(f"alice{number}", (bed.domain, bed.port), tcp=tcp) as account,
        linphonec(bed, folder, theirs, answers=answers) as phone,
        SoftPhone(config=CONFIG, play=OURS, agent=account) as ours,
    ):
        account.register()
        wait_for_registration(bed, theirs)
        yield Stage(account, phone, ours, bed, theirs)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("caller", ["we call", "they call"])
def test_a_call_is_secure_and_both_hear_each_other(caller: str, transport: str, bed: Bed, tmp_path: Path) -> None:
    with registered(bed, tmp_path, tcp=transport == "TCP") as stage:
        sdp = describe(stage.ours.offer())
        if caller == "we call":
            stage.phone.expect_call()
            dialog = stage.account.call(stage.theirs, sdp)
        else:
            stage.phone.call(stage.account.uri)
            dialog = stage.account.answer(lambda _: sdp)
        stage.begin(dialog)
        stage.agree()
        stage.hear()
        stage.end(dialog)


def test_hold_resume_and_another_port_of_ours_keep_the_keys_and_the_sound(bed: Bed, tmp_path: Path) -> None:
    with registered(bed, tmp_path) as stage:
        stage.phone.expect_call()
        dialog = stage.account.call(stage.theirs, describe(stage.ours.offer()))
        stage.begin(dialog)
        stage.agree()
        words = stage.ours.session.sas
        for command, direction, state in (("pause", "sendonly", "Paused"), ("resume", "sendrecv", "StreamsRunning")):
            begun = len(stage.phone.log)
            stage.phone.command(command, r"linphonec>")
            told = f"to LinphoneCall{state}\n"
            assert stage.ours.run(timeout=5, until=lambda: told in stage.phone.log[begun:])  # noqa: B023
            assert f"a={direction}" in dialog.remote_sdp
        stage.hear()

        moved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        moved.bind((LOOPBACK, free_udp_ports(2)))
        moved.setblocking(False)
        stage.ours.audio.port.close()
        stage.ours.audio.port = moved
        stage.account.change(dialog, describe(stage.ours.offer()))
        stage.ours.connect(dialog.media)
        stage.hear()
        assert stage.ours.session.sas == words
        stage.end(dialog)


def test_early_media_is_secure_before_anybody_picks_up(bed: Bed, tmp_path: Path) -> None:
    with registered(bed, tmp_path, answers=False) as stage:
        stage.phone.expect_call()
        dialog = stage.account.call(stage.theirs, describe(stage.ours.offer()), early=True)
        stage.begin(dialog)
        stage.agree()
        stage.phone.command("answer", r"linphonec>")
        stage.account.wait_for_answer(dialog)
        stage.ours.connect(dialog.media)
        stage.hear()
        stage.end(dialog)
