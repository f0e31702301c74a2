"""One call of the phone: the far ends that it may have, the media between, and what a person says and is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent, MediaTrouble
from zrtp.protocol.events import Failed, NoPeer, SecurityWarning, WarningCode
from zrtp.proxy.description import Section, read
from zrtp.proxy.leg import Leg, Protection, Remote, Task
from zrtp.proxy.lines import MediaLines
from zrtp.proxy.news import CallChanged, CallVerdict, Phase, ProxyNotice, VerdictRefused, View
from zrtp.proxy.policy import Policy, PolicyRefusal
from zrtp.proxy.sentences import (
    ALARM,
    CLEAR,
    FAILED,
    NO_ZRTP,
    PHONE_IS_BACK,
    PHONE_IS_SILENT,
    PLAIN_ARRIVES,
    SOMEBODY_ELSE,
)
from zrtp.proxy.surroundings import Surroundings
from zrtp.proxy.tone import FORMAT, WaitingTone
from zrtp.proxy.watch import PhoneWatch

MOST_LEGS: Final = 16
"""Places at which one call may ring at the same time."""
IN_CLEAR: Final = 50
"""Packets in clear from the network, after which that is said."""


class ProxiedCall:
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
        self._legs: dict[str, Leg] = {}
        # The offer announces the Hello of the first leg, and that of a second one for another place that answers.
        self._current = self._first = self._new_leg("")
        self._second: Leg | None = None
        self._lines = MediaLines(
            around, lambda index: around.open_line(self, index), lambda text: self._say_once(text, loud=True)
        )
        self._watch = PhoneWatch()
        self._tone = WaitingTone(around.clock, wanted=lambda: self._hears_tone() is not None, send=self._send_tone)
        self._timers: dict[Leg, Any] = {}
        self._last: View | None = None
        self._notice = ""
        self._in_vain = ""  # why nothing may pass

    # Session descriptions.

    def from_phone(self, text: str, *, tag: str, offer: bool, cseq: int) -> str:
        """The phone's description for the network; `tag` is the far end's, empty before it has one.

        Raises MalformedDescription, and PolicyRefusal if nothing of an offer may pass.
        """
        leg = self._legs.get(tag, self._current)
        if offer and not leg.tag and self._second is None:
            self._second = self._around.make_leg(self.peer)
        second = self._second if not leg.tag else None
        passed = self._lines.outward(text, read(text), leg, second, offer=offer, cseq=cseq)
        if not offer and leg is self._current:
            self._start(leg)
        return passed

    def from_network(self, text: str, *, tag: str, offer: bool, cseq: int) -> str:
        """The far end's description for the phone. Raises MalformedDescription and PolicyRefusal."""
        sections = read(text)
        leg = self._leg_of(tag, sections)
        passed = self._lines.inward(text, sections, leg, offer=offer, cseq=cseq)
        if not offer:
            self._start(leg)
        return passed

    def connect(self, remote: Remote) -> None:
        """Without signalling: one audio stream to that address, from now on."""
        self._lines.audio_only()
        self._current.remote[0] = remote
        self._current.start(0, self._around.clock.time())
        self.phase = Phase.UP
        self.settle(self._current)
        self._tell()

    def phone_is_at(self, address: Address) -> None:
        """Without signalling: where the phone is, and wants its media."""
        self._lines.phone_is_at(address)

    def note_answer(self, tag: str) -> None:
        """The far end with that tag took the call: its leg remains, the others end."""
        leg = self._legs.get(tag)
        if leg is not None:
            self._current = leg
        for other in self._all_legs():
            if other is not self._current:
                self._end_leg(other)
        if self.phase is Phase.RINGING:
            self.phase = Phase.UP
            self._watch.note_answer(self._around.clock.time())
        self._tell()

    def settle_offer(self, cseq: int, *, accepted: bool) -> None:
        """An offer was answered or refused: after a refusal everything is as it was before."""
        self._lines.settle(cseq, self._current, accepted=accepted or self.phase is not Phase.UP)

    def note_left(self, tag: str) -> bool:
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
        self._lines.close()
        self._tell()

    # Media.

    def take_from_phone(self, index: int, packet: bytes, source: Address) -> None:
        """A datagram arrived on a port for the phone; only the phone's own count."""
        section = self._lines.phone.get(index)
        if section is None or source[0] != section.host:
            return
        self.heard = self._around.clock.time()
        self._watch.note_phone(index, self.heard)
        remote = self._current.remote.get(index)
        if remote is None:
            return
        out = self._current.from_phone(index, packet)
        if out is not None:
            apart = classify(packet) is DatagramKind.RTCP and not self._muxed(section, remote)
            self._lines.opened[index].to_network(out, remote.rtcp if apart else remote.rtp, rtcp=apart)

    def take_from_network(self, index: int, packet: bytes, source: Address, *, rtcp: bool) -> None:
        """A datagram arrived on a port for the network."""
        leg = self._sender(index, source)
        if index not in leg.streams:
            return
        before, now = leg.progress(index), self._around.clock.time()
        arrived = leg.from_network(index, packet, now)
        if not rtcp:
            self._follow(leg, index, source, before)
        section = self._lines.phone.get(index)
        if leg is self._current and section is not None and section.reachable:
            line, rtp = self._lines.opened[index], (section.host, section.port)
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
            remote, line = leg.remote.get(index), self._lines.opened.get(index)
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

    def judge(self, words: str, verdict: CallVerdict, name: str | None) -> None:
        """A person's verdict about these words. Raises VerdictRefused if they are not those of the call now."""
        leg = self._current
        if self.phase is Phase.ENDED or leg.sas is None or leg.muted:
            raise VerdictRefused("This call has no words to compare any more.")
        if leg.sas.rendered != words:
            raise VerdictRefused("The words of this call have changed: look again, and compare the new ones.")
        if verdict is CallVerdict.MATCH:
            leg.note_match(name)
        elif verdict is CallVerdict.MISMATCH:
            leg.note_mismatch()
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
        found = {leg.protection(index) for index in leg.streams}
        hopeless = bool(found) and found <= _NOTHING_WILL_PASS
        if self._watch.check_in_vain(passes=bool(found & _SOMETHING_PASSES), hopeless=hopeless, now=now):
            self.reports_end(self._in_vain)
            return
        speaking = [
            index
            for index, section in self._lines.phone.items()
            if section.kind == "audio" and section.sends and section.reachable and index in leg.remote
        ]
        heard_from = self._watch.silence(speaking, now)
        if heard_from is not None:
            self._say(PHONE_IS_BACK if heard_from else PHONE_IS_SILENT, loud=not heard_from)
        early = sum(leg.counters(index).early for index in leg.streams)
        if early >= IN_CLEAR and self._watch.note_said("plain"):
            self._say(PLAIN_ARRIVES)
        self._tell()

    def _hears_tone(self) -> int | None:
        """The line on which the phone hears that the call is not secure yet: until then nothing else is to be heard."""
        if self.phase is not Phase.UP or self._around.policy is not Policy.REQUIRE:
            return None
        for index, section in self._lines.phone.items():
            listening = section.kind == "audio" and section.receives and section.reachable
            if listening and FORMAT in section.formats:
                return index if self._current.protection(index) is Protection.SECURING else None
        return None

    def _send_tone(self, packet: bytes) -> None:
        index = self._hears_tone()
        if index is not None:
            section = self._lines.phone[index]
            self._lines.opened[index].to_phone(packet, (section.host, section.port), rtcp=False)

    def view(self) -> View:
        """The call as it is now; one that has ended, as it was at the end."""
        if self._last is not None:
            return self._last
        leg = self._current
        streams = tuple((kind, leg.protection(index)) for index, kind in self._lines.protected if index in leg.streams)
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
                raise PolicyRefusal("The call rings at more places than are followed here.")
            leg = self._further_leg(tag, sections)
        if any(leg.announces_another(index, section.zrtp_hashes) for index, section in enumerate(sections)):
            leg = self._replace(leg)
        if self.phase is Phase.RINGING:
            self._current = leg
        return leg

    def _further_leg(self, tag: str, sections: list[Section]) -> Leg:
        """A leg for another far end.

        The first one is for it if it has ZRTP, and the first one's far end shows none, such as a server that plays a
        sound: the Hello that was announced to everybody is of no use there.
        """
        leg, self._second = self._new_leg(tag, self._second), None
        first = self._first
        if first.closed or not first.is_free_for([section.zrtp_hashes for section in sections]):
            return leg
        first.tag, leg.tag = tag, first.tag
        self._legs[first.tag], self._legs[leg.tag] = first, leg
        leg.remote = {} if first.heard else first.remote  # what was heard came from elsewhere, and was followed
        first.remote = {}
        return first

    def _replace(self, leg: Leg) -> Leg:
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
        for index in self._lines.ready(leg):
            leg.start(index, now)
        self.settle(leg)
        self._tell()

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
        if self._watch.note_said(text):
            self._say(text, loud=loud)

    def _say(self, text: str, *, loud: bool = False) -> None:
        self._notice = text
        self._around.tell(ProxyNotice(text=text, call=self.number, loud=loud))

    def _tell(self) -> None:
        self._around.tell(CallChanged(view=self.view()))


_SOMETHING_PASSES: Final = frozenset({Protection.SECURE, Protection.CLEAR})
_NOTHING_WILL_PASS: Final = frozenset({Protection.BLOCKED, Protection.IDLE})
_ORDER: Final = (Protection.BLOCKED, Protection.CLEAR, Protection.SECURING, Protection.IDLE, Protection.SECURE)


def _worst(protections: list[Protection]) -> Protection:
    return min(protections, key=_ORDER.index, default=Protection.IDLE)
