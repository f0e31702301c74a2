"""`mediastream` (libmediastreamer-tools): a foreign SRTP sender and receiver under keys of our choice.

It plays one WAV file, records what it hears into another, and speaks AES_CM_128_HMAC_SHA1_80 alone. It comes
without usable ZRTP, which is the point here: keys that two of our endpoints agreed on must work for it.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.process import Process
from tests.support import tones

PCMU = "0"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """16 octets of SRTP master key and 14 of salt."""

    key: bytes
    salt: bytes

    @property
    def base64(self) -> str:
        """As in a=crypto lines (RFC 4568): key and salt behind each other."""
        return base64.b64encode(self.key + self.salt).decode()


@dataclass(slots=True)
class MediaStream:
    """A running mediastream; RTP on `port`, RTCP on the next one."""

    port: int
    recording: Path
    process: Process

    def heard(self) -> list[int]:
        """What it decoded, at 8000 samples per second; whole only after it ended."""
        return tones.read_wav(self.recording)[0] if self.recording.exists() else []


@contextlib.contextmanager
def mediastream(
    folder: Path, *, hertz: float, remote_port: int, send: MasterKey, receive: MasterKey, port: int = 0
) -> Iterator[MediaStream]:
    """Run one that plays a tone of 20 seconds to a port on loopback; its recording is complete on leaving."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_udp_ports(2)
    played = tones.write_wav(folder / "played.wav", tones.sine(hertz, 20))
    recording = folder / "heard.wav"
    command = ["mediastream", "--local", str(port), "--remote", f"{LOOPBACK}:{remote_port}"]
    command += ["--payload", PCMU, "--infile", str(played), "--outfile", str(recording)]
    command += ["--srtp", send.base64, receive.base64]
    with Process(command, folder, {"HOME": str(folder)}) as process:
        if not process.wait_for(r"RtpSession bound to", 20):
            raise RuntimeError(f"mediastream did not start:\n{process.output}")
        yield MediaStream(port, recording, process)
