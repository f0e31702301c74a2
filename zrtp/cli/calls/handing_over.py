"""Agreed keys in the form that another program reads, and the ways to it that other users cannot see.

A command line is one that they can: keys go there only with `--expose-keys`. The environment and the descriptors of a
process belong to its user, and so does a file of mode 0600, which is removed when the program has ended. So that it is,
whatever would end this command meanwhile is passed on to the program, and its end waited for.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from zrtp.cli.calls.signals import forwarded
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.media import handover
from zrtp.media.addresses import Address
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.protocol.events import SrtpKeys

_SDES_SUITES: Final = {
    (b"AES1", b"HS80"): "AES_CM_128_HMAC_SHA1_80",
    (b"AES1", b"HS32"): "AES_CM_128_HMAC_SHA1_32",
    (b"AES3", b"HS80"): "AES_256_CM_HMAC_SHA1_80",
    (b"AES3", b"HS32"): "AES_256_CM_HMAC_SHA1_32",
    (b"AES1", b"GCM "): "AEAD_AES_128_GCM",
    (b"AES3", b"GCM "): "AEAD_AES_256_GCM",
}
"""The names of RFC 4568, 6188 and 7714."""

_ON_THE_COMMAND_LINE: Final = ("send_key", "receive_key", "send_hex", "receive_hex")


class Format(Enum):
    """For whom the keys are written."""

    FFMPEG = "ffmpeg"
    MEDIASTREAM = "mediastream"
    GSTREAMER = "gstreamer"
    SDES = "sdes"
    JSON = "json"

    @property
    def suites(self) -> tuple[tuple[bytes, bytes], ...]:
        """Pairs of cipher and authentication tag that the receiver has, best first."""
        if self is Format.MEDIASTREAM:
            return ((b"AES1", b"HS80"),)
        if self in (Format.FFMPEG, Format.GSTREAMER):
            return handover.PROFILES[self.value]
        return tuple(_SDES_SUITES)


class KeysBy(Enum):
    """How a program gets the keys."""

    ENVIRONMENT = "env"
    DESCRIPTOR = "fd"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was agreed, with its keys: to be handed over and let go of."""

    send: SrtpKeys
    receive: SrtpKeys
    local: Address
    remote: Address
    ssrc: int
    sas: str
    verified: bool
    """A person compared the words, now or in an earlier call."""
    verdict: Verdict | None = None
    """What was said about them now."""

    def __repr__(self) -> str:
        return f"Agreement(<keys>, {self.local}, {self.remote}, verified={self.verified})"

    @property
    def suite(self) -> str:
        """As SDES names it."""
        return _SDES_SUITES[self.send.cipher, self.send.auth_tag]


def written(agreement: Agreement, form: Format) -> str:
    """The keys as text for that program, with a line end."""
    match form:
        case Format.FFMPEG:
            return _for_ffmpeg(agreement)
        case Format.MEDIASTREAM:
            port, (host, remote) = agreement.local[1], agreement.remote
            keys = f"{_base64(agreement.send)} {_base64(agreement.receive)}"
            return f"--local {port} --remote {host}:{remote} --srtp {keys}\n"
        case Format.GSTREAMER:
            return _for_gstreamer(agreement)
        case Format.SDES:
            lines = (_crypto(agreement, agreement.send), _crypto(agreement, agreement.receive))
            return f"; ours\n{lines[0]}\n; theirs\n{lines[1]}\n"
        case Format.JSON:
            return json.dumps(_described(agreement)) + "\n"


def run(command: str, agreement: Agreement, form: Format, by: KeysBy, *, expose: bool) -> int:
    """Run a program that gets the keys; returns its exit code. Raises CommandError."""
    values = _values(agreement)
    if expose:
        values |= dict(zip(_ON_THE_COMMAND_LINE, _exposed(agreement), strict=True))
    text = written(agreement, form).encode()
    if by is KeysBy.ENVIRONMENT:
        return _start(_filled(command, values), _environment(agreement))
    if by is KeysBy.DESCRIPTOR:
        descriptor = _readable(text)
        try:
            return _start(_filled(command, {**values, "keys": f"/dev/fd/{descriptor}"}), {}, descriptor)
        finally:
            os.close(descriptor)
    with tempfile.TemporaryDirectory(prefix="zrtp-") as folder:  # mode 0700
        path = Path(folder) / "keys"
        path.touch(0o600)
        path.write_bytes(text)
        return _start(_filled(command, {**values, "keys": str(path)}), {})


def check_command(command: str, by: KeysBy, *, expose: bool) -> None:
    """Find out before the call whether the command can be run. Raises CommandError."""
    known = dict.fromkeys(("port", "remote_host", "remote_port", "suite", "ssrc", "verified"), "")
    if by is not KeysBy.ENVIRONMENT:
        known["keys"] = ""
    if expose:
        known |= dict.fromkeys(_ON_THE_COMMAND_LINE, "")
    elif any(f"{{{name}}}" in command for name in _ON_THE_COMMAND_LINE):
        raise CommandError(
            "this command would put the keys into the process list, which every user of this computer can read",
            "let the program read {keys} with --keys-by file or fd, or say --expose-keys",
            code=Exit.USAGE,
        )
    _filled(command, known)


def _filled(command: str, values: Mapping[str, str]) -> list[str]:
    try:
        words = [word.format_map(values) for word in shlex.split(command)]
    except KeyError as error:
        known = ", ".join(f"{{{name}}}" for name in values)
        raise CommandError(
            f"--exec has no value {{{error.args[0]}}}", f"it knows {known}; a brace is written {{{{", code=Exit.USAGE
        ) from error
    except (ValueError, IndexError, AttributeError) as error:
        raise CommandError(f"--exec cannot be read: {error}", "quote it as for a shell", code=Exit.USAGE) from error
    if not words:
        raise CommandError("--exec names no program", code=Exit.USAGE)
    return words


def _start(words: list[str], environment: Mapping[str, str], descriptor: int | None = None) -> int:
    """Run it until it ends; signals are for it."""
    passed = () if descriptor is None else (descriptor,)
    with forwarded() as signals:
        try:
            process = subprocess.Popen(words, env={**os.environ, **environment}, pass_fds=passed)  # noqa: S603
        except OSError as error:
            raise CommandError(f"{words[0]} cannot be started: {error.strerror}", "is it installed?") from error
        signals.begin(process)
        code = process.wait()
    return code if code >= 0 else 128 - code  # a signal, as shells tell it


def _readable(text: bytes) -> int:
    """A descriptor from which the text can be read once; it is small enough for a pipe."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    os.set_inheritable(reading, True)
    return reading


def _values(agreement: Agreement) -> dict[str, str]:
    return {
        "port": str(agreement.local[1]),
        "remote_host": agreement.remote[0],
        "remote_port": str(agreement.remote[1]),
        "suite": agreement.suite,
        "ssrc": str(agreement.ssrc),
        "verified": "yes" if agreement.verified else "no",
    }


def _exposed(agreement: Agreement) -> tuple[str, ...]:
    keys = agreement.send, agreement.receive
    return (*map(_base64, keys), *(_octets(each).hex() for each in keys))


def _environment(agreement: Agreement) -> dict[str, str]:
    keys = {"send_key": _base64(agreement.send), "receive_key": _base64(agreement.receive)}
    return {f"ZRTP_{name.upper()}": value for name, value in {**_values(agreement), **keys}.items()}


def _described(agreement: Agreement) -> dict[str, object]:
    return {
        "suite": agreement.suite,
        "send": _base64(agreement.send),
        "receive": _base64(agreement.receive),
        "port": agreement.local[1],
        "remote_host": agreement.remote[0],
        "remote_port": agreement.remote[1],
        "ssrc": agreement.ssrc,
        "sas": agreement.sas,
        "verified": agreement.verified,
    }


def _for_ffmpeg(agreement: Agreement) -> str:
    """A session description for receiving, in which lines that begin with "i=" say how to send."""
    send, receive = (handover.ffmpeg_settings(keys) for keys in (agreement.send, agreement.receive))
    host = agreement.local[0]
    family = 6 if ":" in host else 4
    return "\n".join(
        [
            "v=0",
            f"o=- 0 0 IN IP{family} {host}",
            "s=keys agreed by zrtp",
            f"i=to send: -srtp_out_suite {send.suite} -srtp_out_params {send.params}",
            f"c=IN IP{family} {host}",
            "t=0 0",
            f"m=audio {agreement.local[1]} RTP/SAVP 0",
            f"a=crypto:1 {receive.suite} inline:{receive.params}",
            "",
        ]
    )


def _for_gstreamer(agreement: Agreement) -> str:
    settings = handover.gstreamer_settings(agreement.send)
    sending = (
        f"srtpenc key={settings.key.hex()} rtp-cipher={settings.cipher} rtp-auth={settings.rtp_auth} "
        f"rtcp-cipher={settings.cipher} rtcp-auth={settings.rtcp_auth}"
    )
    caps = handover.gstreamer_settings(agreement.receive).caps(0).replace(" ssrc=(uint)0,", "")
    return f"{sending}\n{caps}\n"


def _crypto(agreement: Agreement, keys: SrtpKeys) -> str:
    return f"a=crypto:1 {agreement.suite} inline:{_base64(keys)}"


def _base64(keys: SrtpKeys) -> str:
    return base64.b64encode(_octets(keys)).decode("ascii")


def _octets(keys: SrtpKeys) -> bytes:
    """Master key and salt behind each other, of the lengths that the suite has."""
    profile = SrtpProfile.of(keys.cipher, keys.auth_tag)
    profile.check_keys(keys.key, keys.salt)
    return bytes(keys.key.octets + keys.salt.octets)
