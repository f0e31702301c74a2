"""Messages that are too long for one datagram: cutting them, and putting them together within fixed bounds.

An extension of bzrtp, for the long keys of KEMs; hashes and MACs never see it. Fragments are not authenticated,
so a receiver holds one message at a time, of bounded length, for a bounded time, and takes every word exactly
once.
"""

from __future__ import annotations

from bisect import bisect_left

from zrtp.errors import ApiMisuse, MalformedPacket
from zrtp.wire.packet import CRC, FRAGMENT_HEADER, Fragment

SMALLEST_MTU = 600
"""Octets; the smallest size that the extension allows for a datagram."""

ASSEMBLY_TIMEOUT = 10.0
"""Seconds after which an unfinished message is given up."""

STALLED = 1.5
"""Seconds without a new part after which a message gives way to an older one: more than one interval of T2."""


def split(message: bytes, mtu: int) -> list[tuple[int, bytes]]:
    """Cut a message into parts for datagrams of at most `mtu` octets: (offset in words, data) each.

    Raises ApiMisuse unless the MTU is a multiple of 4 and at least 600.
    """
    if mtu < SMALLEST_MTU or mtu % 4:
        raise ApiMisuse(f"An MTU has to be a multiple of 4 and at least {SMALLEST_MTU} octets, not {mtu}.")
    payload = mtu - FRAGMENT_HEADER - CRC
    return [(start // 4, message[start : start + payload]) for start in range(0, len(message), payload)]


class Reassembler:
    """The fragments of one stream on their way to a message."""

    __slots__ = ("_assembly", "_limit_octets", "_timeout")

    def __init__(self, limit_octets: int, timeout: float = ASSEMBLY_TIMEOUT) -> None:
        """`limit_octets`: the longest message of an offered key agreement; `timeout` in seconds."""
        self._limit_octets = limit_octets
        self._timeout = timeout
        self._assembly: _Assembly | None = None

    def add(self, fragment: Fragment, now: float) -> bytes | None:
        """Take one fragment; the message when this was the last one missing, else None.

        A fragment of an older message and an exact repetition change nothing, a newer message takes the place
        of the older one; a message of which nothing new comes gives way to an older one too, so that one forged
        fragment with a high message id does not keep the peer's out. Only the length of the message is certain:
        its frame still has to be checked, as in a packet.

        Raises:
            MalformedPacket: a fragment exceeds the bounds or contradicts earlier ones; what is there stays.
        """
        self.expire(now)
        self._check_bounds(fragment)
        assembly = self._assembly
        if assembly is not None and fragment.message_id < assembly.message_id:
            if now - assembly.progressed < STALLED:
                return None
            assembly = None
        if assembly is None or fragment.message_id > assembly.message_id:
            assembly = self._assembly = _Assembly(fragment.message_id, fragment.total_words, now)
        assembly.add(fragment, now)
        if not assembly.complete:
            return None
        self._assembly = None
        return bytes(assembly.octets)

    def expire(self, now: float) -> None:
        """Give an unfinished message up when its time is over."""
        if self._assembly is not None and now - self._assembly.started >= self._timeout:
            self._assembly = None

    @property
    def octets_held(self) -> int:
        """Size of the message that is being put together; 0 when there is none."""
        return 0 if self._assembly is None else len(self._assembly.octets)

    def _check_bounds(self, fragment: Fragment) -> None:
        if fragment.message_id == 0:
            raise MalformedPacket("A fragment has the message id 0.")
        if 4 * fragment.total_words > self._limit_octets:
            raise MalformedPacket(
                f"A message of {fragment.total_words} words in fragments exceeds {self._limit_octets} octets."
            )
        words, rest = divmod(len(fragment.data), 4)
        if not words or rest:
            raise MalformedPacket("A fragment does not carry a number of whole words.")
        if fragment.offset_words + words > fragment.total_words:
            raise MalformedPacket("A fragment reaches beyond the end of its message.")


class _Assembly:
    """One message with gaps."""

    __slots__ = ("_ends", "_missing", "_starts", "message_id", "octets", "progressed", "started")

    def __init__(self, message_id: int, total_words: int, started: float) -> None:
        self.message_id = message_id
        self.started = self.progressed = started
        self.octets = bytearray(4 * total_words)
        self._missing = len(self.octets)
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def complete(self) -> bool:
        # Parts never overlap and lie inside the message, so nothing missing means every word came once.
        return self._missing == 0

    def add(self, fragment: Fragment, now: float) -> None:
        if 4 * fragment.total_words != len(self.octets):
            raise MalformedPacket("Two fragments of one message disagree about its length.")
        start = 4 * fragment.offset_words
        end = start + len(fragment.data)
        place = bisect_left(self._starts, start)
        if self._is_repetition(place, start, end, fragment.data):
            return
        if (place and self._ends[place - 1] > start) or (place < len(self._starts) and self._starts[place] < end):
            raise MalformedPacket("Two fragments of one message overlap.")
        self._starts.insert(place, start)
        self._ends.insert(place, end)
        self.octets[start:end] = fragment.data
        self._missing -= len(fragment.data)
        self.progressed = now

    def _is_repetition(self, place: int, start: int, end: int, data: bytes) -> bool:
        return (
            place < len(self._starts)
            and self._starts[place] == start
            and self._ends[place] == end
            and self.octets[start:end] == data
        )
