"""Messages that are too long for one datagram: cutting them, and putting them together within fixed bounds.

An extension of bzrtp, for the long keys of KEMs; hashes and MACs never see it. Fragments are not authenticated, and
anybody can send one under the peer's SSRC and message id. So none displaces another: parts are kept side by side, each
new one is tried with those that came last, and every message that results is handed over. The receiver drops what
does not decode or fails its hash or MAC.

The sequence numbers of one copy follow each other, which somebody who does not see the packets cannot imitate: parts
from numbers far apart make a message only after each has come twice. Otherwise one forged part, waiting at its place,
would get into a message whose MAC is verified only when the call is already lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice, pairwise

from zrtp.errors import EngineDefect, MalformedPacket
from zrtp.wire.packet import CRC, FRAGMENT_HEADER, Fragment

SMALLEST_MTU = 600
"""Octets; the smallest size that the extension allows for a datagram."""

ASSEMBLY_TIMEOUT = 10.0
"""Seconds after which a part that did not come again is given up."""

PARTS = 128
"""So many parts are kept; beyond them the one that came longest ago is given up."""

MESSAGES_HELD = 32
"""The parts together are at most as long as so many of the longest messages."""

TRIED = 16
"""So many parts of one message, the last that came, are tried with a new one."""

WAYS = 32
"""So many ways to put a message together are looked at for each fragment."""

MESSAGES_FOR_ONE = 4
"""At most so many messages come of one fragment."""

NEAR = 64
"""Sequence numbers of copies of one message differ by less."""


def split(message: bytes, mtu: int) -> list[tuple[int, bytes]]:
    """Cut a message into parts for datagrams of at most `mtu` octets: (offset in words, data) each.

    Raises EngineDefect unless the MTU is a multiple of 4 and at least 600.
    """
    if mtu < SMALLEST_MTU or mtu % 4:
        raise EngineDefect(f"An MTU has to be a multiple of 4 and at least {SMALLEST_MTU} octets, not {mtu}.")
    payload = mtu - FRAGMENT_HEADER - CRC
    return [(start // 4, message[start : start + payload]) for start in range(0, len(message), payload)]


class Reassembler:
    """The fragments of one stream on their way to messages."""

    __slots__ = ("_delivered", "_limit_octets", "_octets", "_parts", "_timeout")

    def __init__(self, limit_octets: int, timeout: float = ASSEMBLY_TIMEOUT) -> None:
        """`limit_octets`: the longest message of an offered key agreement; `timeout` in seconds."""
        self._limit_octets = limit_octets
        self._timeout = timeout
        self._parts: OrderedDict[_Key, _Part] = OrderedDict()
        """The one that came longest ago first."""
        self._octets = 0
        self._delivered: OrderedDict[tuple[_Part, ...], int] = OrderedDict()
        """Messages that were handed over, with the first sequence number of the copy that brought them last."""

    def add(self, fragment: Fragment, now: float) -> list[bytes]:
        """Take one fragment; the messages that it completes, the likeliest first, mostly none or one.

        A message that is known is handed over again with the first part of it that comes of a further copy: whoever
        repeats it has no answer yet. Only its length is certain: its frame still has to be checked, as in a packet.

        Raises:
            MalformedPacket: a fragment exceeds the bounds; what is there stays.
        """
        self.expire(now)
        self._check_bounds(fragment)
        part = self._keep(fragment, now)
        recent = self._tried_with(part)
        messages: list[bytes] = []
        for parts in islice(_tilings(part, recent), WAYS):
            copy = (fragment.sequence - parts.index(part)) & 0xFFFF
            known = self._delivered.get(parts)
            if copy == known or (known is None and not _belong_together(parts, recent)):
                continue
            self._delivered[parts] = copy
            messages.append(b"".join(each.data for each in parts))
            if len(messages) == MESSAGES_FOR_ONE:
                break
        while len(self._delivered) > PARTS:
            self._delivered.popitem(last=False)
        return messages

    def expire(self, now: float) -> None:
        """Give up parts whose time is over."""
        while self._parts and now - next(iter(self._parts.values())).seen >= self._timeout:
            self._drop_oldest()

    @property
    def octets_held(self) -> int:
        """Length of all parts that are kept."""
        return self._octets

    def _keep(self, fragment: Fragment, now: float) -> _Part:
        """The part, as the one that came last; a repetition is the same part."""
        key = (fragment.message_id, fragment.total_words, fragment.offset_words, fragment.data)
        part = self._parts.pop(key, None)
        if part is None:
            part = _Part(fragment)
            self._octets += len(part.data)
        part.seen, part.copies = now, part.copies + 1
        part.sequences = (*part.sequences[-3:], fragment.sequence)
        self._parts[key] = part
        while len(self._parts) > PARTS or self._octets > MESSAGES_HELD * self._limit_octets:
            self._drop_oldest()
        return part

    def _drop_oldest(self) -> None:
        _, part = self._parts.popitem(last=False)
        self._octets -= len(part.data)
        for parts in [parts for parts in self._delivered if part in parts]:
            del self._delivered[parts]

    def _tried_with(self, part: _Part) -> list[_Part]:
        """Parts of the same message, the one that came last first; `part` is the first."""
        same = (other for other in reversed(self._parts.values()) if other.message == part.message)
        return list(islice(same, TRIED))

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


_Key = tuple[int, int, int, bytes]


class _Part:
    """One part of a message, however often it came."""

    __slots__ = ("copies", "data", "end", "message", "seen", "sequences", "start")

    def __init__(self, fragment: Fragment) -> None:
        self.message = (fragment.message_id, fragment.total_words)
        self.start = fragment.offset_words
        self.end = fragment.offset_words + len(fragment.data) // 4
        self.data = fragment.data
        self.seen = 0.0
        self.copies = 0
        self.sequences: tuple[int, ...] = ()
        """Of the last four copies."""

    def overlaps(self, other: _Part) -> bool:
        return self is not other and self.start < other.end and other.start < self.end


def _tilings(new: _Part, recent: list[_Part]) -> Iterator[tuple[_Part, ...]]:
    """Ways to make a whole message with the new part, from those that came last."""
    end = new.message[1]
    usable = [part for part in recent if not part.overlaps(new)]
    dead: set[int] = set()

    def from_word(position: int) -> Iterator[tuple[_Part, ...]]:
        if position == end:
            yield ()
        if position == end or position in dead:
            return
        found = False
        for part in usable:
            if part.start == position:
                for rest in from_word(part.end):
                    found = True
                    yield (part, *rest)
        if not found:
            dead.add(position)

    return from_word(0)


def _belong_together(parts: tuple[_Part, ...], recent: list[_Part]) -> bool:
    """One copy, or parts of several copies that nothing speaks against."""
    if all(_follows(one, other) for one, other in pairwise(parts)):
        return True
    rivals = [other for other in recent if any(other.overlaps(part) for part in parts)]
    if all(_near(parts[0], part) for part in parts):
        return not any(_near(parts[0], rival) for rival in rivals)
    return not rivals and all(part.copies > 1 for part in parts)


def _follows(one: _Part, other: _Part) -> bool:
    return any((sequence + 1) & 0xFFFF in other.sequences for sequence in one.sequences)


def _near(one: _Part, other: _Part) -> bool:
    return any(min((a - b) & 0xFFFF, (b - a) & 0xFFFF) < NEAR for a in one.sequences for b in other.sequences)
