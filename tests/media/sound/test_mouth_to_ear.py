"""From mouth to ear: real calls of the command with microphone and loudspeaker, over the null sinks of a PulseAudio.

Both ends speak at once, and both are measured. Lag is where the sound of mouth and ear agrees best, second by
second. Silent are windows of 5 ms in which the mouth spoke, and the ear, at the lag of that second, heard nothing:
longer windows do not see a lost packet unless they happen to lie on its edges.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.interop.ports import free_udp_ports
from tests.media.sound.needs import missing, spoken
from tests.media.sound.pulse import ENDS, FIRST, PulseAudio, pulse_audio
from tests.support.figures import Note
from tests.support.tones import write_wav
from zrtp.media.sound.g711 import RATE

pytestmark = pytest.mark.long

CALLS = 3
"""The median of so many is shown, each way."""

SECONDS = 8.0
"""Of speech."""

WINDOW = 40
_SPOKEN, _HEARD = 300, 16
"""Peaks from which a mouth speaks, and an ear hears."""


class Heard(NamedTuple):
    """One call, one way."""

    worst: float
    """Milliseconds from mouth to ear in the worst second."""
    silent: float
    """Per cent of what was spoken."""


class Relay(asyncio.DatagramProtocol):
    """A network that loses and delays: each packet by up to `jitter` seconds, in any order."""

    def __init__(self, callee: int, *, loss: float, jitter: float) -> None:
        self._callee, self._loss, self._jitter = callee, loss, jitter
        self._caller: Any = None
        self._dice = random.Random(7)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        from_callee = addr[1] == self._callee
        if not from_callee:
            self._caller = addr
        to = self._caller if from_callee else ("127.0.0.1", self._callee)
        if to is not None and self._dice.random() >= self._loss:
            delay = self._dice.uniform(0, self._jitter)
            asyncio.get_running_loop().call_later(delay, self._transport.sendto, data, to)


@contextmanager
def relay(port: int, callee: int, *, loss: float, jitter: float) -> Iterator[int]:
    """A relay in a process of its own, so that it has no share in what is measured; yields its port."""
    if not loss and not jitter:
        yield callee
        return
    code = f"from tests.media.sound.test_mouth_to_ear import serve; serve({port}, {callee}, {loss}, {jitter})"
    process = subprocess.Popen([*FIRST, sys.executable, "-c", code])  # noqa: S603
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def serve(port: int, callee: int, loss: float, jitter: float) -> None:
    """Run a relay until the process is ended."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(
            lambda: Relay(callee, loss=loss, jitter=jitter), local_addr=("127.0.0.1", port)
        )
        await asyncio.Event().wait()

    asyncio.run(run())


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseAudio]:
    with pulse_audio(tmp_path_factory.mktemp("pulse")) as server:
        yield server


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    samples = spoken(folder / "voice.wav", "-s", "150")[: round(SECONDS * RATE)]
    loudest = max(map(abs, samples))
    return write_wav(folder / "speech.wav", [sample * 20000 // loudest for sample in samples])


class Talk:
    """A call between both ends, for as long as the block."""

    def __init__(self, pulse: PulseAudio, *, loss: float = 0.0, jitter: float = 0.0) -> None:
        self._pulse = pulse
        self._loss, self._jitter = loss, jitter
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._said = {end: pulse.folder / f"{end}.txt" for end in ENDS}

    @contextmanager
    def held(self) -> Iterator[Talk]:
        port = free_udp_ports()
        with relay(free_udp_ports(), port, loss=self._loss, jitter=self._jitter) as dialled:
            try:
                self._start("B", "listen", f"127.0.0.1:{port}", "--accept", "all")
                self.sees("B", "waiting on")
                self._start("A", "call", f"127.0.0.1:{dialled}")
                self.sees("A", "SECURE")
                self.sees("B", "SECURE")
                yield self
            finally:
                for process in self._processes.values():
                    process.send_signal(signal.SIGINT)
                    process.wait(10)

    def said(self, end: str) -> str:
        """What an end printed."""
        return self._said[end].read_text()

    def sees(self, end: str, words: str, patience: float = 20.0) -> None:
        """Wait until an end prints that."""
        until = time.monotonic() + patience
        while words not in self.said(end):
            assert time.monotonic() < until, f"{end} never said {words!r}, but:\n{self.said(end)}"
            time.sleep(0.05)

    def holds(self, end: str) -> bool:
        """Whether an end is still in the call."""
        return self._processes[end].poll() is None

    def _start(self, end: str, *arguments: str) -> None:
        with self._said[end].open("w") as out:
            self._processes[end] = subprocess.Popen(  # noqa: S603
                [*FIRST, sys.executable, "-m", "zrtp", *arguments, "--audio", "mic", "--cache", "none"],
                env=self._pulse.environment(end),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )


def call(pulse: PulseAudio, speech: Path, *, loss: float, jitter: float) -> dict[str, Heard]:
    """Both people say the same; what each way was like, by who spoke."""
    recordings = {f"{place}{end}": pulse.record(f"{place}{end}") for place in ("mouth", "ear") for end in ENDS}
    with Talk(pulse, loss=loss, jitter=jitter).held():
        time.sleep(2.5)
        for player in [pulse.say(end, speech) for end in ENDS]:
            player.wait(SECONDS + 20)
        time.sleep(0.5)
        heard = {sink: recording.stop() for sink, recording in recordings.items()}
    return {
        "caller": measured(heard["mouthA"], heard["earB"]),
        "listener": measured(heard["mouthB"], heard["earA"]),
    }


def measured(mouth: tuple[float, array[int]], ear: tuple[float, array[int]]) -> Heard:
    """Lag and silence; recordings come with the time at which they began."""
    try:
        import numpy
    except ImportError:
        missing("numpy", "pip install numpy")
    begin = max(mouth[0], ear[0])
    spoken, heard = (numpy.array(samples[round((begin - began) * RATE) :], float) for began, samples in (mouth, ear))
    length = min(len(spoken), len(heard))
    spoken, heard = spoken[:length], heard[:length]
    assert length > 3 * RATE and numpy.max(numpy.abs(heard)) > 50, "nothing was heard"
    spectrum = numpy.fft.rfft(heard, 2 * length) * numpy.conj(numpy.fft.rfft(spoken, 2 * length))
    overall = int(numpy.argmax(numpy.fft.irfft(spectrum)[: 3 * RATE]))
    loud = numpy.where(numpy.abs(spoken) > 200)[0]
    lags, windows, silent = [], 0, 0
    for start in range(int(loud[0]), int(loud[-1]) - RATE + 1, RATE):
        second = spoken[start : start + RATE]
        lowest = max(0, start + overall - 2400)
        around = heard[lowest : start + overall + RATE + 2400]
        power = numpy.convolve(around * around, numpy.ones(RATE), "valid")
        likeness = numpy.correlate(around, second, "valid") / numpy.sqrt(power * numpy.dot(second, second) + 1)
        lag = lowest + int(numpy.argmax(likeness)) - start
        lags.append(lag * 1000 / RATE)
        for at in range(start, start + RATE, WINDOW):
            if numpy.max(numpy.abs(spoken[at : at + WINDOW])) > _SPOKEN:
                windows += 1
                silent += bool(numpy.max(numpy.abs(heard[at + lag : at + lag + WINDOW]), initial=0) < _HEARD)
    return Heard(worst=max(lags), silent=100 * silent / windows)


@pytest.mark.parametrize(
    ("loss", "jitter", "worst", "silent"),
    [
        pytest.param(0.0, 0.0, 120, 1.0, id="clean"),
        pytest.param(0.0, 0.1, 220, 1.0, id="100 ms of jitter"),
        pytest.param(0.1, 0.0, 120, 1.5, id="10 % loss"),
        pytest.param(0.2, 0.0, 120, 2.5, id="20 % loss"),
    ],
)
def test_speech_comes_soon_and_whole(
    pulse: PulseAudio, speech: Path, figure: Note, loss: float, jitter: float, worst: float, silent: float
) -> None:
    """How soon and how whole is for people to judge, as it depends on the computer; most of it has to come at all."""
    calls = [call(pulse, speech, loss=loss, jitter=jitter) for _ in range(CALLS)]
    for speaker in ("caller", "listener"):
        lag = statistics.median(heard[speaker].worst for heard in calls)
        gaps = statistics.median(heard[speaker].silent for heard in calls)
        figure(f"{speaker} speaks, worst second from mouth to ear", lag, "ms", target=worst)
        figure(f"{speaker} speaks, silent", gaps, "%", target=silent)
        assert gaps < 50, calls


def test_when_the_sound_server_dies_a_sentence_says_so_and_the_call_goes_on(tmp_path: Path) -> None:
    with pulse_audio(tmp_path) as pulse, Talk(pulse).held() as talk:
        time.sleep(1)
        pulse.process.terminate()
        for end in ENDS:
            talk.sees(end, "and you are not heard")
            talk.sees(end, "and you hear nothing")
        time.sleep(1)
        for end in ENDS:
            assert talk.holds(end)
            assert "Expression" not in talk.said(end) and "ALSA" not in talk.said(end)


def test_without_a_sound_server_the_devices_are_missing_and_nothing_else_is_printed(tmp_path: Path) -> None:
    environment = {**os.environ, "PULSE_SERVER": f"unix:{tmp_path}/none"}
    command = [sys.executable, "-m", "zrtp", "call", "127.0.0.1:9", "--audio", "mic"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 6
    assert done.stderr.startswith("zrtp: error: this computer has no microphone")
    assert done.stderr.count("\n") <= 2
