"""What each media packet costs: telling it from others, protecting it, verifying and decrypting it.

The packet is 20 ms of G.711: 172 octets. libsrtp, through `pylibsrtp` where that is installed, does the same in the
same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.measure import Times, measure
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.media import handover
from zrtp.media.demux import classify
from zrtp.media.rtp import Packetizer
from zrtp.media.srtp import srtp_pair
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret
from zrtp.system import system_random

PACKETS: Final = 1000
"""Packets in one repetition, each with its own sequence number."""

PAYLOAD: Final = bytes(160)
SSRC: Final = 0x1234ABCD
SUITES: Final = ((b"AES1", b"HS80"), (b"AES3", b"HS80"), (b"AES1", b"GCM "), (b"AES3", b"GCM "))


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketCost:
    """Seconds for one packet under one SRTP profile."""

    profile: str
    protect: Times
    unprotect: Times
    libsrtp: Times | None
    """Both together, by libsrtp; None without pylibsrtp, or if that does not have the profile."""

    @property
    def ratio(self) -> float | None:
        """Protect and unprotect together, in units of libsrtp."""
        if self.libsrtp is None:
            return None
        return (self.protect.cpu.low + self.unprotect.cpu.low) / self.libsrtp.cpu.low


def demultiplex(times: int) -> Times:
    """For one datagram: nine of ten are RTP, the others of the other protocols."""
    packet = _packets(1)[0]
    others = (b"\x10\0\0\1ZRTP" + bytes(20), b"\0\1\0\0" + bytes(20), b"\x80\xc8\0\6" + bytes(24), b"\x16" + bytes(40))
    datagrams = [others[number // 10 % 4] if number % 10 == 0 else packet for number in range(PACKETS)]

    def run() -> None:
        for datagram in datagrams:
            classify(datagram)

    return measure(run, times=times, calls=PACKETS)


def packet_cost(cipher: bytes, auth_tag: bytes, times: int) -> PacketCost:
    """For one packet, out and in."""
    ours, theirs = _keys(cipher, auth_tag), _keys(cipher, auth_tag)
    packets = _packets(PACKETS)

    def sender() -> Direction:
        return srtp_pair(ours, theirs)[0].protect

    def receiver() -> Direction:
        return srtp_pair(theirs, ours)[1].unprotect

    protect = sender()
    sealed = [protect(packet) for packet in packets]
    return PacketCost(
        profile=SrtpProfile.of(cipher, auth_tag).name,
        protect=_measure(sender, packets, times),
        unprotect=_measure(receiver, sealed, times),
        libsrtp=_libsrtp(ours, packets, times),
    )


Direction = Callable[[bytes], bytes]


def _measure(make: Callable[[], Direction], packets: list[bytes], times: int) -> Times:
    """Every repetition has a direction of its own, since no packet passes twice."""
    warm_up = 1
    directions = iter([make() for _ in range(warm_up + times)])

    def run() -> None:
        direction = next(directions)
        for packet in packets:
            direction(packet)

    return measure(run, times=times, warm_up=warm_up, calls=len(packets))


def _libsrtp(keys: SrtpKeys, packets: list[bytes], times: int) -> Times | None:
    try:
        policies = handover.libsrtp_policy(keys, sending=True), handover.libsrtp_policy(keys, sending=False)
    except (ApiMisuse, BackendUnavailable):
        return None
    from pylibsrtp import Session

    def there_and_back() -> Direction:
        protect, unprotect = (Session(policy=policy) for policy in policies)

        def both(packet: bytes) -> bytes:
            return unprotect.unprotect(protect.protect(packet))

        return both

    return _measure(there_and_back, packets, times)


def _packets(count: int) -> list[bytes]:
    packetizer = Packetizer(SSRC)
    return [packetizer.packet(PAYLOAD).encode() for _ in range(count)]


def _keys(cipher: bytes, auth_tag: bytes) -> SrtpKeys:
    profile = SrtpProfile.of(cipher, auth_tag)
    return SrtpKeys(
        cipher=cipher,
        auth_tag=auth_tag,
        key=Secret.random(profile.key_length, system_random),
        salt=Secret.random(profile.salt_length, system_random),
    )
