"""One call of the phone: its media lines, its legs, and what session descriptions make of them.

A line is one m= section: four UDP ports, RTP and RTCP towards the phone and towards the network. It belongs to the
call, so that the same description always leaves with the same ports. Who is at its far end is a leg's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from zrtp.media.addresses import Address
from zrtp.media.demux import Kind, classify
from zrtp.media.events import CallEvent, MediaTrouble
from zrtp.protocol.events import Failed, NoPeer, SecurityWarning, WarningCode
from zrtp.proxy.description import ON_HOLD, Change, Section, read, rewritten
from zrtp.proxy.leg import Leg, Protection, Remote, Task
from zrtp.proxy.news import CallChanged, Notice, Phase, Verdict, VerdictRefused, View
from zrtp.proxy.policy import Handling, Policy, Refusal, handling_of_network, handling_of_phone
from zrtp.proxy.sentences import (
    ALARM,
    CLEAR,
    FAILED,
    NO_ZRTP,
    NOT_RTP,
    NOTHING_LEFT,
    OPTIONAL_KEYS,
    OWN_ENCRYPTION,
    PASSES_BY,
    PHONE_IS_BACK,
    PHONE_IS_SILENT,
    PLAIN_ARRIVES,
    SOMEBODY_ELSE,
)
from zrtp.proxy.surroundings import Line, Surroundings
from zrtp.proxy.tone import FORMAT, WaitingTone
from zrtp.proxy.watch import Watch

MOST_LEGS: Final = 16
"""Places at which one call may ring at the same time."""
IN_CLEAR: Final = 50
"""Packets in clear from the network, after which that is said."""


@dataclass(slots=True)
class _Snapshot:
    """What an offer replaces, in case it is refused."""

    phone: dict[int, Section]
    remote: dict[int, Remote]
    handling: dict[int, Handling]


class Call:
    """One call, told apart by Call-ID and the phone it belongs to."""

    def __init__(self, number: int, *, outgoing: bool, peer: str, around: Surroundings) -> None:
        self.number = number
        self.outgoing = outgoing
        self.peer = peer
        self.phase = Phase.RINGING
        self.began = self.heard = around.clock.time()
        """`heard`: when media came last, from either side."""
        self.reports_end: Callable[[str], None] = lambda why: None
        """Is called when the policy wants the call to end, with the reason; may be called again."""
        self._around = around
        self._lines: dict[int, Line] = {}
        self._legs: dict[str, Leg] = {}
        self._current = self._new_leg("")
        self._second: Leg | None = None  # for the second place that answers, with a Hello that the offer announces too
        self._phone: dict[int, Section] = {}
        self._kinds: dict[int, str] = {}
        self._handling: dict[int, Handling] = {}
        self._profile: dict[int, str] = {}
        self._before: dict[int, _Snapshot] = {}
        self._watch = Watch()
        self._tone = WaitingTone(around.clock, wanted=lambda: self._hears_tone() is not None, send=self._send_tone)
        self._timers: dict[Leg, Any] = {}
        self._last: View | None = None
        self._notice = ""
        self._in_vain = ""  # why nothing may pass

    # Session descriptions.

    def from_phone(self, text: str, *, tag: str, offer: bool, cseq: int) -> str:
        """The phone's description for the network; `tag` is the far end's, empty before it has one.

        Raises MalformedDescription, and Refusal if nothing of an offer may pass.
        """
        sections = read(text)
        leg = self._legs.get(tag, self._current)
        if offer:
            self._remember(cseq, leg)
        if offer and not leg.tag and self._second is None:
            self._second = self._around.make_leg(self.peer)
        changes: list[Change | None] = []
        for index, section in enumerate(sections):
            self._kinds[index] = section.kind
            if offer:
                self._handling[index] = self._handling_of_phone(section)
            handling = self._handling.get(index, Handling.UNUSED) if section.used else Handling.UNUSED
            changes.append(self._outward(leg, index, section, handling))
        if offer:
            self._refuse_unless_something_passes(sections)
        elif leg is self._current:
            self._start(leg)
        return rewritten(text, self._around.network_host, changes)

    def from_network(self, text: str, *, tag: str, offer: bool, cseq: int) -> str:
        """The far end's description for the phone. Raises MalformedDescription and Refusal."""
        sections = read(text)
        leg = self._leg_of(tag, sections)
        if offer:
            self._remember(cseq, leg)
        changes: list[Change | None] = []
        for index, section in enumerate(sections):
            self._kinds[index] = section.kind
            if offer:
                self._handling[index] = handling_of_network(
                    used=section.used,
                    plain_rtp=section.plain_rtp,
                    secure_profile=section.secure_profile,
                    policy=self._around.policy,
                )
            handling = self._handling.get(index, Handling.UNUSED) if section.used else Handling.UNUSED
            changes.append(self._inward(leg, index, section, handling))
        if offer:
            self._refuse_unless_something_passes(sections)
        else:
            self._start(leg)
        return rewritten(text, self._around.phone_host, changes)

    def connect(self, remote: Remote) -> None:
        """Without signalling: one audio stream to that address, from now on."""
        self._kinds[0], self._handling[0] = "audio", Handling.PROTECTED
        self._line(0)
        self._current.remote[0] = remote
        self._current.start(0, self._around.clock.time())
        self.phase = Phase.UP
        self.settle(self._current)
        self._tell()

    def phone_is_at(self, address: Address) -> None:
        """Without signalling: where the phone is, and wants its media."""
        host, port = address
        self._phone[0] = Section(
            kind="audio",
            host=host,
            port=port,
            protocol="RTP/AVP",
            rtcp=(host, port + 1),
            mux=False,
            sends=False,  # a tool may well be silent: nobody is missed
            receives=True,
            has_keys=False,
            ssrc=None,
            zrtp_hashes=(),
        )

    def answered(self, tag: str) -> None:
        """The far end with that tag took the call: its leg remains, the others end."""
        leg = self._legs.get(tag)
        if leg is not None:
            self._current = leg
        for other in self._all_legs():
            if other is not self._current:
                self._end_leg(other)
        if self.phase is Phase.RINGING:
            self.phase = Phase.UP
            self._watch.since = self._around.clock.time()
        self._tell()

    def offer_settled(self, cseq: int, *, accepted: bool) -> None:
        """An offer was answered or refused: after a refusal everything is as it was before."""
        before = self._before.pop(cseq, None)
        if before is not None and not accepted and self.phase is Phase.UP:
            self._phone, self._handling = before.phone, before.handling
            self._current.remote = before.remote

    def left(self, tag: str) -> bool:
        """The far end with that tag hung up, or was hung up; whether that is the end of the call."""
        leg = self._legs.get(tag)
        if leg is not None and leg is not self._current:
            self._end_leg(leg)
        return leg is self._current or not self._current.tag

    def end(self) -> None:
        """The call is over: ports are closed, keys are wiped."""
        if self.phase is Phase.ENDED:
            return
        self._last = replace(self.view(), phase=Phase.ENDED, sas=None)
        self.phase = Phase.ENDED
        self._tone.end()
        for leg in self._all_legs():
            self._end_leg(leg)
        for line in self._lines.values():
            line.close()
        self._tell()

    # Media.

    def phone_sent(self, index: int, packet: bytes, source: Address) -> None:
        """A datagram arrived on a port for the phone; only the phone's own count."""
        section = self._phone.get(index)
        if section is None or source[0] != section.host:
            return
        self.heard = self._around.clock.time()
        self._watch.phone_heard(index, self.heard)
        remote = self._current.remote.get(index)
        if remote is None:
            return
        out = self._current.from_phone(index, packet)
        if out is not None:
            apart = classify(packet) is Kind.RTCP and not self._muxed(section, remote)
            self._lines[index].to_network(out, remote.rtcp if apart else remote.rtp, rtcp=apart)

    def network_sent(self, index: int, packet: bytes, source: Address, *, rtcp: bool) -> None:
        """A datagram arrived on a port for the network."""
        leg = self._sender(index, source)
        if index not in leg.streams:
            return
        before, now = leg.progress(index), self._around.clock.time()
        arrived = leg.from_network(index, packet, now)
        if not rtcp:
            self._follow(leg, index, source, before)
        section = self._phone.get(index)
        if leg is self._current and section is not None and section.reachable:
            line, rtp = self._lines[index], (section.host, section.port)
            for octets in arrived.rtp:
                line.to_phone(octets, rtp, rtcp=False)
            apart = not self._muxed(section, leg.remote.get(index))
            for octets in arrived.rtcp:
                line.to_phone(octets, section.rtcp if apart else rtp, rtcp=apart)
        if arrived.rtp:
            self.heard = now
        if leg.has_news:
            self.settle(leg)

    @staticmethod
    def _muxed(phone: Section, remote: Remote | None) -> bool:
        """Whether both ends want RTCP on the port of RTP."""
        return phone.mux and remote is not None and remote.mux

    def settle(self, leg: Leg) -> None:
        """Send what is due, hear what the engine has to say, and set the timer."""
        while (event := leg.next_event()) is not None:
            self._on_event(leg, event)
        while (task := leg.work_to_do()) is not None:
            self._run(leg, task)
        for index, datagram in leg.datagrams_to_send():
            remote, line = leg.remote.get(index), self._lines.get(index)
            if remote is not None and line is not None:
                line.to_network(datagram, remote.rtp, rtcp=False)
        timer, due = self._timers.pop(leg, None), leg.next_timer()
        if timer is not None:
            timer.cancel()
        if due is not None:
            self._timers[leg] = self._around.clock.call_at(due, lambda: self._on_timer(leg))

    def _run(self, leg: Leg, task: Task) -> None:
        def done() -> None:
            task.done(self._around.clock.time())
            self.settle(leg)
            if self.phase is not Phase.ENDED:
                self._tell()

        self._around.run(task, done)

    # People.

    def judge(self, words: str, verdict: Verdict, name: str | None) -> None:
        """A person's verdict about these words. Raises VerdictRefused if they are not those of the call now."""
        leg = self._current
        if self.phase is Phase.ENDED or leg.sas is None or leg.muted:
            raise VerdictRefused("This call has no words to compare any more.")
        if leg.sas.rendered != words:
            raise VerdictRefused("The words of this call have changed: look again, and compare the new ones.")
        if verdict is Verdict.MATCH:
            leg.matched(name)
        elif verdict is Verdict.MISMATCH:
            leg.mismatched()
            self._say(ALARM, loud=True)
        self.settle(leg)
        self._tell()

    def look(self) -> None:
        """Once a second: can anything pass, does the phone's sound still come, does the other side send in clear?"""
        leg, now = self._current, self._around.clock.time()
        if self.phase is not Phase.UP or leg.muted:
            return
        if self._hears_tone() is not None:
            self._tone.begin()
        blocked = [leg.protection(index) in _NOTHING_PASSES for index in leg.streams]
        if self._watch.in_vain(bool(blocked) and all(blocked), now):
            self.reports_end(self._in_vain)
            return
        speaking = [
            index
            for index, section in self._phone.items()
            if section.kind == "audio" and section.sends and section.reachable and index in leg.remote
        ]
        heard_from = self._watch.silence(speaking, now)
        if heard_from is not None:
            self._say(PHONE_IS_BACK if heard_from else PHONE_IS_SILENT, loud=not heard_from)
        early = sum(leg.counters(index).early for index in leg.streams)
        if early >= IN_CLEAR and self._watch.first("plain"):
            self._say(PLAIN_ARRIVES)
        self._tell()

    def _hears_tone(self) -> int | None:
        """The line on which the phone hears that the call is not secure yet: until then nothing else is to be heard."""
        if self.phase is not Phase.UP or self._around.policy is not Policy.REQUIRE:
            return None
        for index, section in self._phone.items():
            listening = section.kind == "audio" and section.receives and section.reachable
            if listening and FORMAT in section.formats:
                return index if self._current.protection(index) is Protection.SECURING else None
        return None

    def _send_tone(self, packet: bytes) -> None:
        index = self._hears_tone()
        if index is not None:
            section = self._phone[index]
            self._lines[index].to_phone(packet, (section.host, section.port), rtcp=False)

    def view(self) -> View:
        """The call as it is now; one that has ended, as it was at the end."""
        if self._last is not None:
            return self._last
        leg = self._current
        streams = tuple(
            (self._kinds[index], leg.protection(index))
            for index in sorted(self._handling)
            if self._handling[index] is Handling.PROTECTED and index in leg.streams
        )
        counters = [leg.counters(index) for index in leg.streams]
        return View(
            number=self.number,
            outgoing=self.outgoing,
            peer=self.peer,
            phase=self.phase,
            protection=_worst([protection for _, protection in streams]),
            streams=streams,
            sas=leg.sas,
            assurance=leg.assurance,
            verified=leg.verified,
            mismatch=leg.muted,
            name=leg.name,
            notice=self._notice,
            sent=sum(each.sent for each in counters),
            verified_packets=sum(each.verified for each in counters),
            withheld=sum(each.withheld for each in counters),
        )

    # Legs.

    def _new_leg(self, tag: str, prepared: Leg | None = None) -> Leg:
        leg = prepared if prepared is not None else self._around.make_leg(self.peer)
        leg.tag = tag
        if tag:
            self._legs[tag] = leg
        return leg

    def _leg_of(self, tag: str, sections: list[Section]) -> Leg:
        """The leg of that far end: the one that our offer was made for, or another one for each further tag."""
        leg = self._legs.get(tag)
        if leg is None and not self._current.tag:
            leg, self._current.tag = self._current, tag
            self._legs[tag] = leg
        if leg is None:
            if len(self._legs) >= MOST_LEGS:
                raise Refusal("The call rings at more places than are followed here.")
            leg, self._second = self._new_leg(tag, self._second), None
        if any(leg.announces_another(index, section.zrtp_hashes) for index, section in enumerate(sections)):
            leg = self._replaced(leg)
        if self.phase is Phase.RINGING:
            self._current = leg
        return leg

    def _replaced(self, leg: Leg) -> Leg:
        """Another far end took over within the dialog: new keys, new words."""
        self._end_leg(leg)
        new = self._new_leg(leg.tag)
        if self._current is leg:
            self._current = new
        self._say(SOMEBODY_ELSE, loud=True)
        return new

    def _all_legs(self) -> list[Leg]:
        legs = dict.fromkeys((*self._legs.values(), self._current, self._second))
        return [leg for leg in legs if leg is not None]

    def _end_leg(self, leg: Leg) -> None:
        leg.close(self._around.clock.time())
        self.settle(leg)
        self._legs.pop(leg.tag, None)
        if leg is self._second:
            self._second = None

    def _sender(self, index: int, source: Address) -> Leg:
        """Whose datagram it is: by its address where several are asked, otherwise the one there is."""
        for leg in self._legs.values():
            remote = leg.remote.get(index)
            if remote is not None and source in (remote.rtp, remote.rtcp):
                return leg
        return self._current

    def _follow(self, leg: Leg, index: int, source: Address, before: tuple[object, int]) -> None:
        """Answer where the far end really is, if that is not where its description says: behind a NAT, for example.

        An authenticated packet shows it. Before there are any, and where nothing can leave in clear, the key agreement
        may go on with whoever moved it.
        """
        remote, after = leg.remote.get(index), leg.progress(index)
        if remote is None or source == remote.rtp or after == before:
            return
        proven = after[1] > before[1]
        if proven or (self._around.policy is Policy.REQUIRE and leg.protection(index) is Protection.SECURING):
            leg.remote[index] = Remote(source, (source[0], source[1] + 1), remote.mux)

    def _start(self, leg: Leg) -> None:
        now = self._around.clock.time()
        for index, handling in self._handling.items():
            if handling is Handling.PROTECTED and index in leg.remote and index in self._phone:
                leg.start(index, now)
        self.settle(leg)
        self._tell()

    # Sections.

    def _handling_of_phone(self, section: Section) -> Handling:
        return handling_of_phone(
            used=section.used,
            plain_rtp=section.plain_rtp,
            secure_profile=section.secure_profile,
            has_keys=section.has_keys,
            policy=self._around.policy,
        )

    def _outward(self, leg: Leg, index: int, section: Section, handling: Handling) -> Change | None:
        if handling is Handling.PROTECTED:
            self._phone[index] = section
            port = self._line(index).network_port
            second = self._second if not leg.tag else None
            return Change(
                port=port,
                hello_hash=leg.hello_hash(index, section.ssrc),
                fork_hash=second.hello_hash(index, section.ssrc) if second is not None else None,
                protocol=self._profile.get(index),
            )
        self._phone.pop(index, None)
        if handling is Handling.LEFT_ALONE:
            self._refuse_a_fall_back(section)
            own = section.secure_profile or section.has_keys
            self._say_once((OWN_ENCRYPTION if own else PASSES_BY).format(section.kind), loud=True)
            return None
        if handling is Handling.REFUSED:
            self._say_once((OPTIONAL_KEYS if section.has_keys else NOT_RTP).format(section.kind), loud=True)
        return Change(port=0)

    def _inward(self, leg: Leg, index: int, section: Section, handling: Handling) -> Change | None:
        leg.remote.pop(index, None)
        if handling is Handling.PROTECTED:
            if section.host not in ON_HOLD:
                leg.remote[index] = Remote((section.host, section.port), section.rtcp, section.mux)
            leg.expect(index, section.zrtp_hashes, section.fork_hashes)
            plain = section.protocol.replace("SAVP", "AVP") if section.secure_profile else None
            if plain is not None:
                self._profile[index] = section.protocol
            return Change(port=self._line(index).phone_port, protocol=plain, keys=False)
        if handling is Handling.LEFT_ALONE:
            self._refuse_a_fall_back(section)
            return None
        return Change(port=0)

    def _refuse_a_fall_back(self, section: Section) -> None:
        """What was left alone since it is encrypted must not become clear in the answer."""
        if self._around.policy is Policy.REQUIRE and not section.secure_profile:
            raise Refusal(f"The {section.kind} of this call would leave in clear.")

    def _line(self, index: int) -> Line:
        if index not in self._lines:
            try:
                self._lines[index] = self._around.open_line(self, index)
            except OSError as error:
                raise Refusal(f"The UDP ports of this call cannot be opened: {error.strerror or error}.") from error
        return self._lines[index]

    def _remember(self, cseq: int, leg: Leg) -> None:
        if cseq not in self._before:
            self._before[cseq] = _Snapshot(dict(self._phone), dict(leg.remote), dict(self._handling))
            while len(self._before) > 4:
                self._before.pop(next(iter(self._before)))

    def _refuse_unless_something_passes(self, sections: list[Section]) -> None:
        used = [self._handling[index] for index, section in enumerate(sections) if section.used]
        if used and all(handling is Handling.REFUSED for handling in used):
            raise Refusal(f"{NOTHING_LEFT}: {self._notice or 'it is neither RTP nor encrypted by the phone.'}")

    # Telling.

    def _on_event(self, leg: Leg, event: CallEvent) -> None:
        current = leg is self._current
        match event:
            case NoPeer() if current and leg.protection(self._index(leg, event.ssrc)) is Protection.CLEAR:
                self._say_once(CLEAR.format(self.peer), loud=True)
            case NoPeer() if current:
                self._in_vain = NO_ZRTP.format(self.peer)
                self._say_once(self._in_vain, loud=True)
            case Failed() if current:
                self._in_vain = FAILED.format(self.peer, event.text)
                self._say_once(self._in_vain, loud=True)
            case MediaTrouble() if current:
                self._say(event.text, loud=True)
            case SecurityWarning() if current:
                self._say_once(event.text, loud=event.code is not WarningCode.CACHE_FAILED)
            case _:
                pass
        self._tell()

    def _index(self, leg: Leg, ssrc: int) -> int:
        return next((index for index in leg.streams if leg.ssrc(index) == ssrc), 0)

    def _on_timer(self, leg: Leg) -> None:
        self._timers.pop(leg, None)
        leg.handle_timer(self._around.clock.time())
        self.settle(leg)

    def _say_once(self, text: str, *, loud: bool = False) -> None:
        if self._watch.first(text):
            self._say(text, loud=loud)

    def _say(self, text: str, *, loud: bool = False) -> None:
        self._notice = text
        self._around.tell(Notice(text=text, call=self.number, loud=loud))

    def _tell(self) -> None:
        self._around.tell(CallChanged(view=self.view()))


_NOTHING_PASSES: Final = (Protection.BLOCKED, Protection.IDLE)
_ORDER: Final = (Protection.BLOCKED, Protection.CLEAR, Protection.SECURING, Protection.IDLE, Protection.SECURE)


def _worst(protections: list[Protection]) -> Protection:
    return min(protections, key=_ORDER.index, default=Protection.IDLE)
