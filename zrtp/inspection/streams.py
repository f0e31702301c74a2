"""Media streams: the two directions of a flow together with what the signalling announced about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zrtp.inspection.calls import Announcement, RecordedCall, RecordedCalls
from zrtp.inspection.flows import Flow, Flows
from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind

MOST_STREAMS: Final = 500
"""Streams of a capture that are described; those with most packets come first."""

NOWHERE: Final[Address] = ("", 0)
_MEDIA: Final = (DatagramKind.RTP, DatagramKind.ZRTP, DatagramKind.DTLS)


@dataclass(slots=True, kw_only=True)
class MediaStream:
    """Two ends that send media to each other."""

    ends: tuple[Address, Address]
    """The caller's side first if there was signalling, otherwise whoever sent first."""
    flows: tuple[Flow | None, Flow | None]
    """What each end sent; None for nothing."""
    call: RecordedCall | None = None
    index: int | None = None
    """Which m= line of the call, from 0."""
    announced: tuple[list[Announcement], list[Announcement]] = field(default_factory=lambda: ([], []))
    """What the signalling said for each end, the oldest first."""
    rtcp: int = 0
    """RTCP packets, on whichever port."""

    @property
    def kind(self) -> str:
        """ "audio" and so on; "media" if the signalling does not say."""
        return next((each.section.kind for side in self.announced for each in side), "media")

    @property
    def name(self) -> str:
        """Both ends, for people."""
        return f"{text_of(self.ends[0])} <-> {text_of(self.ends[1])}"

    @property
    def packets(self) -> int:
        return sum(flow.packets for flow in self.flows if flow is not None)

    @property
    def began(self) -> float:
        times = [flow.first for flow in self.flows if flow is not None]
        return min(times) if times else min(each.time for side in self.announced for each in side)

    @property
    def ended(self) -> float:
        return max((flow.last for flow in self.flows if flow is not None), default=self.began)


def text_of(end: Address) -> str:
    """An address and its port."""
    host, port = end
    if end == NOWHERE:
        return "?"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find(flows: Flows, calls: RecordedCalls) -> list[MediaStream]:
    """The media streams of a capture, in the order of time."""
    pairs: dict[frozenset[Address], list[Flow]] = {}
    for flow in flows.all:
        pairs.setdefault(frozenset((flow.source, flow.destination)), []).append(flow)
    found = [pair for pair in pairs.values() if _is_media(pair, calls)]
    streams = [_stream(pair, calls) for pair in _with_one_way_halves(found, calls)]
    streams.sort(key=lambda stream: -stream.packets)
    streams = streams[:MOST_STREAMS]
    _count_rtcp(streams, pairs)
    streams += _unheard(streams, calls)[:MOST_STREAMS]
    return sorted(streams, key=lambda stream: stream.began)


def _is_media(pair: list[Flow], calls: RecordedCalls) -> bool:
    if any(flow.looks_like_media for flow in pair):
        return True
    announced = any(end in calls.places for flow in pair for end in (flow.source, flow.destination))
    return announced and any(flow.counts.get(kind) for flow in pair for kind in _MEDIA)


def _with_one_way_halves(pairs: list[list[Flow]], calls: RecordedCalls) -> list[list[Flow]]:
    """Flows that answer each other although their ports differ, as the signalling says, become one pair."""
    single: dict[tuple[str, int], list[Flow]] = {}
    united = []
    for pair in pairs:
        place = calls.places.get(pair[0].destination) if len(pair) == 1 else None
        if place is None:
            united.append(pair)
            continue
        call, announcement = place[0]
        half = single.setdefault((call.call_id, announcement.index), [])
        if half and calls.places[half[0].destination][0][1].author != announcement.author:
            united.append([half.pop(), pair[0]])
        else:
            half.append(pair[0])
    return united + [[flow] for half in single.values() for flow in half]


def _stream(pair: list[Flow], calls: RecordedCalls) -> MediaStream:
    one = pair[0]
    other = pair[1] if len(pair) > 1 else None
    ends = (other.destination if other is not None else one.source, one.destination)
    places = (calls.places.get(ends[0], []), calls.places.get(ends[1], []))
    call, index = _call_of(places)
    announced = tuple([each for owner, each in side if owner is call and each.index == index] for side in places)
    stream = MediaStream(
        ends=ends, flows=(one, other), call=call, index=index, announced=(list(announced[0]), list(announced[1]))
    )
    return _caller_first(stream)


def _call_of(places: tuple[list[tuple[RecordedCall, Announcement]], ...]) -> tuple[RecordedCall | None, int | None]:
    """The call that both ends belong to, or else the first that one of them does."""
    keys = [[(call.call_id, each.index) for call, each in side] for side in places]
    common = [key for key in keys[0] if key in keys[1]]
    everything = [(call, each) for side in places for call, each in side]
    for call, each in everything:
        if not common or (call.call_id, each.index) in common:
            return call, each.index
    return None, None


def _caller_first(stream: MediaStream) -> MediaStream:
    left, right = stream.announced
    if not right or (left and left[0].time <= right[0].time):
        return stream
    return MediaStream(
        ends=(stream.ends[1], stream.ends[0]),
        flows=(stream.flows[1], stream.flows[0]),
        call=stream.call,
        index=stream.index,
        announced=(right, left),
    )


def _count_rtcp(streams: list[MediaStream], pairs: dict[frozenset[Address], list[Flow]]) -> None:
    for stream in streams:
        stream.rtcp = sum(flow.counts.get(DatagramKind.RTCP, 0) for flow in stream.flows if flow is not None)
        beside = frozenset(_rtcp_place(end, said) for end, said in zip(stream.ends, stream.announced, strict=True))
        stream.rtcp += sum(flow.counts.get(DatagramKind.RTCP, 0) for flow in pairs.get(beside, []))


def _rtcp_place(end: Address, announced: list[Announcement]) -> Address:
    """Where an end receives RTCP that has a port of its own."""
    port = next((each.section.rtcp_port for each in announced if each.section.rtcp_port), None)
    return end[0], end[1] + 1 if port is None else port


def _unheard(streams: list[MediaStream], calls: RecordedCalls) -> list[MediaStream]:
    """Media that was announced, and of which the capture has no packet."""
    heard = {(stream.call.call_id, stream.index) for stream in streams if stream.call is not None}
    missing = []
    for call in calls.all:
        for index in dict.fromkeys(each.index for each in call.announcements):
            said = [each for each in call.announcements if each.index == index and each.section.addresses]
            if (call.call_id, index) in heard or not said:
                continue
            left = [each for each in said if each.author == said[0].author]
            right = [each for each in said if each.author != said[0].author]
            ends = (left[0].section.addresses[0], right[0].section.addresses[0] if right else NOWHERE)
            missing.append(MediaStream(ends=ends, flows=(None, None), call=call, index=index, announced=(left, right)))
    return missing
