"""Recordings: packets put back in order, and the file that they go to."""

from __future__ import annotations

import os
import random
import stat
from array import array
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.cases import every
from tests.support.tones import read_wav
from zrtp.media.rtp import FRAME_SAMPLES, Packetizer, RtpPacket
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.recording import InOrder, WavRecorder

SSRC = 0x11223344


def zeros(length: int) -> bytes:
    return bytes(length)


def ones(length: int) -> bytes:
    return b"\xff" * length


def frames(count: int) -> list[bytes]:
    """Frames that can be told apart."""
    return [random.Random(index).randbytes(FRAME_SAMPLES) for index in range(count)]


def packets(count: int) -> list[RtpPacket]:
    packetizer = Packetizer(SSRC, random=zeros)
    return [packetizer.packet(frame) for frame in frames(count)]


def play(arrivals: Iterable[RtpPacket]) -> bytes:
    """What is recorded of packets that come every 20 ms."""
    recording = InOrder()
    heard = [recording.put(packet, number * 0.02) for number, packet in enumerate(arrivals)]
    return b"".join([*heard, recording.flush()])


def test_what_was_sent_is_what_is_played() -> None:
    assert play(packets(20)) == b"".join(frames(20))


@every("seed", range(10))
def test_packets_out_of_order_are_played_in_order(seed: int) -> None:
    shuffler = random.Random(seed)
    arrivals = sorted(packets(40), key=lambda packet: packet.sequence + shuffler.uniform(0, 4))

    assert play(arrivals) == b"".join(frames(40))


def test_the_very_first_packets_may_swap_too() -> None:
    first, second, *others = packets(10)

    assert play([second, first, *others]) == b"".join(frames(10))


def test_a_packet_that_comes_twice_is_played_once() -> None:
    sent = packets(12)

    assert play([packet for packet in sent for _ in range(2)]) == b"".join(frames(12))


def test_of_two_packets_with_one_number_the_first_counts() -> None:
    first, second, *others = packets(10)
    other = replace(second, payload=b"?" * 160)

    assert play([first, second, other, *others]) == b"".join(frames(10))


def test_a_lost_packet_is_silence_of_the_same_length() -> None:
    first, _, *others = packets(10)
    sound = frames(10)

    assert play([first, *others]) == sound[0] + b"\xff" * 160 + b"".join(sound[2:])


def test_a_packet_after_its_turn_is_dropped() -> None:
    first, second, *others = packets(20)
    sound = frames(20)

    assert play([first, *others, second]) == sound[0] + b"\xff" * 160 + b"".join(sound[2:])


def test_a_pause_of_the_sender_is_silence() -> None:
    packetizer, recording = Packetizer(SSRC, random=zeros), InOrder()
    out = recording.put(packetizer.packet(b"a" * 160), 0.0)
    packetizer.skip(800)
    out += recording.put(packetizer.packet(b"b" * 160), 0.12)

    assert out + recording.flush() == b"a" * 160 + b"\xff" * 800 + b"b" * 160


def test_a_timestamp_that_jumps_fills_no_more_than_the_time_that_passed() -> None:
    packetizer = Packetizer(SSRC, random=zeros)
    recording = InOrder()
    out = b""
    for number in range(100):
        packetizer.skip(8000 * 60)
        out += recording.put(packetizer.packet(b"a" * 160), number * 0.02)
    out += recording.flush()

    assert len(out) <= (100 + 10) * 160


def test_numbers_that_wrap_in_the_middle_are_no_gap() -> None:
    packetizer = Packetizer(SSRC, random=ones)
    packetizer.packet(bytes(160))
    for _ in range(0x7FFE):
        packetizer.packet(b"")
    sound = frames(10)

    assert play([packetizer.packet(frame) for frame in sound]) == b"".join(sound)


def test_another_source_starts_anew_after_the_first_is_played_out() -> None:
    other = Packetizer(SSRC + 1, random=ones)

    assert play([*packets(3), other.packet(b"b" * 160)]) == b"".join(frames(3)) + b"b" * 160


def test_two_hundred_milliseconds_wait_for_what_is_late() -> None:
    recording = InOrder()

    assert [len(recording.put(packet, 0.0)) for packet in packets(12)] == [0] * 10 + [160, 160]


# The file


def test_a_recording_is_what_was_played(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "heard.wav")
    recorder.play(array("h", [1, -2, 3]))
    recorder.play(array("h", [32767, -32768]))
    recorder.close()

    assert read_wav(tmp_path / "heard.wav") == ([1, -2, 3, 32767, -32768], 8000)


def test_the_file_is_made_at_the_first_sound(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "heard.wav")
    assert not (tmp_path / "heard.wav").exists()
    recorder.play(array("h", [1]))
    assert (tmp_path / "heard.wav").exists()
    recorder.close()


def test_without_sound_there_is_no_file(tmp_path: Path) -> None:
    WavRecorder(tmp_path / "heard.wav").close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_recording_is_for_its_owner_only(tmp_path: Path) -> None:
    recorder = WavRecorder(tmp_path / "heard.wav")
    recorder.play(array("h", [1]))
    recorder.close()

    assert stat.S_IMODE((tmp_path / "heard.wav").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "heard.wav").write_text("precious")

    with pytest.raises(AudioError, match="is there already and is not overwritten; choose another name"):
        WavRecorder(tmp_path / "heard.wav")


@every("kind", ["file", "link", "link to nothing"])
def test_what_appears_before_the_first_sound_is_not_overwritten_either(tmp_path: Path, kind: str) -> None:
    recorder = WavRecorder(tmp_path / f"{kind}.wav")
    target = tmp_path / f"target of {kind}"
    if kind != "link to nothing":
        target.write_text("precious")
    if kind == "file":
        target.rename(tmp_path / f"{kind}.wav")
    else:
        (tmp_path / f"{kind}.wav").symlink_to(target)

    with pytest.raises(AudioError, match="is there already"):
        recorder.play(array("h", [1]))
    recorder.close()

    if kind == "link to nothing":
        assert not target.exists()
    else:
        assert (tmp_path / f"{kind}.wav").read_text() == "precious"


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot be written: there is no folder .*nowhere"):
        WavRecorder(tmp_path / "nowhere" / "heard.wav")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_disk_that_is_full_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode: really_open("/dev/full", os.O_WRONLY))
    recorder = WavRecorder(tmp_path / "heard.wav")

    with pytest.raises(AudioError, match="cannot be written: No space left on device"):
        for _ in range(100):
            recorder.play(array("h", [1] * 160))
    with pytest.raises(AudioError, match="No space left on device"):
        recorder.close()


def test_a_reason_without_a_number_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, flags: int, mode: int) -> int:
        raise OSError("the card is gone")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AudioError, match="cannot be written: the card is gone"):
        WavRecorder(tmp_path / "heard.wav").play(array("h", [1] * 160))
