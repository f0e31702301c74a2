"""Packet indexes of one source: which are plausible, which were used.

SRTP carries 16 bits of a 48-bit packet index. Both ends guess the upper 32 bits, the rollover counter
(ROC), from the highest index so far, and both refuse an index that was used before: the receiver because it
is a replay, the sender because the same keystream must not encrypt two packets.
"""

from __future__ import annotations

from zrtp.media.srtp.errors import SrtpReplayed

WINDOW = 128
"""Packets behind the highest index that may still arrive; RFC 3711 section 3.3.2 asks for 64 or more."""


class PacketHistory:
    """The highest index of a source and which of the last `WINDOW` indexes were used.

    `place` and `check` say whether an index may be used, `record` notes that it was: between the two the caller
    verifies the packet, so that a forgery leaves no trace here.

    `highest` continues a source of which nothing is known but its highest index: nothing up to there may be used.
    """

    __slots__ = ("_used", "highest")

    def __init__(self, highest: int = -1) -> None:
        self.highest = highest
        """Highest index used so far, -1 before the first."""
        self._used = 0 if highest < 0 else _MASK  # bit n stands for the index `highest - n`

    def place(self, sequence: int) -> int:
        """The index of a packet with this RTP sequence number, if it may be used; raises SrtpReplayed."""
        index = self.estimate(sequence)
        self.check(index)
        return index

    def estimate(self, sequence: int) -> int:
        """The index that a packet with this RTP sequence number has (RFC 3711 section 3.3.1).

        Of the indexes ending in `sequence` it is the one nearest to the highest so far. The first packet of
        a source has rollover counter 0, and there is nothing before that.
        """
        highest = self.highest
        if highest < 0:
            return sequence
        s_l = highest & 0xFFFF
        index = highest - s_l + sequence
        if s_l < 0x8000:
            if sequence - s_l > 0x8000 and index >= 0x10000:
                return index - 0x10000
        elif s_l - 0x8000 > sequence:
            return index + 0x10000
        return index

    def check(self, index: int) -> None:
        """Raises SrtpReplayed for an index that was used, or is too old to know."""
        age = self.highest - index
        if age < 0:
            return
        if age >= WINDOW:
            raise SrtpReplayed(
                f"Packet {index} is {age} packets behind the newest one, more than the window of {WINDOW}. "
                "A source that starts its numbers again needs a new SSRC."
            )
        if self._used >> age & 1:
            raise SrtpReplayed(f"Packet {index} was already used.")

    def record(self, index: int) -> None:
        """Notes that the packet with this index was accepted or sent."""
        ahead = index - self.highest
        if ahead == 1:
            self._used = (self._used << 1 | 1) & _MASK
            self.highest = index
            return
        if ahead <= 0:
            self._used |= 1 << -ahead
            return
        self._used = (self._used << ahead | 1) & _MASK if ahead < WINDOW else 1
        self.highest = index


_MASK = (1 << WINDOW) - 1
