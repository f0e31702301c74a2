"""The inputs that fuzzing starts from: `vectors/corpora/<target>.txt`, one input in hexadecimal on each line.

    python -m tests.security.corpora          builds the files again, from the recordings in vectors/handshakes

Inputs of the codec are recorded datagrams, messages and decrypted parts. Those of the other targets are scripts: calls
that go well, and calls in which one thing happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.support import frames
from tests.support.vectors import VECTORS

CORPORA = VECTORS / "corpora"

HEADER = "# Inputs for `python -m tests.security.fuzz {}`, in hexadecimal. Built by tests/security/corpora.py.\n"


def read(target: str) -> list[bytes]:
    """The corpus of a target."""
    lines = (CORPORA / f"{target}.txt").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]


def build(target: str) -> list[bytes]:
    """The corpus of a target from its sources."""
    sources = {"codec": codec, "fragments": fragments, "engine": engine, "inspection": inspection, "reach": reach}
    inputs = sources[target]()
    return sorted(dict.fromkeys(inputs), key=lambda item: (len(item), item))


def codec() -> Iterator[bytes]:
    """One recorded message of each type and length, and what Confirms held."""
    seen: set[tuple[bytes, int]] = set()
    for path in sorted((VECTORS / "handshakes").glob("*.json")):
        recording = json.loads(path.read_text())
        datagrams = [bytes.fromhex(packet["data"]) for packet in recording.get("packets") or ()]
        messages = [bytes.fromhex(message) for message in recording["messages"].values() if message]
        plains = [bytes.fromhex(recording["expect"][name] or "") for name in ("confirm1_plain", "confirm2_plain")]
        for octets in (*datagrams, *messages, *plains):
            key = (octets[16:24] if octets[4:8] == b"ZRTP" else octets[4:12], len(octets))
            if octets and key not in seen and not (octets in plains and (b"plain", len(octets)) in seen):
                seen |= {key} if octets not in plains else {(b"plain", len(octets))}
                yield octets


def fragments() -> Iterator[bytes]:
    """Messages in parts: in order, backwards, twice, interleaved, overlapping, out of bounds, too late."""

    def part(message_id: int, total: int, offset: int, count: int, fill: int = 7, wait: int = 0) -> bytes:
        return bytes([message_id, total, offset, count, fill, wait])

    pieces = [part(1, 40, start, 10, start) for start in (0, 10, 20, 30)]
    limit = b"\x40"
    yield limit + b"".join(pieces)
    yield limit + b"".join(reversed(pieces))
    yield limit + b"".join(piece * 2 for piece in pieces)
    yield limit + b"".join(pieces[:2]) + part(2, 20, 0, 20) + b"".join(pieces[2:])
    yield limit + b"".join(pieces[:3]) + part(1, 40, 25, 10) + pieces[3]
    yield limit + pieces[0] + part(1, 41, 10, 10) + part(1, 40, 35, 10) + part(0, 40, 0, 10) + part(1, 40, 0, 0)
    yield limit + b"".join(pieces[:3]) + part(1, 40, 30, 10, 7, 255) + part(1, 40, 30, 10, 7, 255)
    yield limit + part(5, 200, 0, 10) + part(4, 10, 0, 10) + part(250, 10, 0, 10)


def engine() -> Iterator[bytes]:
    """Calls that go well from every stage, and calls in which one thing happens to one message."""
    from tests.security.fuzz_engine import all_stages  # atheris has to see the package imported, and not by us

    stages, deliver = len(all_stages()), b"\x00" * 12 + b"\x09\x02\x09\x03" + b"\x00" * 12
    for stage in range(stages):
        start = bytes([stage])
        yield start + deliver
        yield start + b"\x06\x00\x00\x20\x01" + deliver
        yield start + b"\x05\x00" + b"\x09\x00\x09\x01" * 4 + deliver
    for stage in range(0, stages, 4):
        start = bytes([stage])
        yield start + b"\x04\x00\x04\x00" + b"\x0c\x00\x00\x0c\x01\x00" + deliver
        yield start + b"\x08\x00\x01" + b"\x08\x00\x0f" + deliver
        for action in range(11):
            yield start + deliver[:6] + bytes([0x0B, action * 2]) + deliver
        for sample in range(16):
            yield start + bytes([0x0D, sample & 1, sample, 0, 40, 1]) + deliver[:8]
        yield start + b"\x0e\x00\x0f" + b"\x50\x5a\x00\x0fHello   1.10" + b"\x0f\x02\x01\x00\x00\x08" + deliver


def inspection() -> Iterator[bytes]:
    """The beginnings of recorded captures, and scripts of calls with every kind of keys."""
    captures = VECTORS / "captures"
    yield (captures / "synthetic_tshark_types.pcap").read_bytes()
    for name in ("lp_default", "dtls_srtp", "y_lz_to_gz"):
        yield (captures / f"{name}.pcap").read_bytes()[:6000]
    yield (
        frames.section()
        + frames.interface()
        + frames.enhanced(frames.ethernet(bytes(60)), 7)
        + frames.block(3, bytes(9))
    )
    key = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "QUJD" * 10
    alice, bob = ("192.0.2.10", 40000), ("192.0.2.20", 50000)
    for attributes in ([key], ["zrtp-hash:1.10 " + "ab" * 32], ["fingerprint:sha-256 AB:CD", "rtcp:40001"]):
        invite = frames.sip_request("INVITE", frames.sdp(alice, *attributes))
        answer = frames.sip_response("200 OK", frames.sdp(bob, *attributes))
        for how in (4, 6):
            yield (
                _record(how, invite)
                + _record(how + 1, answer)
                + b"".join(_record(2 + number % 2, frames.rtp(number // 2, bytes(40))) for number in range(30))
            )
    for name in ("linphone_default", "linphone_video_s1", "bzrtp_k255_s256_aes1_hs80_initiator"):
        found = json.loads((VECTORS / "handshakes" / f"{name}.json").read_text())["messages"]
        order = ("hello_i", "hello_r", "commit_lost", "commit", "dhpart1", "dhpart2", "confirm1", "confirm2")
        by_responder = ("hello_r", "commit_lost", "dhpart1", "confirm1")
        yield b"".join(_record(each in by_responder, bytes.fromhex(found[each])) for each in order if found.get(each))
    fragmented = frames.ip(alice[0], bob[0], 17, bytes(64), fragment=0x2000)
    yield _record(8, frames.ethernet(fragmented)) + _record(8, frames.ethernet(bytes([0x60]) + bytes(60), 1))


def reach() -> Iterator[bytes]:
    """Descriptions, what a mailbox server says, both sides' messages, answers of routers, datagrams, codes."""
    head, home = b"\x10" + bytes(48), bytes.fromhex("04c0a8010ac350")
    yield _record(
        0, head + home + bytes.fromhex("14c6336402c350") + bytes.fromhex("06" + "20010db8" + 12 * "00" + "c350")
    )
    yield _record(0, b"\x11" + bytes(48) + 8 * home) + _record(0, b"zrtp:EAABAgME")
    for text in (
        '{"type": "welcome", "welcome": {"permission-required": {"none": {}}, "motd": "hello"}}',
        '{"type": "message", "side": "a1", "phase": "pake", "body": "53ff"}',
        '{"type": "error", "error": "crowded", "orig": {"type": "claim"}}',
        "[" * 40,
    ):
        yield _record(1, text.encode())
    yield _record(2, b"\1\0S" + b"\x58" + 31 * b"\x66") + _record(2, b"\1\1" + bytes(40)) + _record(2, b"\2\0S")
    yield _record(2, b"\0\0S" + bytes(32)) + _record(2, b"\2\1") + _record(2, b"\1\0" + bytes(33))
    yield _record(3, bytes.fromhex("02810000 00001c20") + bytes(36) + bytes.fromhex("138c138c") + bytes(12))
    yield _record(3, bytes.fromhex("0081000000000000138c138c00001c20")) + _record(
        3, bytes.fromhex("008000000000000001020304")
    )
    binding = bytes.fromhex("000100002112a442") + bytes(12)
    yield _record(4, binding) + _record(4, binding[:3] + b"\x08" + binding[4:] + bytes.fromhex("0024000200000000"))
    yield _record(4, b"zrtpend\1" + bytes(16))
    yield _record(5, b"7-virus-revival") + _record(5, b"7-virus-revivel") + _record(5, "\u0667 Virus".encode())


def _record(what: int, octets: bytes) -> bytes:
    """One record of the scripts in `fuzz_inspection` and `fuzz_reach`."""
    return bytes([what]) + len(octets).to_bytes(2, "big") + octets


def path(target: str) -> Path:
    return CORPORA / f"{target}.txt"


def main() -> None:
    CORPORA.mkdir(exist_ok=True)
    for target in ("codec", "fragments", "engine", "inspection", "reach"):
        inputs = build(target)
        path(target).write_text(HEADER.format(target) + "".join(f"{item.hex()}\n" for item in inputs))
        print(f"{target}: {len(inputs)} inputs, {path(target).stat().st_size} octets")


if __name__ == "__main__":
    main()
