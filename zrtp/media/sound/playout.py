"""The playout buffer: packets come when the network likes, the loudspeaker takes 10 ms every 10 ms.

Time is counted in samples that were pulled; there is no other clock. The *playhead* is the sender's timestamp of
the next sample to be heard. How *early* a packet comes is its timestamp less the playhead: below zero it is late,
and lost. One rule moves the playhead: of the packets of the last two seconds the latest few shall be 10 ms early, the
fastest between 20 and 200 ms.
"""

from __future__ import annotations

from array import array
from collections import deque
from typing import Final

from zrtp.media.rtp import RtpPacket
from zrtp.media.sound import g711
from zrtp.media.sound.concealment import Concealment

MILLISECOND: Final = g711.RATE // 1000

LEAST: Final = 20 * MILLISECOND
"""How early the fastest packets are at least: the delay that the buffer adds on a perfect network."""

MOST: Final = 200 * MILLISECOND
"""How early they are at most: the delay that it adds on a bad one."""

_WANTED: Final = 10 * MILLISECOND
"""How early the latest few shall come."""
_TOO_SHORT: Final = 5 * MILLISECOND
_TOO_LONG: Final = 10 * MILLISECOND
"""What the delay may lack or exceed before the playhead is moved: most of the time nothing is touched."""

_WATCHED: Final = 100
"""Packets that the rule looks at."""
_FORGIVEN: Final = 50
"""One packet in so many may be later than the rule says."""
_ALL_LATE: Final = 10
"""So many late packets in a row are a path that became longer, not bad luck."""

_JUMP: Final = 10 * g711.RATE
"""A timestamp so far away is another clock: the sender started anew."""

_QUIET: Final = 64
"""Sound below this peak can be cut or lengthened unheard."""

_CUT_EVERY: Final = 5
"""Packets between two cuts."""


class PlayoutBuffer:
    """Takes packets of mu-law in any order, gives samples without end."""

    def __init__(self) -> None:
        self._concealment = Concealment()
        self._waiting: dict[int, array[int]] = {}  # by timestamp without wrap
        self._ssrc: int | None = None
        self._playhead = 0
        self._pulled = 0
        self._standing = 0  # samples for which the playhead still stands
        self._offsets: deque[int] = deque(maxlen=_WATCHED)  # of packets: timestamp less samples pulled at arrival
        self._late_in_a_row = 0
        self._uncut = 0  # packets since the last cut
        self.late = 0
        """Packets that came after their turn."""
        self.starts = 0
        """How often a sender was met: the first packet, another SSRC, another clock."""

    def put(self, packet: RtpPacket) -> None:
        """Take a packet."""
        start = self._playhead + _distance(self._playhead, packet.timestamp)
        if packet.ssrc != self._ssrc or abs(start - self._playhead) > _JUMP or self._late_in_a_row == _ALL_LATE:
            start = self._start_with(packet)
        if start in self._waiting or len(self._waiting) == _WATCHED or not packet.payload:
            return
        if start + len(packet.payload) <= self._playhead:
            self.late += 1
            self._late_in_a_row += 1
        else:
            self._late_in_a_row = 0
            self._waiting[start] = g711.decode(packet.payload)
        self._offsets.append(start - self._pulled)
        self._adapt()

    def pull(self, count: int) -> array[int]:
        """The next samples to be heard; silence as long as there is nothing."""
        out = array("h")
        while len(out) < count:
            out += self._some(count - len(out))
        self._pulled += count
        return out

    @property
    def delay(self) -> int:
        """How long the sound of the fastest packet waits for its turn, in samples."""
        return max(self._offsets, default=0) - self._offset

    @property
    def waiting(self) -> int:
        """Packets that wait for their turn."""
        return len(self._waiting)

    @property
    def _offset(self) -> int:
        """Where the playhead is against the samples pulled, once it has stood as long as it shall."""
        return self._playhead - self._pulled - self._standing

    def _start_with(self, packet: RtpPacket) -> int:
        """Another sender, or another clock of it: everything begins again."""
        self._ssrc = packet.ssrc
        self._waiting.clear()
        self._offsets.clear()
        self._late_in_a_row = self._uncut = 0
        self._playhead, self._standing = packet.timestamp, LEAST
        self.starts += 1
        return packet.timestamp

    def _some(self, count: int) -> array[int]:
        """Up to so many samples: what there is of one packet, or what stands for a missing one."""
        if self._standing:
            length = min(count, self._standing)
            self._standing -= length
            return self._concealment.make_up(length)
        found = self._at_playhead(count)
        if found:
            self._playhead += len(found)
            return self._concealment.pass_on(found)
        if not self._waiting:
            self._playhead += count
            return self._concealment.make_up(count)
        following = min(self._waiting)
        left = following - self._playhead
        length = min(count, left)
        self._playhead += length
        return self._concealment.make_up(length, left=left, following=self._waiting[following])

    def _at_playhead(self, count: int) -> array[int]:
        """What there is from the playhead on, up to so many samples. Packets that it has passed go."""
        for start in sorted(self._waiting):
            at = self._playhead - start
            if at < 0:
                break
            if at < len(self._waiting[start]):
                return self._waiting[start][at : at + count]
            del self._waiting[start]
        return array("h")

    def _adapt(self) -> None:
        """The rule: let the playhead stand when packets come too late, leave something out when they come too early."""
        ranked = sorted(self._offsets)
        earliness, delay = ranked[len(ranked) // _FORGIVEN] - self._offset, self.delay
        lacking = max(_WANTED - earliness, LEAST - delay)
        self._uncut += 1
        if delay > MOST:
            self._leave_out(delay - MOST)
        elif lacking > _TOO_SHORT:
            self._standing += min(lacking, MOST - delay)
        elif -lacking > _TOO_LONG and len(ranked) == _WATCHED:
            self._shorten(-lacking)

    def _shorten(self, excess: int) -> None:
        """Leave out silence at any time, and of other sound a pitch period now and then."""
        ahead = self._at_playhead(excess)
        if ahead and max(map(abs, ahead)) < _QUIET:
            self._leave_out(len(ahead))
        elif self._uncut >= _CUT_EVERY and (period := self._concealment.pitch_period) <= excess:
            self._leave_out(period)

    def _leave_out(self, count: int) -> None:
        self._concealment.cut()
        self._playhead += count
        self._uncut = 0


def _distance(reference: int, timestamp: int) -> int:
    """How far a timestamp of 32 bits is ahead of the reference, the short way around."""
    return ((timestamp - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000
