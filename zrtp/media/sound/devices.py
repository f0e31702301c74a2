"""Microphone and loudspeaker, by the package sounddevice (PortAudio), which is imported when one is asked for.

PortAudio calls back from a thread of its own, every 10 ms with 10 ms of sound. That thread and the event loop hand
sound over through bounded deques and share nothing else. The callbacks are the clocks of a call: the microphone's
paces what is sent, the loudspeaker's pulls from the playout buffer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from zrtp.errors import BackendUnavailable
from zrtp.media.rtp import FRAME_SAMPLES, RtpPacket
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.g711 import RATE
from zrtp.media.sound.level import Level
from zrtp.media.sound.playout import PlayoutBuffer

BLOCK: Final = RATE // 100
"""Samples that a device takes or gives at a time: 10 ms. The delay that a device adds is a few blocks."""

_LATENCY: Final = {"RawInputStream": 0.02, "RawOutputStream": 0.04}
"""Seconds of sound that the system keeps for a device. A loudspeaker with less runs dry on a busy computer."""

_HEARD_BLOCKS: Final = 10
"""Blocks of the microphone that wait to be sent, at most 100 ms; the oldest goes first."""

_PACKETS: Final = 100
"""Received packets that wait for the loudspeaker's next block; the oldest goes first."""

_FIRST_SOUND: Final = 5.0
"""Seconds that a device may take to begin."""

_NO_SOUND: Final = 1.0
"""Seconds without a block after which a device is taken to be gone."""

_STANDARD_ERROR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A sound device of this computer."""

    number: int
    name: str
    system: str
    """The sound system it belongs to, such as ALSA."""
    microphone: bool
    loudspeaker: bool
    default_microphone: bool
    default_loudspeaker: bool


def devices() -> list[Device]:
    """All sound devices. Raises BackendUnavailable without sounddevice, AudioError if the sound system fails."""
    sounddevice = _sounddevice()
    try:
        found, systems = sounddevice.query_devices(), sounddevice.query_hostapis()
        default_in, default_out = sounddevice.default.device
    except Exception as error:  # whatever the sound system says
        raise AudioError(f"The sound devices cannot be listed: {_reason(error)}.") from error
    return [
        Device(
            number=number,
            name=str(device["name"]),
            system=str(systems[device["hostapi"]]["name"]),
            microphone=device["max_input_channels"] > 0,
            loudspeaker=device["max_output_channels"] > 0,
            default_microphone=number == default_in,
            default_loudspeaker=number == default_out,
        )
        for number, device in enumerate(found)
    ]


def find_microphone(name: str | None = None) -> Device:
    """The microphone of that name, part of a name, or number; the default one without a name. Raises like `devices`."""
    found = [device for device in devices() if device.microphone]
    return _chosen("microphone", found, [device for device in found if device.default_microphone], name)


def find_loudspeaker(name: str | None = None) -> Device:
    """The same for a loudspeaker."""
    found = [device for device in devices() if device.loudspeaker]
    return _chosen("loudspeaker", found, [device for device in found if device.default_loudspeaker], name)


class Microphone:
    """An input device as a source of sound. It hears nothing before it is opened."""

    def __init__(self, name: str | None = None) -> None:
        """Raises AudioError if there is no such device, BackendUnavailable without sounddevice."""
        self._device = find_microphone(name)
        self._blocks: deque[bytes] = deque(maxlen=_HEARD_BLOCKS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._stream: Any = None
        self._patience = _FIRST_SOUND
        self._over = False
        self.level = Level()

    def open(self) -> None:
        """Let it hear. Takes a moment, and may be called from any thread. Raises AudioError."""
        if self._stream is None:
            self._stream = _open("RawInputStream", "microphone", self._device, self._heard, self._finished)

    def begin(self) -> None:
        """Forget what was heard before."""
        self.open()
        self._loop = asyncio.get_running_loop()
        self._blocks.clear()

    async def ready(self) -> None:
        """Wait for 20 ms of sound. Raises AudioError if the device is gone."""
        try:
            async with asyncio.timeout(self._patience):
                while len(self._blocks) * BLOCK < FRAME_SAMPLES and not self._over:
                    await self._arrived.wait()
                    self._arrived.clear()
        except TimeoutError:
            self._over = True
        if self._over:
            raise AudioError(f"The microphone is gone ({self._device.name}).")
        self._patience = _NO_SOUND

    def frame(self) -> array[int]:
        """The oldest 20 ms; silence for what is missing."""
        octets = b"".join(self._blocks.popleft() for _ in range(min(len(self._blocks), FRAME_SAMPLES // BLOCK)))
        return array("h", octets.ljust(2 * FRAME_SAMPLES, b"\0"))

    def close(self) -> None:
        """Let go of the device."""
        _close(self._stream)
        self._stream = None

    def _heard(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        block = bytes(octets)
        self._blocks.append(block)
        self.level.hear(array("h", block))
        self._wake()

    def _finished(self) -> None:
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the call is over
                self._loop.call_soon_threadsafe(self._arrived.set)


class Loudspeaker:
    """An output device that plays the packets of one sender."""

    def __init__(self, name: str | None = None) -> None:
        """Raises AudioError if there is no such device, BackendUnavailable without sounddevice."""
        self._device = find_loudspeaker(name)
        self._packets: deque[RtpPacket] = deque(maxlen=_PACKETS)
        self._buffer = PlayoutBuffer()
        self._stream: Any = None
        self._blocks = self._seen = 0
        self._over = False
        self.instead: Callable[[int], array[int]] | None = None
        """Makes so many samples to be played instead of what comes; `silence` and a ringing tone are two."""
        self.level = Level()

    def open(self) -> None:
        """Let it sound. Takes a moment, and may be called from any thread. Raises AudioError."""
        if self._stream is None:
            self._stream = _open("RawOutputStream", "loudspeaker", self._device, self._fill, self._finished)

    def put(self, packet: RtpPacket) -> None:
        """Take a packet of mu-law."""
        self._packets.append(packet)

    def check(self) -> None:
        """To be called about once a second. Raises AudioError if nothing was played since the last call."""
        blocks, self._seen = self._blocks - self._seen, self._blocks
        if self._over or (self._seen and not blocks):
            raise AudioError(f"The loudspeaker is gone ({self._device.name}).")

    def close(self) -> None:
        """Let go of the device."""
        _close(self._stream)
        self._stream = None

    def _fill(self, octets: Any, frames: int, time: Any, status: Any) -> None:
        with suppress(IndexError):  # none is left
            while True:
                self._buffer.put(self._packets.popleft())
        samples, instead = self._buffer.pull(frames), self.instead
        if instead is not None:
            samples = instead(frames)
        self.level.hear(samples)
        self._blocks += 1
        octets[:] = samples.tobytes()

    def _finished(self) -> None:
        self._over = True


def silence(count: int) -> array[int]:
    """Samples of nothing to hear."""
    return array("h", bytes(2 * count))


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what C libraries print on standard error, such as PortAudio's complaints, from the person's screen.

    What Python prints goes on to be seen: for the time of the block `sys.stderr` writes to the same place by
    another descriptor. Begin it before anything takes hold of `sys.stderr`.
    """
    before = sys.stderr
    kept = os.dup(_STANDARD_ERROR)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        ours = _is_standard_error(before)
        if ours:
            before.flush()
            sys.stderr = os.fdopen(
                os.dup(kept), "w", buffering=1, encoding=before.encoding, errors=before.errors, newline=""
            )
        os.dup2(null, _STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        if sys.stderr is not before:
            sys.stderr.close()
            sys.stderr = before
        os.close(kept)
        os.close(null)


def _is_standard_error(stream: Any) -> bool:
    try:
        return bool(stream.fileno() == _STANDARD_ERROR)
    except (AttributeError, OSError, ValueError):  # replaced by something that is no file
        return False


def _chosen(kind: str, found: list[Device], default: list[Device], name: str | None) -> Device:
    if not found:
        raise AudioError(f"This computer has no {kind}; connect one, or send something else than a microphone's sound.")
    if name is None:
        return (default or found)[0]
    wanted = name.casefold()
    exact = [device for device in found if wanted in (device.name.casefold(), str(device.number))]
    matching = exact or [device for device in found if wanted in device.name.casefold()]
    if not matching:
        names = ", ".join(f'"{device.name}"' for device in found)
        raise AudioError(f'There is no {kind} named "{name}"; there is {names}.')
    if len(matching) > 1:
        numbers = ", ".join(f'{device.number} "{device.name}"' for device in matching)
        raise AudioError(f'More than one {kind} is named "{name}"; choose a number: {numbers}.')
    return matching[0]


def _open(kind: str, what: str, device: Device, callback: Any, finished: Any) -> Any:
    try:
        stream = getattr(_sounddevice(), kind)(
            device=device.number,
            samplerate=RATE,
            channels=1,
            dtype="int16",
            blocksize=BLOCK,
            latency=_LATENCY[kind],
            callback=callback,
            finished_callback=finished,
        )
        stream.start()
    except Exception as error:  # sounddevice passes on whatever the sound system says, in exceptions of its own
        raise AudioError(f"The {what} cannot be opened ({device.name}): {_reason(error)}.") from error
    return stream


def _close(stream: Any) -> None:
    """Close a device at once, even one that is gone."""
    if stream is not None:
        with suppress(Exception):  # there is nothing that anybody could do about it
            stream.abort()
        with suppress(Exception):
            stream.close()


def _reason(error: Exception) -> str:
    """What PortAudio says, in one line and without its numbers."""
    text = str(error.args[0] if error.args else error)
    return " ".join(text.split("[PaErrorCode")[0].split()).rstrip(".") or type(error).__name__


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError as error:
        raise BackendUnavailable(
            "Microphone and loudspeaker need the package sounddevice; install it, for example with: "
            "python -m pip install sounddevice"
        ) from error
    except OSError as error:
        raise BackendUnavailable(
            "The package sounddevice is there, but not the PortAudio library that it needs; install it, for "
            "example with: sudo apt install libportaudio2"
        ) from error
    except Exception as error:  # PortAudio does not start
        raise AudioError(f"The sound system does not start: {_reason(error)}.") from error
    module: ModuleType = sounddevice
    return module
