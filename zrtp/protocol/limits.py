"""Bounds that keep a flood from costing memory, answers or public-key operations.

answers           20 a second, bursts of 40, for each stream (HelloACK, ErrorACK, unsolicited Error); half of a burst
                  is kept for HelloACK, so that a flood of Errors does not hold discovery up; for PingACK 20 a second,
                  bursts of 20
duplicates        the last 8 answered messages are, each at most 32 times, answered again
candidate Hellos  16 for each stream; the first sign of a peer extends a search, no other one does
exchanges         4 side by side on each stream until one proves itself, and 4 with each ZID that callers claim; in 4
                  of a call our public value goes out, and in one more every 10 s. Of each, one or two are kept for
                  whoever is known to hear us (`zrtp.protocol.hearing`)
fragments         128 parts for each stream, 10 s each, together no longer than 32 messages; each new one is tried with
                  the 16 of its message that came last, and completes at most 4 messages (`zrtp.wire.fragments`)
Pings             8 of ours for each stream wait for their PingACK
events            512 for each call that nobody takes, 1024 with those that cannot be missed; then the oldest goes
nonces            4096 for each session
warnings          one a second of each kind; of those who come when the peer is known, one a second on each stream
records           8 peers for each call, 4 read at once, first those that an exchange waits for
relayed SAS       256 of an exchange are known again (SASrelay)
writes            8 tries, the last one after a minute
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TypeVar

from zrtp.protocol.events import Failed, KeysReady, Secured

ANSWER_RATE = 20.0
ANSWER_BURST = 40.0
KEPT_FOR_HELLO_ACK = 20.0
KEPT_FOR_KNOWN = 10.0
"""Of these, so many are kept for Hellos that are repeated, which ever new strangers do not do."""
KEPT_FOR_HEARING = 5.0
"""And of these, so many for sources that answered our Ping."""
PING_BURST = 20.0
ANSWERS = 8
DUPLICATE_ANSWERS = 32
CANDIDATES = 16
EXCHANGES = 4
NEW_CHAINS = EXCHANGES - 1
"""How often a new hash chain is made for those who came too late for the first one, in one search for the peer."""
NEW_CHAINS_UNHEARD = 1
"""As long as nobody is known to hear us."""
ANSWERED_OF_SOURCE = 2
"""Commits of one source that are answered side by side: the second because the first went to a stranger's Hello."""
PUBLIC_VALUES = 4.0
"""Exchanges of one call in which our public value goes out at once. Whoever sits in between knows the SAS then, and
can finish the one that suits him best, so that each is one more guess."""
PUBLIC_VALUES_KEPT = 2.0
"""Of these, so many are kept for whoever is known to hear us."""
CROWD = 3
"""Sources that introduce themselves at one stream, from which on whoever is known to hear us comes first."""
CHALLENGE_INTERVAL = 0.1
"""Seconds from one Ping to the next that asks who hears us."""
PUBLIC_VALUES_RATE = 0.1
"""How many more a second, for as long as nobody proves to be the peer."""
TIME_TO_ANSWER = 0.5
"""Seconds in which whoever proved nothing yet keeps his exchange, however many others come."""
NEWCOMER_LIFETIME = 10.0
"""Seconds for which somebody else's Hello is worth telling once the stream is secure."""
EARLY_HELLOS = 4
"""Hellos that came before `start`, one of each source, and are answered at it."""
LONGEST_ROUND_TRIP = 1.2
"""Seconds; a HelloACK that comes later after the last Hello is no measure of the path, but somebody else's."""
HELLO_COPIES = 0.6
"""Seconds for which a HelloACK may belong to a copy of our Hello: the oldest of them counts for the round trip."""
NONCES = 4096
PINGS = 8
"""Pings of ours that wait for their PingACK."""
EVENTS = 512
"""Events that nobody takes; twice as many with those that cannot be missed."""
WARNING_INTERVAL = 1.0
NEWCOMER_INTERVAL = 1.0
"""Seconds between two newcomers that are told, whoever they are."""
ERROR_INTERVAL = 1.0
ERROR_GRACE = 1.0
"""Seconds during which a valid next message overrides a received, unauthenticated Error."""
OLD_COMMITS = 1.0
"""Seconds after GoClear during which a Commit on a stream that was not secure may be from before it."""
RELAYS = 256
"""SASrelay messages of one exchange that are known again, 8 octets each."""
RECORDS = 8
"""Peers whose records a call has asked for."""
READS_AT_ONCE = 4
"""Records that somebody may read at the same time: more would wait for each other in the store."""
RECORD_LIFETIME = 2.0
"""Seconds after which a record is read again before an exchange begins: another call may have replaced it."""
WRITES = 8
"""How often a change of a record is tried before it counts as lost."""
WRITE_INTERVAL = 0.5
"""Seconds until a write that failed is tried again; each time twice as long."""
LATE_COMMITS = 2.0
"""Seconds after a call has become secure during which a Commit for its keys on another stream is only late."""
TIME_FOR_OTHER_STREAM = 1.2
"""Seconds for which a stream leaves the key agreement of its call to another one that has proved nothing yet."""
RETRY_INTERVAL = 0.15
"""Seconds after which a stream that waits for another exchange looks again."""


E = TypeVar("E")


def keep_event(events: MutableSequence[E], event: E) -> bool:
    """Queue an event within bounds; False if it, or the oldest one, was lost because nobody takes them."""
    if len(events) < EVENTS:
        events.append(event)
        return True
    if isinstance(event, KeysReady | Secured | Failed):
        room = len(events) < 2 * EVENTS
        if not room:
            del events[0]
        events.append(event)
        return room
    return False


class TokenBucket:
    """So many answers a second, with a burst; time is an argument."""

    __slots__ = ("_burst", "_filled", "_level", "_rate")

    def __init__(self, rate: float = ANSWER_RATE, burst: float = ANSWER_BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._filled: float | None = None

    def take(self, now: float, kept: float = 0.0) -> bool:
        """Whether one more is allowed now, with so many `kept` for what matters more."""
        if not self.allows(now, kept):
            return False
        self._level -= 1.0
        return True

    def allows(self, now: float, kept: float = 0.0) -> bool:
        """Whether one more would be allowed now."""
        if self._filled is not None and now > self._filled:
            self._level = min(self._burst, self._level + (now - self._filled) * self._rate)
        self._filled = now
        return self._level >= 1.0 + kept
