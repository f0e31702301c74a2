"""A PulseAudio of its own with null sinks: mouths and ears of computers without sound hardware.

Of each end the mouth is a null sink whose monitor is the microphone, and the ear a null sink that is the loudspeaker.
Both monitors can be recorded. The time at which a recording begins is the least of (arrival - samples so far), so
that load of the machine, which only ever delays, does not shift it.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.media.sound.needs import missing, program
from zrtp.media.sound.g711 import RATE

ENDS = ("A", "B")
_SINKS = [f"{place}{end}" for place in ("mouth", "ear") for end in ENDS]
_PATIENCE = 10.0

FIRST = ["nice", "-n", "-10"] if os.geteuid() == 0 else []
"""Before the commands of all that makes sound: what else this computer does is not to be measured."""


class PulseAudio:
    """The server, and what its clients need to find it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
        self.folder = folder
        self.process = process
        self._environment = environment

    def environment(self, end: str) -> dict[str, str]:
        """For a program whose microphone and loudspeaker are those of an end."""
        return {
            **self._environment,
            "PULSE_SINK": f"ear{end}",
            "PULSE_SOURCE": f"mouth{end}.monitor",
            "XDG_DATA_HOME": str(self.folder / end),
        }

    def say(self, end: str, path: Path) -> subprocess.Popen[bytes]:
        """Play a WAV file into a mouth."""
        command = [*FIRST, "paplay", "-d", f"mouth{end}", str(path)]
        return subprocess.Popen(command, env=self._environment)  # noqa: S603

    def record(self, sink: str) -> Recording:
        """Record what is played into a sink from now on."""
        form = ["--raw", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=10"]
        command = [*FIRST, "parec", "-d", f"{sink}.monitor", *form]
        return Recording(subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE))  # noqa: S603


class Recording:
    """What a sink plays."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._octets = b""
        self._began = float("inf")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> tuple[float, array[int]]:
        """When it began, and its samples."""
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._began, array("h", self._octets[: len(self._octets) // 2 * 2])

    def _read(self) -> None:
        assert self._process.stdout is not None
        while octets := os.read(self._process.stdout.fileno(), 65536):
            arrived = time.monotonic()
            self._octets += octets
            self._began = min(self._began, arrived - len(self._octets) / 2 / RATE)


@contextmanager
def pulse_audio(folder: Path) -> Iterator[PulseAudio]:
    """Run one in a folder of its own: no D-Bus, no hardware, nothing of the user's."""
    for name in ("pactl", "parec", "paplay"):
        program(name, "pulseaudio-utils")
    server = program("pulseaudio", "pulseaudio")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULSE_", "DBUS_", "XDG_", "ALSA_"))}
    home = str(folder)
    environment = {**kept, "HOME": home, "XDG_RUNTIME_DIR": home, "XDG_CONFIG_HOME": home, "LC_ALL": "C.UTF-8"}
    environment["PULSE_SERVER"] = f"unix:{folder}/native"
    script = [f"load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1"]
    script += [f"load-module module-null-sink sink_name={sink} rate=48000" for sink in _SINKS]
    (folder / "pulse.pa").write_text("\n".join(script) + "\n")
    options = ["-n", "-F", f"{folder}/pulse.pa", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
    options += ["--realtime=no", "--high-priority=no", "--disable-shm=yes", "--log-level=error"]
    with (folder / "pulse.log").open("wb") as log:
        process = subprocess.Popen([*FIRST, server, *options], env=environment, stderr=log)  # noqa: S603
    try:
        _wait_for_sinks(environment, folder)
        yield PulseAudio(folder, process, environment)
    finally:
        process.terminate()
        process.wait()


def _wait_for_sinks(environment: dict[str, str], folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        listed = subprocess.run(
            ["pactl", "list", "short", "sinks"],  # noqa: S607
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if listed.stdout.count("null-sink") == len(_SINKS):
            return
        time.sleep(0.05)
    missing("a PulseAudio with null sinks", (folder / "pulse.log").read_text() or "it does not start")
