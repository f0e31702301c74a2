"""Capture files of made-up calls: who sends what to whom, over which signalling."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.support.frames import ALICE, BOB, ethernet, pcap, rtp, sdp, sip_request, sip_response, udp
from tests.support.pcap import CAPTURES
from tests.support.pcmu import encode
from tests.support.speech import speech
from zrtp.inspection.evidence import Judgement
from zrtp.inspection.keys import KeyFile
from zrtp.inspection.report import Report, StreamReport, inspect
from zrtp.media.sdp import parse_crypto
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.sender import SrtpSender
from zrtp.wire.packet import encode_packet

PHONE, SERVER, OTHER = ("192.0.2.10", 5060), ("192.0.2.1", 5060), ("192.0.2.20", 5060)
KEY = "1 AES_CM_128_HMAC_SHA1_80 inline:KA9q3+UjARe7LznF6eeGqijpCmZgh7ojrGsKef0E"
OTHER_KEY = "1 AES_CM_128_HMAC_SHA1_80 inline:QqDSM0voFS6uEUM8Q8+rqYkihPS/QjBpLxjDEL5D"

Address = tuple[str, int]
Sent = tuple[Address, Address, bytes]


def lp_default() -> Path:
    return CAPTURES / "lp_default.pcap"


def signalling(
    offer: Sequence[str] = (),
    answer: Sequence[str] = (),
    *,
    protocol: str = "RTP/AVP",
    extra: Sequence[str] = (),
    ends: tuple[Address, Address] = (ALICE, BOB),
) -> list[Sent]:
    """An INVITE and its answer, straight from phone to phone."""
    invite = sip_request("INVITE", sdp(ends[0], *offer, protocol=protocol), extra=extra)
    return [
        (PHONE, OTHER, invite),
        (OTHER, PHONE, sip_response("200 OK", sdp(ends[1], *answer, protocol=protocol))),
    ]


def sound(packets: int = 40) -> list[bytes]:
    """Speech in G.711, 20 ms each."""
    octets = encode(speech(packets / 50))
    return [octets[160 * number : 160 * number + 160] for number in range(packets)]


def both_ways(payloads: Iterable[tuple[bytes, bytes]], ends: tuple[Address, Address] = (ALICE, BOB)) -> list[Sent]:
    """What each end sends to the other one."""
    sent: list[Sent] = []
    for one, other in payloads:
        sent += [(ends[0], ends[1], one), (ends[1], ends[0], other)]
    return sent


def in_clear(packets: int = 40) -> list[Sent]:
    return both_ways((rtp(n, payload, ssrc=1), rtp(n, payload, ssrc=2)) for n, payload in enumerate(sound(packets)))


def encrypted(packets: int = 40, keys: tuple[str, str] = (KEY, OTHER_KEY)) -> list[Sent]:
    """The same under keys of SDP."""
    one, other = map(_sender, keys)
    return both_ways(
        (one.protect(rtp(n, payload, ssrc=1)), other.protect(rtp(n, payload, ssrc=2)))
        for n, payload in enumerate(sound(packets))
    )


def noise(packets: int = 40, ends: tuple[Address, Address] = (ALICE, BOB)) -> list[Sent]:
    """RTP with random payload: what media under unknown keys looks like."""
    dice = random.Random(5)
    return both_ways(
        ((rtp(n, dice.randbytes(170), ssrc=1), rtp(n, dice.randbytes(170), ssrc=2)) for n in range(packets)), ends
    )


def zrtp(messages: Iterable[tuple[int, bytes]], ends: tuple[Address, Address] = (ALICE, BOB)) -> list[Sent]:
    """ZRTP messages, each by the side that it names."""
    sequences = [1, 1]
    sent = []
    for side, message in messages:
        sent.append((ends[side], ends[1 - side], encode_packet(sequences[side], side + 1, message)))
        sequences[side] += 1
    return sent


def write(path: Path, sent: Iterable[Sent], began: float = 1_790_000_000.0) -> Path:
    """The packets as a file, one every 10 ms."""
    frames = [(began + number / 100, ethernet(udp(*each))) for number, each in enumerate(sent)]
    path.write_bytes(pcap(frames))
    return path


def report_of(folder: Path, sent: Iterable[Sent], keys: KeyFile | None = None) -> Report:
    return inspect(write(folder / "call.pcap", sent), keys)


def stream_of(folder: Path, sent: Iterable[Sent], keys: KeyFile | None = None) -> StreamReport:
    """The only stream of a call."""
    (stream,) = report_of(folder, sent, keys).streams
    return stream


def reasons_of(report: StreamReport) -> str:
    """What the verdict on a stream rests on, in one text."""
    return " ".join(report.judgement.reasons)


def remarks_of(judgement: Judgement) -> str:
    """What is odd about a stream apart from its messages, in one text."""
    return " ".join(each.text for each in judgement.findings)


def _sender(line: str) -> SrtpSender:
    key = parse_crypto(line)
    assert key is not None
    return SrtpSender(SrtpProfile.of(b"AES1", b"HS80"), key.key, key.salt)
