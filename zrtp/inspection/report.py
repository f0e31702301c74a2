"""Inspects a capture: everything that is to be said about it, for people (`text`, `svg`) and machines (`machine`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zrtp.inspection import dtls, judgement, legs, streams
from zrtp.inspection.calls import RecordedCall
from zrtp.inspection.capture import Capture
from zrtp.inspection.decryption import Count, Opener, of_sdes
from zrtp.inspection.dtls import Half
from zrtp.inspection.evidence import Evidence, Judgement, look_at
from zrtp.inspection.exchange import RecordedExchange
from zrtp.inspection.keys import KeyFile
from zrtp.inspection.observer import Observer
from zrtp.inspection.packets import Packets
from zrtp.inspection.recording import ProgressReport, Recording
from zrtp.inspection.streams import MediaStream, text_of
from zrtp.inspection.unsealing import Unsealed, unseal
from zrtp.media.addresses import Address
from zrtp.media.demux import DatagramKind, classify
from zrtp.protocol.events import SrtpKeys

LONGEST_NAME: Final = 24
"""Characters of a name from the signalling."""


@dataclass(slots=True, kw_only=True)
class StreamReport:
    """One media stream, and what became of it."""

    number: int
    """From 1."""
    stream: MediaStream
    names: tuple[str, str]
    """Of the two ends: the user's in the signalling, otherwise address and port."""
    exchanges: list[RecordedExchange]
    dtls: tuple[Half, Half]
    judgement: Judgement
    unsealed: dict[int, Unsealed] = field(default_factory=dict)
    """By the place in `exchanges`: what a given secret revealed."""
    opened: tuple[Count, Count] | None = None
    """What each end sent that the given keys opened; None without keys."""


@dataclass(slots=True, kw_only=True)
class Report:
    """A whole capture."""

    path: Path
    size: int
    frames: int
    began: float | None
    """Seconds since 1970; None if there is no frame."""
    ended: float
    problems: list[str]
    calls: list[RecordedCall]
    tls: list[tuple[Address, Address]]
    streams: list[StreamReport]


def inspect(path: Path, keys: KeyFile | None = None, progress: ProgressReport | None = None) -> Report:
    """Read a capture and judge its streams; with keys it is read twice.

    Raises CaptureUnreadable for a file that is no capture; whatever is in one that is gives a report.
    """
    keys = keys or KeyFile()
    recording = Recording(path, progress)
    found = [
        _stream(number, stream, recording)
        for number, stream in enumerate(streams.find(recording.flows, recording.calls), start=1)
    ]
    legs.compare(found)
    if keys:
        _decrypt(path, found, keys, progress)
    return Report(
        path=path,
        size=recording.size,
        frames=recording.frames,
        began=recording.began,
        ended=recording.ended,
        problems=recording.problems,
        calls=recording.calls.all,
        tls=recording.tls,
        streams=found,
    )


def _stream(number: int, stream: MediaStream, recording: Recording) -> StreamReport:
    names = _names(stream)
    exchanges = _observe(stream, names)
    left, right = (dtls.read(flow.dtls if flow is not None else ()) for flow in stream.flows)
    evidence = Evidence(
        stream=stream,
        names=names,
        exchanges=exchanges,
        dtls=(left, right),
        looks=look_at(stream),
        tls=recording.tls,
    )
    return StreamReport(
        number=number,
        stream=stream,
        names=names,
        exchanges=exchanges,
        dtls=(left, right),
        judgement=judgement.judge(evidence),
    )


def _observe(stream: MediaStream, names: tuple[str, str]) -> list[RecordedExchange]:
    datagrams = [
        (number, time, side, payload)
        for side, flow in enumerate(stream.flows)
        if flow is not None
        for number, time, payload in flow.zrtp
    ]
    observer = Observer(names)
    for _, time, side, payload in sorted(datagrams):
        observer.datagram(time, side, payload)
    return [exchange for exchange in observer.exchanges if exchange.steps]


def _names(stream: MediaStream) -> tuple[str, str]:
    """What the signalling calls the two ends, if they can be told apart by it."""
    addresses = (text_of(stream.ends[0]), text_of(stream.ends[1]))
    call = stream.call
    if call is None or not all(stream.announced):
        return addresses
    users = (_shown(call.caller), _shown(call.callee))
    return users if users[0] != users[1] and all(users) else addresses


def _shown(user: str) -> str:
    """The part before the @, without anything that a terminal would obey."""
    return "".join(each for each in user.partition("@")[0] if each.isprintable())[:LONGEST_NAME].strip()


# With keys


def _decrypt(path: Path, found: list[StreamReport], keys: KeyFile, progress: ProgressReport | None) -> None:
    """Open what the keys open; the capture is read once more, since its media was not kept."""
    for report in found:
        for place, exchange in enumerate(report.exchanges):
            unsealed = unseal(exchange, keys)
            if unsealed is not None:
                report.unsealed[place] = unsealed
                if unsealed.zrtpsess is not None:
                    keys = KeyFile(keys.sdes, keys.s0, (*keys.zrtpsess, unsealed.zrtpsess))
    openers: dict[bytes, Opener] = {}
    for report in found:
        left, right = (_opener(report, side, keys, openers) for side in (0, 1))
        report.opened = (left.count, right.count)
    _try_all(path, openers, progress)


def _opener(report: StreamReport, side: int, keys: KeyFile, openers: dict[bytes, Opener]) -> Opener:
    srtp: list[SrtpKeys] = [unsealed.srtp[side] for unsealed in report.unsealed.values()]
    opener = Opener([*srtp, *of_sdes(keys.sdes)])
    flow = report.stream.flows[side]
    if flow is not None:
        openers[flow.key] = opener
    return opener


def _try_all(path: Path, openers: dict[bytes, Opener], progress: ProgressReport | None) -> None:
    def datagram(_time: float, key: bytes, payload: bytes, whole: bool) -> None:
        opener = openers.get(key)
        if opener is not None and whole and classify(payload) is DatagramKind.RTP:
            opener.packet(payload)

    packets = Packets(udp=datagram, tcp=lambda *_: None)
    capture = Capture(path)
    for time, link, frame, whole in capture.frames():
        packets.frame(time, link, frame, whole)
        if progress is not None and not capture.packets % 1024:
            progress(capture.octets_read, capture.size)
