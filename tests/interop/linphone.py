"""A real linphonec (Debian's linphone-cli) in a home of its own: bzrtp with SIP, SDP, RTP and SRTP around it.

No sound card, registrar or display: it plays one WAV file and records what it hears into another.

    with Linphonec(folder, Settings(key_agreements=("X255",)), play=440) as phone:
        ...                                   # somebody calls phone.uri
        phone.wait_for_sas()                  # "7x9u", as it shows it to its user
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.process import Process
from tests.support import tones

PROMPT_PATIENCE = 20.0
POLL = 0.02
SECURE_LINE = r"is fully encrypted and auth token is (.*?)\.\r?\n"
SECONDS_TO_PLAY = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a call may use; empty keeps linphonec's own choice."""

    key_agreements: Sequence[str] = ()
    """X255 X448 DH3K DH2K."""
    hashes: Sequence[str] = ()
    ciphers: Sequence[str] = ()
    auth_tags: Sequence[str] = ()
    sas_types: Sequence[str] = ()
    mandatory: bool = False
    """Without encryption it sends nothing."""
    video: bool = False
    codecs: Sequence[str] = ("PCMU",)
    more: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Further entries by section of the configuration file."""

    def suites(self) -> dict[str, str]:
        """The entries of section [sip] that choose algorithms."""
        lists = {
            "zrtp_key_agreements_suites": ("MS_ZRTP_KEY_AGREEMENT_", self.key_agreements),
            "zrtp_hash_suites": ("MS_ZRTP_HASH_", self.hashes),
            "zrtp_cipher_suites": ("MS_ZRTP_CIPHER_", self.ciphers),
            "zrtp_auth_suites": ("MS_ZRTP_AUTHTAG_", self.auth_tags),
            "zrtp_sas_suites": ("MS_ZRTP_SAS_", self.sas_types),
        }
        return {key: ",".join(prefix + name for name in names) for key, (prefix, names) in lists.items() if names}


class Linphonec:
    """One softphone, started and waiting for a command or a call. To be ended, best by `with`.

    Started again in the same folder, it remembers its peers.
    """

    def __init__(
        self, folder: Path, settings: Settings | None = None, *, play: float = 0, answers: bool = True
    ) -> None:
        """`play` is the tone it sends, in Hz; without one it sends no RTP at all."""
        settings = settings or Settings()
        (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        self._sip_port = free_udp_ports()
        self._log = folder / "debug.log"
        self._log.unlink(missing_ok=True)
        self._zid_cache = folder / ".linphone-zidcache"
        self._recording = folder / "heard.wav"
        self._recording.unlink(missing_ok=True)
        configuration = folder / "configuration"
        configuration.write_text(_configuration(self._sip_port, settings))
        command = ["linphonec", "-c", str(configuration), "-d", "6", "-l", str(self._log)]
        command += ["-a"] * answers + ["-C"] * settings.video
        homes = {
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / ".local/share"),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "DISPLAY": "",
        }
        self._process = Process(command, folder, homes)
        self._mark = 0
        if not self._process.wait_for(r"linphonec>", PROMPT_PATIENCE):
            output = self._process.output
            self._process.end(0)
            raise RuntimeError(f"linphonec did not start:\n{output}")
        self.command("soundcard use files", r"Using wav files")
        self.command(f"record {self._recording}", r"linphonec>")
        if play:
            tone = tones.write_wav(folder / "played.wav", tones.sine(play, SECONDS_TO_PLAY))
            self.command(f"play {tone}", r"linphonec>")

    @property
    def uri(self) -> str:
        """Where it can be called."""
        return f"sip:phone@{LOOPBACK}:{self._sip_port}"

    def command(self, line: str, answer: str = "", timeout: float = 5.0) -> re.Match[str] | None:
        """Enter a command, and wait for what it prints if `answer` is given."""
        start = len(self._process.output)
        self._process.enter(line)
        return self._process.wait_for(answer, timeout, start) if answer else None

    def call(self, uri: str) -> None:
        """Call somebody; the questions below are about this call from now on."""
        self._new_call()
        self.command(f"call {uri}")

    def expect_call(self) -> None:
        """Somebody is going to call: the questions below are about that call from now on."""
        self._new_call()

    def hang_up(self) -> bool:
        """End the call; whether it says so."""
        return self.command("terminate", r"ended") is not None

    def sas_matched(self) -> None:
        """The user says that the SAS is the same at both ends."""
        self.command("zrtp-set-verified", r"linphonec>")

    def wait_for_sas(self, timeout: float = 10.0) -> str | None:
        """The SAS as its user sees it; None if the call does not become secure."""
        found = self._process.wait_for(SECURE_LINE, timeout, self._mark)
        return found.group(1) if found else None

    def wait_for_end(self, timeout: float = 5.0) -> bool:
        """Whether it says that the call has ended."""
        return self._process.wait_for(r"ended", timeout, self._mark) is not None

    def wait_for_log(self, pattern: str, timeout: float = 5.0) -> re.Match[str] | None:
        """Wait until its debug log matches."""
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.log)) and time.monotonic() < end:
            time.sleep(POLL)
        return found

    @property
    def log(self) -> str:
        """Its debug log so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def previously_verified(self) -> list[bool]:
        """For each time it turned secure: whether it knew and trusted the peer from before."""
        said = re.findall(r"ZRTP secrets on: SAS is .*? previously verified (yes|no)", self.log)
        return [word == "yes" for word in said]

    @property
    def cache_mismatch(self) -> bool:
        return "cache mismatch" in self.log.lower()

    def heard(self) -> list[int]:
        """The audio that it decoded, at 8000 samples per second; whole only after the call."""
        if not self._recording.exists():
            return []
        samples, rate = tones.read_wav(self._recording)
        return samples[:: rate // tones.TELEPHONE_RATE]

    def spoil_retained_secrets(self) -> None:
        """Overwrite rs1 and rs2 of all peers; to be done between calls."""
        connection = sqlite3.connect(self._zid_cache)
        with connection:
            connection.execute("UPDATE zrtp SET rs1 = randomblob(32), rs2 = randomblob(32)")
        connection.close()

    def end(self) -> None:
        """Quit; the home stays."""
        with contextlib.suppress(BrokenPipeError):
            self._process.enter("quit")
        self._process.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _new_call(self) -> None:
        self._mark = len(self._process.output)


def _configuration(sip_port: int, settings: Settings) -> str:
    rtp_port = free_udp_ports(4)
    video = int(settings.video)
    sections: dict[str, dict[str, object]] = {
        "sip": {
            "sip_port": sip_port,
            "sip_tcp_port": -1,
            "sip_tls_port": -1,
            "bind_address": LOOPBACK,
            "guess_hostname": 0,
            "use_ipv6": 0,
            "contact": f'"phone" <sip:phone@{LOOPBACK}:{sip_port}>',
            "default_proxy": -1,
            "register_only_when_network_is_up": 0,
            "auto_net_state_mon": 0,
            "ping_with_options": 0,
            "media_encryption": "zrtp",
            "media_encryption_mandatory": int(settings.mandatory),
            **settings.suites(),
        },
        "rtp": {"audio_rtp_port": rtp_port, "video_rtp_port": rtp_port + 2, "bind_address": LOOPBACK},
        "net": {"firewall_policy": 0, "mtu": 1300},
        "sound": {"playback_dev_id": "", "ringer_dev_id": "", "capture_dev_id": "", "echocancellation": 0},
        "video": {
            "enabled": video,
            "display": video,
            "capture": video,
            "automatically_initiate": video,
            "automatically_accept": video,
            "device": "Mire: Mire (synthetic moving picture)",
            "size": "qcif",
        },
        "misc": {"log_collection_upload_server_url": ""},
        "video_codec_0": {"mime": "VP8", "rate": 90000, "enabled": video},
    }
    for number, codec in enumerate(settings.codecs):
        entry: dict[str, object] = {"mime": codec, "rate": 8000, "channels": 1, "enabled": 1}
        sections[f"audio_codec_{number}"] = entry
    for name, entries in settings.more.items():
        sections.setdefault(name, {}).update(entries)
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in entries.items())
        for name, entries in sections.items()
    )
