"""The media lines of a call, and what session descriptions make of them (RFC 3264).

A line is one m= section: four UDP ports, RTP and RTCP towards the phone and towards the network. It belongs to the
call, so that the same description always leaves with the same ports. Who is at its far end is a leg's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.media.addresses import Address
from zrtp.proxy.description import ON_HOLD, Section, SectionChange, rewritten
from zrtp.proxy.leg import Leg, Remote
from zrtp.proxy.policy import Handling, Policy, PolicyRefusal, handling_of_network, handling_of_phone
from zrtp.proxy.sentences import NOT_RTP, NOTHING_LEFT, OPTIONAL_KEYS, OWN_ENCRYPTION, PASSES_BY
from zrtp.proxy.surroundings import MediaPorts, Surroundings

MOST_OFFERS: Final = 4
"""Offers that are open at the same time."""


@dataclass(slots=True)
class _Snapshot:
    """What an offer replaces, in case it is refused."""

    phone: dict[int, Section]
    remote: dict[int, Remote]
    handling: dict[int, Handling]


class MediaLines:
    """Of one call. `say` is told what a person has to know."""

    def __init__(
        self, around: Surroundings, open_line: Callable[[int], MediaPorts], say: Callable[[str], None]
    ) -> None:
        self.phone: dict[int, Section] = {}
        """What the phone wants of each line that is protected."""
        self.opened: dict[int, MediaPorts] = {}
        self._around = around
        self._open_line = open_line
        self._say = say
        self._kinds: dict[int, str] = {}
        self._handling: dict[int, Handling] = {}
        self._profile: dict[int, str] = {}
        self._before: dict[int, _Snapshot] = {}
        self._refused = ""  # why a section was

    def outward(
        self, text: str, sections: list[Section], leg: Leg, second: Leg | None, *, offer: bool, cseq: int
    ) -> str:
        """The phone's description for the network. `second` has the Hello for a second place that answers.

        Raises MalformedDescription, and PolicyRefusal if nothing of an offer may pass.
        """
        if offer:
            self._remember(cseq, leg)
        changes: list[SectionChange | None] = []
        for index, section in enumerate(sections):
            self._kinds[index] = section.kind
            if offer:
                self._handling[index] = self._handling_of_phone(section)
            changes.append(self._outward(leg, second, index, section))
        if offer:
            self._refuse_unless_something_passes(sections)
        return rewritten(text, self._around.network_host, changes)

    def inward(self, text: str, sections: list[Section], leg: Leg, *, offer: bool, cseq: int) -> str:
        """The far end's description for the phone. Raises MalformedDescription and PolicyRefusal."""
        if offer:
            self._remember(cseq, leg)
        changes: list[SectionChange | None] = []
        for index, section in enumerate(sections):
            self._kinds[index] = section.kind
            if offer:
                self._handling[index] = self._handling_of_network(section)
            changes.append(self._inward(leg, index, section))
        if offer:
            self._refuse_unless_something_passes(sections)
        return rewritten(text, self._around.phone_host, changes)

    def settle(self, cseq: int, leg: Leg, *, accepted: bool) -> None:
        """An offer was answered or refused: after a refusal everything is as it was before."""
        before = self._before.pop(cseq, None)
        if before is not None and not accepted:
            self.phone, self._handling = before.phone, before.handling
            leg.remote = before.remote

    def audio_only(self) -> None:
        """Without signalling: one line, which is open from now on. Raises PolicyRefusal."""
        self._kinds[0], self._handling[0] = "audio", Handling.PROTECTED
        self._line(0)

    def phone_is_at(self, address: Address) -> None:
        """Without signalling: where the phone is, and wants its media."""
        host, port = address
        self.phone[0] = Section(
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

    @property
    def protected(self) -> list[tuple[int, str]]:
        """The lines that are: number, and "audio", "video", ..."""
        return [
            (index, self._kinds[index])
            for index in sorted(self._handling)
            if self._handling[index] is Handling.PROTECTED
        ]

    def ready(self, leg: Leg) -> list[int]:
        """The lines of which both sides have said where they are."""
        return [index for index, _ in self.protected if index in leg.remote and index in self.phone]

    def close(self) -> None:
        """Close all ports."""
        for line in self.opened.values():
            line.close()

    def _handling_of_phone(self, section: Section) -> Handling:
        return handling_of_phone(
            used=section.used,
            plain_rtp=section.plain_rtp,
            secure_profile=section.secure_profile,
            has_keys=section.has_keys,
            policy=self._around.policy,
        )

    def _handling_of_network(self, section: Section) -> Handling:
        return handling_of_network(
            used=section.used,
            plain_rtp=section.plain_rtp,
            secure_profile=section.secure_profile,
            policy=self._around.policy,
        )

    def _handling_of(self, index: int, section: Section) -> Handling:
        return self._handling.get(index, Handling.UNUSED) if section.used else Handling.UNUSED

    def _outward(self, leg: Leg, second: Leg | None, index: int, section: Section) -> SectionChange | None:
        handling = self._handling_of(index, section)
        if handling is Handling.PROTECTED:
            self.phone[index] = section
            return SectionChange(
                port=self._line(index).network_port,
                hello_hash=leg.hello_hash(index, section.ssrc),
                fork_hash=second.hello_hash(index, section.ssrc) if second is not None else None,
                protocol=self._profile.get(index),
            )
        self.phone.pop(index, None)
        if handling is Handling.LEFT_ALONE:
            self._refuse_a_fall_back(section)
            own = section.secure_profile or section.has_keys
            self._say((OWN_ENCRYPTION if own else PASSES_BY).format(section.kind))
            return None
        if handling is Handling.REFUSED:
            self._refused = (OPTIONAL_KEYS if section.has_keys else NOT_RTP).format(section.kind)
            self._say(self._refused)
        return SectionChange(port=0)

    def _inward(self, leg: Leg, index: int, section: Section) -> SectionChange | None:
        handling = self._handling_of(index, section)
        leg.remote.pop(index, None)
        if handling is Handling.PROTECTED:
            if section.host not in ON_HOLD:
                leg.remote[index] = Remote((section.host, section.port), section.rtcp, section.mux)
            leg.expect(index, section.zrtp_hashes, section.fork_hashes)
            plain = section.protocol.replace("SAVP", "AVP") if section.secure_profile else None
            if plain is not None:
                self._profile[index] = section.protocol
            return SectionChange(port=self._line(index).phone_port, protocol=plain, keys=False)
        if handling is Handling.LEFT_ALONE:
            self._refuse_a_fall_back(section)
            return None
        return SectionChange(port=0)

    def _refuse_a_fall_back(self, section: Section) -> None:
        """What was left alone since it is encrypted must not become clear in the answer."""
        if self._around.policy is Policy.REQUIRE and not section.secure_profile:
            raise PolicyRefusal(f"The {section.kind} of this call would leave in clear.")

    def _refuse_unless_something_passes(self, sections: list[Section]) -> None:
        used = [self._handling[index] for index, section in enumerate(sections) if section.used]
        if used and all(handling is Handling.REFUSED for handling in used):
            raise PolicyRefusal(f"{NOTHING_LEFT}: {self._refused or 'it is neither RTP nor encrypted by the phone.'}")

    def _line(self, index: int) -> MediaPorts:
        if index not in self.opened:
            try:
                self.opened[index] = self._open_line(index)
            except OSError as error:
                raise PolicyRefusal(
                    f"The UDP ports of this call cannot be opened: {error.strerror or error}."
                ) from error
        return self.opened[index]

    def _remember(self, cseq: int, leg: Leg) -> None:
        if cseq not in self._before:
            self._before[cseq] = _Snapshot(dict(self.phone), dict(leg.remote), dict(self._handling))
            while len(self._before) > MOST_OFFERS:
                self._before.pop(next(iter(self._before)))
