"""Flows: what one address and port sent to another one by UDP, counted by protocol and by source.

This runs for every datagram of the capture. Of ordinary media only the first packets are kept, of ZRTP and DTLS
handshakes everything as far as the budget of the inspection goes.
"""

from __future__ import annotations

from typing import Final

from zrtp.inspection.budget import Budget
from zrtp.inspection.packets import ends_of
from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind, classify

MOST_FLOWS: Final = 20_000
"""Flows at the same time; beyond, those that look least like media are forgotten."""

MOST_SOURCES: Final = 64
"""SSRCs of one flow that are told apart."""

MOST_TYPES: Final = 16
SAMPLED: Final = 48
"""Packets of each source that are kept: to see whether they look encrypted, and to try keys on."""

MOST_ZRTP: Final = 5000
MOST_DTLS: Final = 200
"""Datagrams of one flow that are kept."""

MOST_MOMENTS: Final = 16

_RUN: Final = 3
"""Packets in a row with rising sequence numbers after which a flow counts as RTP."""

_LONGEST_STEP: Final = 100
_TYPE: Final = slice(16, 24)
_NEW_KEYS: Final = frozenset({b"Confirm2", b"Conf2ACK", b"GoClear ", b"ClearACK"})
"""Messages after which their sender's media is under other keys than before."""

_RTP, _RTCP, _ZRTP, _DTLS, _STUN = (
    DatagramKind.RTP,
    DatagramKind.RTCP,
    DatagramKind.ZRTP,
    DatagramKind.DTLS,
    DatagramKind.STUN,
)

Datagram = tuple[int, float, bytes]
"""Number in the order of the capture, time, and payload."""


class RtpSource:
    """The RTP packets of one SSRC in one flow."""

    __slots__ = ("first", "last", "octets", "packets", "rises", "samples", "sequence", "since_new_keys", "types")

    def __init__(self, time: float) -> None:
        self.first = self.last = time
        self.packets = 0
        self.octets = 0
        self.since_new_keys = 0
        """Packets after the last message that ended or began the use of keys."""
        self.sequence = -1
        self.rises = 0
        self.types: set[int] = set()
        self.samples: list[bytes] = []


class Flow:
    """One direction between two ends."""

    __slots__ = (
        "counts",
        "cut",
        "destination",
        "dtls",
        "first",
        "key",
        "last",
        "moments",
        "octets",
        "packets",
        "rtp_before_keys",
        "source",
        "sources",
        "unkept",
        "zrtp",
    )

    def __init__(self, key: bytes, time: float) -> None:
        self.key = key
        self.source: Address
        self.destination: Address
        self.source, self.destination = ends_of(key)
        self.first = self.last = time
        self.packets = 0
        self.octets = 0
        self.cut = 0
        """Datagrams of which the capture has only the beginning."""
        self.counts: dict[DatagramKind, int] = {}
        self.sources: dict[bytes, RtpSource] = {}
        """By the four octets of the SSRC."""
        self.zrtp: list[Datagram] = []
        self.dtls: list[Datagram] = []
        self.unkept = 0
        """Datagrams with ZRTP or DTLS for which there was no room."""
        self.moments: list[float] = []
        """When this side sent one of the messages after which other keys are in use."""
        self.rtp_before_keys = 0
        """RTP packets before the first of them."""

    @property
    def rtp(self) -> int:
        """RTP and SRTP packets."""
        return self.counts.get(_RTP, 0)

    @property
    def looks_like_media(self) -> bool:
        """Whether the octets alone say that this is a media flow."""
        return bool(self.zrtp) or any(source.rises >= _RUN for source in self.sources.values())


class Flows:
    """All flows of a capture."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._flows: dict[bytes, Flow] = {}
        self._number = 0
        self.forgotten = 0
        """Flows that were let go because there were too many."""

    @property
    def all(self) -> list[Flow]:
        """In the order of their first datagram."""
        return list(self._flows.values())

    def datagram(self, time: float, key: bytes, payload: bytes, whole: bool) -> None:
        """Take the payload of one UDP datagram."""
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                self._forget()
            flow = self._flows[key] = Flow(key, time)
        flow.packets += 1
        flow.octets += len(payload)
        flow.last = time
        kind = classify(payload)
        flow.counts[kind] = flow.counts.get(kind, 0) + 1
        if kind is _RTP:
            self._media(flow, time, payload)
        elif not whole:
            flow.cut += 1
        elif kind is _ZRTP:
            self._zrtp(flow, time, payload)
        elif kind is _DTLS:
            self._keep(flow, flow.dtls, MOST_DTLS, time, payload)

    def _media(self, flow: Flow, time: float, payload: bytes) -> None:
        ssrc = payload[8:12]
        source = flow.sources.get(ssrc)
        if source is None:
            if len(flow.sources) >= MOST_SOURCES:
                return
            source = flow.sources[ssrc] = RtpSource(time)
        source.packets += 1
        source.octets += len(payload)
        source.last = time
        sequence = payload[2] << 8 | payload[3]
        if 0 < (sequence - source.sequence & 0xFFFF) < _LONGEST_STEP:
            source.rises += 1
        source.sequence = sequence
        if flow.moments:
            source.since_new_keys += 1
        else:
            flow.rtp_before_keys += 1
        samples = source.samples
        if len(samples) < SAMPLED:
            if len(source.types) < MOST_TYPES:
                source.types.add(payload[1] & 0x7F)
            if self._budget.take(len(payload)):
                samples.append(payload)

    def _zrtp(self, flow: Flow, time: float, payload: bytes) -> None:
        self._keep(flow, flow.zrtp, MOST_ZRTP, time, payload)
        if payload[_TYPE] not in _NEW_KEYS:
            return
        if len(flow.moments) < MOST_MOMENTS:
            flow.moments.append(time)
        for source in flow.sources.values():
            self._budget.left += sum(map(len, source.samples))
            source.samples.clear()
            source.since_new_keys = 0

    def _keep(self, flow: Flow, kept: list[Datagram], most: int, time: float, payload: bytes) -> None:
        if len(kept) < most and self._budget.take(len(payload)):
            self._number += 1
            kept.append((self._number, time, payload))
        else:
            flow.unkept += 1

    def _forget(self) -> None:
        """Let the older half go of what does not look like media, or the oldest flow of all."""
        plain = [key for key, flow in self._flows.items() if not flow.looks_like_media]
        for key in plain[: len(plain) // 2 + 1] or list(self._flows)[:1]:
            flow = self._flows.pop(key)
            kept = [sample for source in flow.sources.values() for sample in source.samples]
            kept += [payload for _, _, payload in flow.zrtp + flow.dtls]
            self._budget.left += sum(map(len, kept))
            self.forgotten += 1
