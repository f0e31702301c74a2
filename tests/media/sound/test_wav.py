"""Every kind of WAV file that people have, written by hand here, and every way in which one can be broken."""

from __future__ import annotations

import math
import os
import struct
import tracemalloc
import wave
from array import array
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.cases import every
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.wav import WavReader

SAMPLES = [0, 1000, -1000, 32767, -32768, 5]

PCM, FLOAT, MU_LAW, EXTENSIBLE = 1, 3, 7, 0xFFFE


def wav(tag: int, bits: int, body: bytes, *, channels: int = 1, rate: int = 8000, size: int | None = None) -> bytes:
    """A file; tag EXTENSIBLE with PCM inside needs `extensible`."""
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    return riff(fmt, body, size)


def extensible(tag: int, bits: int, body: bytes) -> bytes:
    fmt = struct.pack("<HHIIHH", EXTENSIBLE, 1, 8000, 1000 * bits, bits // 8, bits)
    sub_format = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return riff(fmt + struct.pack("<HHI", 22, bits, 0) + sub_format, body)


def riff(fmt: bytes, body: bytes, size: int | None = None) -> bytes:
    chunks = b"JUNK\x03\0\0\0abc\0" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    data = b"data" + struct.pack("<I", len(body) if size is None else size) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(data)) + b"WAVE" + chunks + data


def of_16(samples: Iterable[int]) -> bytes:
    return b"".join(struct.pack("<h", sample) for sample in samples)


def of_24(samples: Iterable[int]) -> bytes:
    return b"".join(b"\x7f" + struct.pack("<h", sample) for sample in samples)


def of_32(samples: Iterable[int]) -> bytes:
    return b"".join(b"\x7f\x7f" + struct.pack("<h", sample) for sample in samples)


def read(path: Path, octets: bytes) -> list[int]:
    path.write_bytes(octets)
    reader = WavReader(path)
    try:
        return reader.read(2).tolist() + reader.read(10_000).tolist() + reader.read(1).tolist()
    finally:
        reader.close()


@every(
    "octets",
    [
        pytest.param(wav(PCM, 16, of_16(SAMPLES)), id="16 bits"),
        pytest.param(wav(PCM, 24, of_24(SAMPLES)), id="24 bits"),
        pytest.param(wav(PCM, 32, of_32(SAMPLES)), id="32 bits"),
        pytest.param(extensible(PCM, 16, of_16(SAMPLES)), id="extensible, 16 bits"),
        pytest.param(extensible(PCM, 24, of_24(SAMPLES)), id="extensible, 24 bits"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), size=0), id="size not filled in"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), size=0xFFFFFFFF), id="size unknown"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), size=2000), id="shorter than it says"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES) + b"LIST", size=12), id="something behind the sound"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES) + b"\x01"), id="half a sample at the end"),
    ],
)
def test_integer_samples_keep_their_upper_16_bits(tmp_path: Path, octets: bytes) -> None:
    assert read(tmp_path / "a.wav", octets) == SAMPLES


@every("octets", [pytest.param(b"", id="no samples"), pytest.param(b"\x01", id="half a sample")])
def test_a_file_without_sound_says_so(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(AudioError, match=r"a\.wav holds no sound"):
        read(tmp_path / "a.wav", wav(PCM, 16, octets))


def test_eight_bits_become_sixteen(tmp_path: Path) -> None:
    assert read(tmp_path / "a.wav", wav(PCM, 8, bytes([0, 128, 255]))) == [-32768, 0, 32512]


def test_mu_law_is_decoded(tmp_path: Path) -> None:
    assert read(tmp_path / "a.wav", wav(MU_LAW, 8, bytes([0xFF, 0x80, 0x00]))) == [0, 32124, -32124]


@every("code", ["f", "d"])
def test_floating_point_is_clipped_at_full_scale(tmp_path: Path, code: str) -> None:
    values = [0.0, 0.5, -0.5, 1.0, -1.0, 7.0, math.nan, -math.inf]
    body = struct.pack(f"<{len(values)}{code}", *values)
    wanted = [0, 16384, -16384, 32767, -32767, 32767, 0, -32767]

    assert read(tmp_path / "a.wav", wav(FLOAT, 8 * struct.calcsize(code), body)) == wanted
    assert read(tmp_path / "b.wav", extensible(FLOAT, 8 * struct.calcsize(code), body)) == wanted


def test_channels_are_mixed(tmp_path: Path) -> None:
    assert read(tmp_path / "a.wav", wav(PCM, 16, of_16([1000, 3000] * 3), channels=2)) == [2000] * 3


def test_what_the_standard_library_writes_is_read(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 2, 44100, 0, "NONE", ""))
        out.writeframes(array("h", SAMPLES).tobytes())
    reader = WavReader(tmp_path / "a.wav")

    assert (reader.rate, reader.read(100).tolist()) == (44100, SAMPLES)
    reader.close()


GOOD = wav(PCM, 16, of_16(SAMPLES))


@every(
    "octets",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"ID3\x03 this is an mp3", id="another format"),
        pytest.param(GOOD[:30], id="cut in the format"),
        pytest.param(GOOD[:12], id="no chunks"),
        pytest.param(GOOD.replace(b"data", b"blah"), id="no data"),
        pytest.param(GOOD.replace(b"fmt ", b"blah"), id="no format"),
        pytest.param(wav(2, 4, b"adpcm" * 20), id="compressed"),
        pytest.param(wav(PCM, 12, b"twelve bits "), id="odd width"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), rate=0), id="no rate"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), rate=10**6), id="impossible rate"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), channels=0), id="no channels"),
        pytest.param(wav(PCM, 16, of_16(SAMPLES), channels=65), id="too many channels"),
    ],
)
def test_a_file_that_is_no_wav_file_says_how_to_convert_it(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(AudioError, match="not a WAV file with plain samples; convert it, for example with: ffmpeg"):
        read(tmp_path / "a.wav", octets)


def test_a_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be read: Is a directory"):
        WavReader(tmp_path)


def test_half_an_hour_starts_at_once_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    size = 1800 * 48000 * 4
    path.write_bytes(wav(PCM, 16, b"", channels=2, rate=48000, size=size))
    os.truncate(path, path.stat().st_size + size)

    tracemalloc.start()
    reader = WavReader(path)
    for _ in range(50):
        assert len(reader.read(960)) == 960
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    reader.close()

    assert peak < 200_000


def test_a_file_that_cannot_be_read_any_more_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unplugged:
        def read(self, count: int) -> bytes:
            raise OSError(5, "Input/output error")

    (tmp_path / "a.wav").write_bytes(wav(PCM, 16, of_16(SAMPLES)))
    reader = WavReader(tmp_path / "a.wav")
    reader.close()
    monkeypatch.setattr(reader, "_file", Unplugged())

    with pytest.raises(AudioError, match=r"a\.wav cannot be read: Input/output error\.$"):
        reader.read(100)
