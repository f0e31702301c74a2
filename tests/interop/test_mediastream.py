"""The question that ZRTP answers: how do both ends get the same SRTP master key, with no server choosing it?

Two of our endpoints agree by ZRTP. One of them then hands its keys to a program that knows nothing of ZRTP and only
takes keys, and the other exchanges audio with that program under its own copy of them.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.matrix import Note
from tests.interop.mediastream import MasterKey, mediastream
from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.requirements import MEDIASTREAM
from tests.support import pcmu, tones
from tests.support.pair import Pair, Side
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtp import FRAME_SAMPLES, FRAME_SECONDS, Packetizer, RtpPacket
from zrtp.media.srtp import SrtpReceiver, SrtpSender, srtp_pair
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role, Secured, SrtpKeys

pytestmark = [pytest.mark.usefixtures("mediastream_peer"), pytest.mark.long]

OUR_TONE, THEIR_TONE = 880, 440
SECONDS = 1.5

# mediastream knows this one profile: AES_CM_128_HMAC_SHA1_80.
CONFIG = Config(ciphers=(b"AES1",), auth_tags=(b"HS80",))


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((LOOPBACK, free_udp_ports(2)))
        yield opened


def agree(seed: int, alice_is: Role = Role.INITIATOR) -> tuple[Side, Side]:
    """Both ends of a ZRTP call that is secure: Alice and Bob."""
    waits = replace(CONFIG, passive=True)
    configs = (CONFIG, waits) if alice_is is Role.INITIATOR else (waits, CONFIG)
    pair = Pair(*configs, seed=seed).run()
    assert pair.secure
    assert pair.alice.stream.role is alice_is
    return pair.sides


def master_key(keys: SrtpKeys) -> MasterKey:
    return MasterKey(bytes(keys.key.octets), bytes(keys.salt.octets))


def talk(
    port: socket.socket, remote: tuple[str, int], sender: SrtpSender, receiver: SrtpReceiver
) -> tuple[list[int], int]:
    """Send a tone by SRTP for a while; what was heard meanwhile, and how many SRTP packets it came in."""
    packetizer = Packetizer(0x0A0A0A01)
    tone = tones.sine(OUR_TONE, SECONDS)
    heard: list[int] = []
    packets = 0
    start = time.monotonic()
    for at in range(0, len(tone), FRAME_SAMPLES):
        port.sendto(sender.protect(packetizer.packet(pcmu.encode(tone[at : at + FRAME_SAMPLES])).encode()), remote)
        due = start + at / FRAME_SAMPLES * FRAME_SECONDS
        while select.select([port], [], [], max(0.0, due - time.monotonic()))[0]:
            datagram = port.recv(65536)
            if classify(datagram) is DatagramKind.RTP:
                heard += pcmu.decode(RtpPacket.decode(receiver.unprotect(datagram)).payload)
                packets += 1
    return heard, packets


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
def test_the_key_that_both_ends_agreed_on_works_in_a_program_that_only_takes_keys(
    role: Role, tmp_path: Path, port: socket.socket, note: Note
) -> None:
    sides = agree(1, role)
    alice, bob = (side.keys() for side in sides)
    sender, receiver = srtp_pair(bob.send, bob.receive)
    with mediastream(
        tmp_path,
        hertz=THEIR_TONE,
        remote_port=port.getsockname()[1],
        send=master_key(alice.send),
        receive=master_key(alice.receive),
    ) as theirs:
        heard, packets = talk(port, (LOOPBACK, theirs.port), sender, receiver)
    assert packets > 40
    assert receiver.refused == 0
    assert tones.hears(heard, THEIR_TONE)
    assert tones.hears(theirs.heard(), OUR_TONE)
    (secured,) = sides[0].seen(Secured)
    note(MEDIASTREAM, secured, "takes the keys")


def test_the_key_of_another_call_does_not_work(tmp_path: Path, port: socket.socket) -> None:
    alice, bob = agree(1)[0].keys(), agree(2)[1].keys()
    sender, _ = srtp_pair(bob.send, bob.receive)
    _, receiver = srtp_pair(alice.receive, alice.send)
    with mediastream(
        tmp_path,
        hertz=THEIR_TONE,
        remote_port=port.getsockname()[1],
        send=master_key(alice.send),
        receive=master_key(alice.receive),
    ) as theirs:
        talk(port, (LOOPBACK, theirs.port), sender, receiver)
    assert tones.pitch(theirs.heard()) is None


def test_alice_and_bob_have_each_others_keys() -> None:
    alice, bob = (side.keys() for side in agree(3))
    assert master_key(alice.send) == master_key(bob.receive)
    assert master_key(alice.receive) == master_key(bob.send)
    assert master_key(alice.send) != master_key(alice.receive)
