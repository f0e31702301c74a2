"""Whatever comes from the messenger, the mailbox server, the router and the path, before anything is authenticated.

An input is a sequence of items: kind (1 octet, modulo 6), length (2 octets), and so many octets.

0  a pasted line: the octets as they are, and as a line with a checksum that fits
1  a message of the mailbox server
2  a message of the other side in the mailbox: a letter of the side, of the phase, and a body
3  a router's answer, PCP or NAT-PMP
4  a datagram on the path: STUN, or a notice
5  a code that somebody types

Nothing may raise but what its function says, and what is accepted has to mean the same when it is written again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from functools import cache

from aioice import stun

from zrtp.reach import mailbox, mapping, patience
from zrtp.reach.code import Code, looks_like_code
from zrtp.reach.description import MOST_CANDIDATES, PREFIX, Description, Side
from zrtp.reach.errors import BadCode, BadLine, NoMapping, WrongCode
from zrtp.reach.exchange import PasswordExchange
from zrtp.reach.mailbox import Rendezvous
from zrtp.reach.notice import RefusalReason, read_notice

NONCE = bytes(12)
CODE = Code.parse("7-virus-revival")
ALICE = Description(side=Side.LISTENER, seed=bytes(16), hello_hash=bytes(32), candidates=())
BOB = Description(side=Side.CALLER, seed=bytes(range(16)), hello_hash=bytes(32), candidates=())
SIDES = ("ours", "theirs", "mallory")
PHASES = ("pake", "description", "other")


def run(data: bytes) -> None:
    """One execution."""
    meeting = cache(_rendezvous)  # the mathematics of SPAKE2 only where it is needed
    readers: list[Callable[[bytes], None]] = [
        _line,
        _server,
        lambda body: _swap(meeting(), body),
        _router,
        _path,
        _typed,
    ]
    for kind, octets in _items(data):
        readers[kind % len(readers)](octets)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 3:
        length = int.from_bytes(data[1:3], "big")
        yield data[0], data[3 : 3 + length]
        data = data[3 + length :]


def _line(octets: bytes) -> None:
    resealed = octets + hashlib.sha256(octets).digest()[:3]
    for attempt in (octets, resealed):
        try:
            found = Description.of_octets(attempt)
        except BadLine:
            continue
        assert len(found.candidates) <= MOST_CANDIDATES
        assert Description.of_line(found.line()) == found
    for text in (octets.decode("utf-8", "replace"), PREFIX + octets.decode("latin-1")):
        try:
            Description.of_line(text)
        except BadLine:
            continue


def _server(octets: bytes) -> None:
    message = mailbox._parse(octets)
    if message is not None:
        assert isinstance(message["type"], str)
        mailbox._read_message(message)
        assert mailbox._refusal(message.get("error")).isprintable()


def _rendezvous() -> Rendezvous:
    async def payload() -> bytes:
        return b""

    found = Rendezvous("ws://127.0.0.1:9/v1", payload, lambda _: None, random=random.Random(1).randbytes)
    found._exchange = PasswordExchange(CODE, "ours", random.Random(2).randbytes)
    return found


def _swap(meeting: Rendezvous, octets: bytes) -> None:
    """At most one side is listened to, each of its phases once, and nobody without the code is understood."""
    side, phase = (octets[:1] or b"\0")[0] % 3, (octets[1:2] or b"\0")[0] % 3
    exchange = meeting._exchange
    assert exchange is not None
    try:
        meeting._take(SIDES[side], PHASES[phase], octets[2:])
        if "description" in meeting._received:
            exchange.open(meeting._received["description"])
            raise AssertionError("somebody without the code was understood")
    except WrongCode:
        meeting._received.pop("description", None)
    assert len(meeting._received) <= 2


def _router(octets: bytes) -> None:
    for read in (
        lambda: mapping.read_pcp(octets, NONCE),
        lambda: mapping.read_nat_pmp(octets, "192.0.2.1"),
        lambda: mapping.read_nat_pmp_address(octets),
    ):
        try:
            read()
        except NoMapping:
            continue


def _path(octets: bytes) -> None:
    assert read_notice(octets, ALICE, BOB) in (None, *RefusalReason)
    patience.make_strict()
    try:
        stun.parse_message(octets)
    except ValueError:
        return


def _typed(octets: bytes) -> None:
    text = octets.decode("utf-8", "replace")
    looks_like_code(text)
    try:
        assert Code.parse(str(Code.parse(text))) == Code.parse(text)
    except BadCode:
        return
