"""`zrtp bench`: how many handshakes and media packets one core of this computer manages in a second."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.screen import wording
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT
from zrtp.media.rtp import Packetizer
from zrtp.media.srtp import srtp_pair
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import SrtpKeys
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.system import system_random

SYNOPSIS: Final = "[SUITE ...] [options]"

DESCRIPTION: Final = """\
How many handshakes and media packets one core of this computer manages in a second, by the CPU time of this process.
Both ends of every handshake run here, without sockets. SUITE is a key agreement such as X255; default: all."""

EXAMPLE: Final = """\
example:
  zrtp bench
  zrtp bench X255 DH3k --seconds 2
  zrtp bench --json > figures.json"""

AGREEMENTS: Final = (b"DH3k", b"DH2k", b"X255", b"X448", b"EC25", b"EC38", b"X1M2", b"MLK2", b"X3M3")
PROFILES: Final = ((b"AES1", b"HS80"), (b"AES3", b"HS80"), (b"AES1", b"GCM "), (b"AES3", b"GCM "))

PAYLOAD: Final = bytes(160)
"""20 ms of G.711."""

PACKETS_OF_A_CALL: Final = 50
"""Each way, in a second."""

_BATCH: Final = 100
"""Packets between two looks at the clock."""

_SSRC: Final = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """What was measured of one suite or profile."""

    name: str
    code: str
    per_second: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="key agreements to measure (default: all)")
    parser.add_argument(
        "--seconds", type=_seconds, default=0.5, metavar="N", help="how long each is measured (default: 0.5)"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON lines on standard output")
    parser.add_argument("--plain", action="store_true", help="no colour, no cursor movement (also: NO_COLOR)")


def run(arguments: argparse.Namespace) -> int:
    suites = _chosen(arguments.suites)
    terminal = Terminal.of_process(json=arguments.json, plain=arguments.plain)
    handshakes = list(_measured(suites, _handshakes_of, arguments.seconds, terminal))
    packets = [] if arguments.suites else list(_measured(PROFILES, _packets_of, arguments.seconds, terminal))
    terminal.end()
    if arguments.json:
        for rate in handshakes:
            print(json.dumps({"suite": rate.code, "handshakes_per_second": round(rate.per_second, 1)}))
        for rate in packets:
            print(json.dumps({"profile": rate.code, "packets_per_second": round(rate.per_second)}))
        return int(Exit.ENDED)
    terminal.result(f"{'HANDSHAKES, BOTH ENDS':<40} A SECOND", "bold")
    for rate in handshakes:
        terminal.result(f"{rate.name:<40} {rate.per_second:>8,.0f}")
    if packets:
        terminal.result()
        terminal.result(f"{'MEDIA PACKETS, OUT AND IN':<40} A SECOND  CALLS", "bold")
    for rate in packets:
        calls = rate.per_second / PACKETS_OF_A_CALL
        terminal.result(f"{rate.name:<40} {rate.per_second:>8,.0f} {calls:>6,.0f}")
    return int(Exit.ENDED)


def _chosen(names: Sequence[str]) -> list[bytes]:
    """The codes of the key agreements that are asked for. Raises CommandError."""
    known = {codes.name(code).casefold(): code for code in AGREEMENTS if DEFAULT.key_agreements[code].available}
    for name in names:
        if name.casefold() not in known:
            listed = ", ".join(map(codes.name, known.values()))
            raise CommandError(f"{name} is not measured", f"known are {listed}", code=Exit.USAGE)
    return [known[name.casefold()] for name in names] or list(known.values())


Measured = Callable[[], int]
"""Does some of what is measured; returns how much that was."""


def _measured(
    subjects: Sequence[bytes] | Sequence[tuple[bytes, bytes]],
    prepare: Callable[..., tuple[str, str, Measured]],
    seconds: float,
    terminal: Terminal,
) -> Iterator[Rate]:
    for subject in subjects:
        name, code, work = prepare(subject)
        terminal.status(f"measuring {name}")
        yield Rate(name, code, _rate(work, seconds))


def _rate(work: Measured, seconds: float) -> float:
    """How much is done in a second of CPU time."""
    work()  # fills caches
    done, begun = 0, time.process_time()
    while (passed := time.process_time() - begun) < seconds or not done:
        done += work()
    return done / max(passed, 1e-9)


def _handshakes_of(agreement: bytes) -> tuple[str, str, Measured]:
    """Complete handshakes of two installations without a cache; both start at once, so that their Commits cross."""
    config = Config(
        hashes=(b"S384",) if agreement == b"EC38" else (b"S256",),
        ciphers=(b"AES1",),
        auth_tags=(b"HS80",),
        key_agreements=(agreement,),
    )
    alice, bob = Endpoint(config), Endpoint(config)

    def handshake() -> int:
        sessions = alice.session(), bob.session()
        one, other = (session.add_stream(_SSRC + number) for number, session in enumerate(sessions))
        one.start(0.0)
        other.start(0.0)
        while (ones := one.datagrams_to_send()) or other.state is not State.SECURE or one.state is not State.SECURE:
            others = other.datagrams_to_send()
            if not ones and not others:
                raise CommandError(f"the handshake with {codes.name(agreement)} came to nothing")
            for datagram in ones:
                other.receive_datagram(datagram, 0.0)
            for datagram in others:
                one.receive_datagram(datagram, 0.0)
        for session in sessions:
            session.close(0.0)
        return 1

    return wording.agreement(agreement), codes.name(agreement), handshake


def _packets_of(profile: tuple[bytes, bytes]) -> tuple[str, str, Measured]:
    """Packets that one end protects and the other verifies and decrypts."""
    found = SrtpProfile.of(*profile)
    ours, theirs = (
        SrtpKeys(
            cipher=profile[0],
            auth_tag=profile[1],
            key=Secret.random(found.key_length, system_random),
            salt=Secret.random(found.salt_length, system_random),
        )
        for _ in range(2)
    )
    protect, unprotect = srtp_pair(ours, theirs)[0].protect, srtp_pair(theirs, ours)[1].unprotect
    packetizer = Packetizer(_SSRC)

    def packets() -> int:
        for _ in range(_BATCH):
            unprotect(protect(packetizer.packet(PAYLOAD).encode()))
        return _BATCH

    return found.name, found.name, packets


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
