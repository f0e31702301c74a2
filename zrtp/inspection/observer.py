"""Follows the ZRTP messages between two ends, without any key: what came, what repeats what, what fits what.

An observer trusts nobody and refuses nothing: whatever arrives becomes a step of the ladder, and what is wrong with
it a finding.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from zrtp.crypto.registry import DEFAULT
from zrtp.errors import MalformedPacket
from zrtp.inspection import oddities
from zrtp.inspection.chains import Chain
from zrtp.inspection.exchange import MOST_STEPS, Progress, RecordedExchange
from zrtp.inspection.findings import Findings, Severity
from zrtp.inspection.steps import Step
from zrtp.protocol.key_schedule import hvi
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import (
    Commit,
    CommitMode,
    DHPart2,
    Hello,
    Kind,
    Message,
    UnknownMessage,
    parse,
)
from zrtp.wire.packet import MAXIMUM, BadChecksum, Fragment, NotZrtp, decode_packet

INTERVALS: Final = {
    Kind.HELLO: 0.050,
    Kind.COMMIT: 0.150,
    Kind.DHPART2: 0.150,
    Kind.CONFIRM2: 0.150,
    Kind.GOCLEAR: 0.150,
    Kind.ERROR: 0.150,
    Kind.SASRELAY: 0.150,
}
"""Seconds before the first repetition of what is repeated by timers (section 6); what answers has none."""

_TOLERANCE: Final = 0.8
"""Of an interval: networks bring packets closer together."""

PAUSE: Final = 60.0
"""Seconds without a message after which another Hello begins another exchange."""

_HALF: Final = 0x8000


class Observer:
    """Takes the ZRTP datagrams of one stream in the order of the capture; `exchanges` is what came of them."""

    def __init__(self, names: tuple[str, str]) -> None:
        """`names`: what the two ends are called in findings."""
        self._names = names
        self.exchanges: list[RecordedExchange] = []
        self._reassemblers = (Reassembler(MAXIMUM), Reassembler(MAXIMUM))
        self._begin()

    def datagram(self, time: float, side: int, payload: bytes) -> None:
        """Take a datagram that claims to be ZRTP, sent by side 0 or 1."""
        try:
            packet = decode_packet(payload)
        except NotZrtp as error:
            self._add_damaged(time, side, payload, "no packet", str(error), "5")
            return
        except BadChecksum:
            self._add_damaged(time, side, payload, "damaged packet", "A packet has a wrong CRC: it was damaged.", "5")
            return
        except MalformedPacket as error:
            self._add_damaged(time, side, payload, "malformed packet", str(error), "5")
            return
        if isinstance(packet, Fragment):
            self._fragment(time, side, packet, len(payload))
            return
        step = Step(number=0, time=time, side=side, title="", octets=len(payload), raw=packet.message)
        step.sequence, step.ssrc = packet.sequence, packet.ssrc
        self._read(step)
        oddities.of_header(self.exchange.findings, step, payload[:2])

    @property
    def exchange(self) -> RecordedExchange:
        """The exchange that is going on."""
        return self.exchanges[-1]

    def _begin(self) -> None:
        findings = Findings()
        chains = (Chain(findings, self._names[0]), Chain(findings, self._names[1]))
        self.exchanges.append(RecordedExchange(findings=findings, chains=chains))
        self._seen: dict[tuple[int, bytes], tuple[int, float]] = {}  # first number, last time
        self._sequences: dict[tuple[int, int | None], int] = {}
        self._pieces = [0, 0]
        self._piece_octets = [0, 0]

    def _add_damaged(self, time: float, side: int, payload: bytes, title: str, text: str, section: str) -> None:
        step = Step(number=0, time=time, side=side, title=title, octets=len(payload))
        if self._list(step):
            step.check("CRC", title != "damaged packet", "over the packet")
            self.exchange.findings.add(Severity.ODD, text, section, step.number)

    def _fragment(self, time: float, side: int, fragment: Fragment, octets: int) -> None:
        self._pieces[side] += 1
        self._piece_octets[side] += octets
        try:
            messages = self._reassemblers[side].add(fragment, time)
        except MalformedPacket as error:
            self._add_damaged(time, side, bytes(octets), "malformed fragment", str(error), "")
            return
        self._number(side, fragment.ssrc, fragment.sequence)
        for message in messages:
            step = Step(number=0, time=time, side=side, title="", octets=self._piece_octets[side], raw=message)
            step.sequence, step.ssrc, step.fragments = fragment.sequence, fragment.ssrc, self._pieces[side]
            self._pieces[side] = self._piece_octets[side] = 0
            self._read(step)

    def _read(self, step: Step) -> None:
        """A whole message, whatever is in it."""
        problem = ""
        try:
            step.message = parse(step.raw)
            step.title = step.message.kind.text
        except UnknownMessage as error:
            step.title, problem = _printable(step.raw[4:12]), str(error)
        except MalformedPacket as error:
            step.title, problem = f"malformed {_printable(step.raw[4:12])}", str(error)
        if isinstance(step.message, Hello):
            self._perhaps_another_exchange(step, step.message)
        if not self._list(step):
            return
        step.check("CRC", True, "over the packet")
        if problem:
            self.exchange.findings.add(Severity.ODD, problem, "5.1.1" if "type" in problem else "5.2", step.number)
        if step.fragments == 1 and step.ssrc is not None and step.sequence is not None:
            self._number(step.side, step.ssrc, step.sequence, step.number)
        first, last = self._seen.get((step.side, step.raw), (step.number, step.time))
        self._seen[step.side, step.raw] = first, step.time
        if first != step.number:
            step.repeats = first
            self._note_repetition(step, step.time - last)
        elif step.message is not None:
            self._new(step, step.message)

    def _perhaps_another_exchange(self, step: Step, hello: Hello) -> None:
        """A Hello of a new chain, after the end of an exchange or after a long time, begins another one."""
        steps = self.exchange.steps
        known = [each.message.h3 for each in steps if each.side == step.side and isinstance(each.message, Hello)]
        if not steps or hello.h3 in known:
            return
        over = self.exchange.progress not in (Progress.DISCOVERY, Progress.COMMITTED, Progress.AGREED)
        if over or step.time - steps[-1].time > PAUSE:
            self._begin()

    def _list(self, step: Step) -> bool:
        if len(self.exchange.steps) >= MOST_STEPS:
            self.exchange.unlisted += 1
            return False
        step.number = len(self.exchange.steps) + 1
        self.exchange.steps.append(step)
        return True

    def _number(self, side: int, ssrc: int, sequence: int, number: int | None = None) -> None:
        """Sequence numbers rise by one with every packet, repetitions included."""
        last = self._sequences.get((side, ssrc))
        self._sequences[side, ssrc] = sequence
        if last is None or sequence == last + 1 & 0xFFFF:
            return
        ahead = sequence - last & 0xFFFF
        if ahead == 0:
            text = f"A packet of {self._names[side]} came twice with the same sequence number."
        elif ahead < _HALF:
            text = f"Between two packets of {self._names[side]} others are missing: they were lost, or not recorded."
        else:
            text = f"Packets of {self._names[side]} came out of order."
        self.exchange.findings.add(Severity.NOTE, text, "5", number)

    def _note_repetition(self, step: Step, after: float) -> None:
        """A message came again after so many seconds."""
        interval = INTERVALS.get(step.kind) if step.kind is not None else None
        if interval is not None and 0 <= after < _TOLERANCE * interval:
            text = f"{self._names[step.side]} repeated {step.title} sooner than after {1000 * interval:.0f} ms."
            self.exchange.findings.add(Severity.NOTE, text, "6", step.number)

    # What a message means

    def _new(self, step: Step, message: Message) -> None:
        """A message that is no repetition."""
        exchange = self.exchange
        oddities.of_message(exchange, step, message, self._names)
        exchange.chains[step.side].add(step)
        handler = self._handlers.get(message.kind)
        if handler is not None:
            handler(self, step)

    def _commit(self, step: Step) -> None:
        exchange = self.exchange
        message, earlier = step.message, exchange.commit
        assert isinstance(message, Commit)  # noqa: S101
        if earlier is None or exchange.progress in (Progress.SECURE, Progress.CLEARED, Progress.FAILED):
            self._next_round(step)
        elif earlier.side == step.side:
            exchange.commit = step
        else:
            exchange.contention = True
            self._contend(earlier, step)
        exchange.initiator = exchange.commit.side if exchange.commit is not None else None

    def _next_round(self, step: Step) -> None:
        """The first Commit, or one after GoClear or a failure."""
        exchange = self.exchange
        exchange.commit, exchange.progress = step, Progress.COMMITTED
        exchange.dhpart1 = exchange.dhpart2 = exchange.confirm1 = exchange.confirm2 = None
        exchange.contention = False

    def _contend(self, earlier: Step, later: Step) -> None:
        """Both sides committed: who is the initiator (section 4.2)?"""
        exchange = self.exchange
        ours, theirs = earlier.message, later.message
        assert isinstance(ours, Commit) and isinstance(theirs, Commit)  # noqa: S101
        winner = oddities.winner_of(exchange, earlier, later)
        if winner is None:
            exchange.findings.add(
                Severity.ODD,
                f"Both sides sent a Commit, {ours.mode.value} and {theirs.mode.value}: these may not meet.",
                "4.2",
                later.number,
            )
            return
        exchange.commit = winner
        exchange.findings.add(
            Severity.NOTE,
            f"Both sides sent a Commit; by the rule {self._names[winner.side]} is the initiator.",
            "4.2",
            later.number,
        )

    def _dhpart1(self, step: Step) -> None:
        exchange = self.exchange
        exchange.dhpart1 = step
        self._follow_roles(step, initiator=1 - step.side)

    def _dhpart2(self, step: Step) -> None:
        exchange = self.exchange
        exchange.dhpart2 = step
        self._follow_roles(step, initiator=step.side)
        if exchange.progress is Progress.COMMITTED:
            exchange.progress = Progress.AGREED
        self._check_commitment(step)

    def _confirm1(self, step: Step) -> None:
        self.exchange.confirm1 = step
        self._follow_roles(step, initiator=1 - step.side)

    def _confirm2(self, step: Step) -> None:
        exchange = self.exchange
        exchange.confirm2 = step
        self._follow_roles(step, initiator=step.side)
        exchange.progress = Progress.CONFIRMED

    def _conf2ack(self, step: Step) -> None:
        exchange = self.exchange
        if exchange.progress is Progress.CONFIRMED:
            exchange.progress, exchange.secured = Progress.SECURE, step.time

    def _error(self, step: Step) -> None:
        exchange = self.exchange
        exchange.errors.append(step)
        if exchange.progress not in (Progress.SECURE, Progress.CLEARED):
            exchange.progress = Progress.FAILED

    def _clear_ack(self, _step: Step) -> None:
        if self.exchange.first(Kind.GOCLEAR) is not None:
            self.exchange.progress = Progress.CLEARED

    _handlers: Final[dict[Kind, Callable[[Observer, Step], None]]] = {
        Kind.COMMIT: _commit,
        Kind.DHPART1: _dhpart1,
        Kind.DHPART2: _dhpart2,
        Kind.CONFIRM1: _confirm1,
        Kind.CONFIRM2: _confirm2,
        Kind.CONF2ACK: _conf2ack,
        Kind.ERROR: _error,
        Kind.CLEAR_ACK: _clear_ack,
    }

    def _follow_roles(self, step: Step, *, initiator: int) -> None:
        """What the two do shows who they take for the initiator."""
        exchange = self.exchange
        if exchange.initiator in (None, initiator):
            exchange.initiator = initiator
            return
        mine = [each for each in exchange.steps if each.side == initiator and each.kind is Kind.COMMIT]
        exchange.initiator = initiator
        if mine:
            exchange.commit = mine[-1]
        exchange.findings.add(
            Severity.ODD,
            f"{self._names[initiator]} acts as the initiator, although by the rule it is {self._names[1 - initiator]}.",
            "4.2",
            step.number,
        )

    def _check_commitment(self, step: Step) -> None:
        """hvi in the Commit against DHPart2 and the responder's Hello (section 4.4.1.1)."""
        exchange = self.exchange
        chosen, message = exchange.chosen, step.message
        if chosen is None or chosen.mode is not CommitMode.DH or chosen.hvi is None or exchange.commit is None:
            return
        hash_ = DEFAULT.hashes.get(chosen.hash)
        hellos = [each.raw for each in exchange.steps if each.side != step.side and each.kind is Kind.HELLO]
        if hash_ is None or not hellos or not isinstance(message, DHPart2):
            return
        good = any(hmac.compare_digest(hvi(hash_, message.raw, hello), chosen.hvi) for hello in dict.fromkeys(hellos))
        exchange.commit.check("hvi", good, "over DHPart2 and the responder's Hello")
        if not good:
            exchange.findings.add(
                Severity.SERIOUS,
                "DHPart2 is not the one that the Commit promised: somebody chose it after seeing the other half.",
                "4.4.1.1",
                step.number,
            )


def _printable(octets: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else "." for octet in octets).strip() or "no type"
