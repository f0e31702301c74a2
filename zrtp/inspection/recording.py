"""One pass over a capture: everything that is kept of it, sorted into flows and calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from zrtp.inspection import sip
from zrtp.inspection.budget import Budget
from zrtp.inspection.calls import RecordedCalls
from zrtp.inspection.capture import Capture
from zrtp.inspection.flows import Flows
from zrtp.inspection.packets import Packets, ends_of
from zrtp.inspection.tcp import Connections
from zrtp.media.addresses import Address

ProgressReport = Callable[[int, int], None]
"""Takes the octets that were read so far, and those of the file."""

STEP: Final = 8192
"""Frames between two calls of a Progress."""


class Recording:
    """A capture that was read to its end, or to where it is broken."""

    def __init__(self, path: Path, progress: ProgressReport | None = None) -> None:
        """Reads the file. Raises CaptureUnreadable if it is no capture."""
        budget = Budget()
        capture = Capture(path)
        self.flows = Flows(budget)
        self.calls = RecordedCalls(budget)
        self._connections = Connections(self._add_tcp)
        self._packets = Packets(udp=self._add_udp, tcp=self._connections.segment)
        self.began: float | None = None
        self.ended = 0.0
        self._read(capture, progress)
        self.size = capture.size
        self.frames = capture.packets
        self.problems = self._problems(capture, budget)

    @property
    def tls(self) -> list[tuple[Address, Address]]:
        """Connections that carry TLS on the port of SIP, sender and receiver of one direction each."""
        return [ends_of(key) for key in self._connections.tls]

    def _read(self, capture: Capture, progress: ProgressReport | None) -> None:
        take = self._packets.frame
        ended = 0.0
        for time, link, frame, whole in capture.frames():
            if self.began is None:
                self.began = time
            ended = time
            take(time, link, frame, whole)
            if progress is not None and not capture.packets % STEP:
                progress(capture.octets_read, capture.size)
        self.ended = ended

    def _add_udp(self, time: float, key: bytes, payload: bytes, whole: bool) -> None:
        if 65 <= (payload[0] if payload else 0) <= 90 and sip.begins(payload):
            self.calls.add(time, *ends_of(key), "UDP", payload)
        else:
            self.flows.datagram(time, key, payload, whole)

    def _add_tcp(self, time: float, key: bytes, message: bytes) -> None:
        self.calls.add(time, *ends_of(key), "TCP", message)

    def _problems(self, capture: Capture, budget: Budget) -> list[str]:
        """Sentences about what could not be read or kept."""
        packets, calls, flows = self._packets, self.calls, self.flows
        cut = sum(flow.cut for flow in flows.all)
        unkept = sum(flow.unkept for flow in flows.all)
        links = ", ".join(str(link) for link in sorted(packets.links))
        found = {
            capture.problem or "": bool(capture.problem),
            f"Frames of link type {links} are not understood here.": bool(links),
            f"{packets.malformed} packets have headers that contradict themselves.": packets.malformed > 0,
            f"Of {cut} packets only the beginning was recorded: record whole packets (tcpdump -s 0).": cut > 0,
            f"{calls.malformed} messages begin like SIP and cannot be read.": calls.malformed > 0,
            f"{calls.cut} SIP messages are shorter than they say.": calls.cut > 0,
            f"There are too many flows at once: {flows.forgotten} were left out.": flows.forgotten > 0,
            f"Of so many ZRTP and DTLS packets {unkept} were only counted.": unkept > 0,
            "There is more than is kept in memory: what came late was only counted.": budget.refused > 0,
        }
        return [text for text, there in found.items() if there]
