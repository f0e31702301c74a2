"""The inputs that fuzzing starts from: `vectors/corpora/<target>.txt`, one input in hexadecimal on each line.

    python -m tests.security.corpora          builds the files again, from the recordings in vectors/handshakes

Inputs of the codec are recorded datagrams, messages and decrypted parts. Those of the other targets are scripts: calls
that go well, and calls in which one thing happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.support.vectors import VECTORS

CORPORA = VECTORS / "corpora"

HEADER = "# Inputs for `python -m tests.security.fuzz {}`, in hexadecimal. Built by tests/security/corpora.py.\n"


def read(target: str) -> list[bytes]:
    """The corpus of a target."""
    lines = (CORPORA / f"{target}.txt").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]


def build(target: str) -> list[bytes]:
    """The corpus of a target from its sources."""
    inputs = {"codec": codec, "fragments": fragments, "engine": engine}[target]()
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


def path(target: str) -> Path:
    return CORPORA / f"{target}.txt"


def main() -> None:
    CORPORA.mkdir(exist_ok=True)
    for target in ("codec", "fragments", "engine"):
        inputs = build(target)
        path(target).write_text(HEADER.format(target) + "".join(f"{item.hex()}\n" for item in inputs))
        print(f"{target}: {len(inputs)} inputs, {path(target).stat().st_size} octets")


if __name__ == "__main__":
    main()
