"""PortAudio, by the package sounddevice, which is imported when it is first needed.

PortAudio calls back from a thread of its own, every 10 ms with 10 ms of sound. That thread and the event loop hand
sound over through bounded deques and share nothing else. The callbacks are the clocks of a call: the microphone's
paces what is sent, the loudspeaker's pulls from the playout buffer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, Final

from zrtp.errors import BackendUnavailable
from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.g711 import RATE

BLOCK: Final = RATE // 100
"""Samples that a device takes or gives at a time: 10 ms. The delay that a device adds is a few blocks."""

_STANDARD_ERROR: Final = 2


def sounddevice() -> ModuleType:
    """The package. Raises BackendUnavailable without it or PortAudio, AudioError if PortAudio does not start."""
    try:
        import sounddevice as package
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
        raise AudioError(f"The sound system does not start: {reason(error)}.") from error
    module: ModuleType = package
    return module


def open_stream(
    kind: str, *, number: int, what: str, latency: float, callback: Callable[..., None], finished: Callable[[], None]
) -> Any:
    """Open and start a "RawInputStream" or "RawOutputStream"; errors call it `what`. Raises AudioError.

    `latency` is in seconds. `finished` is called when the device ends, also by itself.
    """
    try:
        stream = getattr(sounddevice(), kind)(
            device=number,
            samplerate=RATE,
            channels=1,
            dtype="int16",
            blocksize=BLOCK,
            latency=latency,
            callback=callback,
            finished_callback=finished,
        )
        stream.start()
    except Exception as error:  # sounddevice passes on whatever the sound system says, in exceptions of its own
        raise AudioError(f"The {what} cannot be opened: {reason(error)}.") from error
    return stream


def close_stream(stream: Any) -> None:
    """Close a device at once, even one that is gone."""
    if stream is not None:
        with suppress(Exception):  # there is nothing that anybody could do about it
            stream.abort()
        with suppress(Exception):
            stream.close()


def reason(error: Exception) -> str:
    """What PortAudio says, in one line and without its numbers."""
    text = str(error.args[0] if error.args else error)
    return " ".join(text.split("[PaErrorCode")[0].split()).rstrip(".") or type(error).__name__


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
