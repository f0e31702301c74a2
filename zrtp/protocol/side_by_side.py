"""Room for one more exchange on a stream, as long as nobody has proved to be the peer (see `zrtp.protocol.initiation`).

Anybody can begin exchanges, so there are bounds: four run side by side. Three of them may answer Commits, so that one
of ours has room, and two of these may come from one source: the second because the first went to a stranger's Hello.
The last place of each is kept for whoever is known to hear us (`zrtp.protocol.hearing`). Our public
value goes out in only a few of them, since an attacker in between can finish whichever has the SAS that suits him.
"""

from __future__ import annotations

from hmac import compare_digest

from zrtp.protocol import aside, limits
from zrtp.protocol.core import Core
from zrtp.protocol.events import Role
from zrtp.protocol.exchange import Candidate, Exchange
from zrtp.wire.messages import Commit


def make_room_for_answer(core: Core, candidate: Candidate, commit: Commit, now: float) -> bool:
    """Make room for an answer to one more Commit, of this candidate; False if there is none.

    If there are too many, the oldest exchange ends whose other side had time to go on and did not. It does so only for
    a candidate who did not have this time yet, and whose Hello or Commit is repeated: a stray one does not come again.
    """
    running, h3 = core.exchanges()[::-1], candidate.hello.h3
    answered = sorted((one for one in running if one.role is Role.RESPONDER), key=lambda one: one.begun)
    heard = candidate.ssrc in core.past.hearing
    if sum(compare_digest(one.peer.hello.h3, h3) for one in answered) >= limits.ANSWERED_OF_SOURCE + heard:
        return False
    if _has_room(answered, limits.EXCHANGES - 1, heard) and _has_room(running, limits.EXCHANGES, heard):
        return True
    repeated = candidate.copies > 1 or commit.raw in core.past.refused_for_room
    core.past.refused_for_room = (*core.past.refused_for_room, commit.raw)[-limits.CANDIDATES :]
    may_end_one = heard or (repeated and h3 not in core.past.had_time)
    return may_end_one and _end_one(core, answered, heard, now)


def make_room_for_commit(core: Core, candidate: Candidate, now: float, keep: Exchange | None = None) -> bool:
    """Make room for one more Commit of ours, to this candidate, in place of an answer rather than of another Commit,
    and never of `keep`; False if there is none.
    """
    running = core.exchanges()[::-1]
    answers_first = sorted(running, key=lambda one: (one.role is Role.INITIATOR, one.begun))
    heard = candidate.ssrc in core.past.hearing
    commits = [one for one in running if one.role is Role.INITIATOR]
    if _has_room(running, limits.EXCHANGES, heard) and _has_room(commits, limits.EXCHANGES - 1, heard):
        return True
    return _end_one(core, [one for one in answers_first if one is not keep], heard, now)


def _has_room(exchanges: list[Exchange], limit: int, heard: bool) -> bool:
    if not heard and sum(not one.heard for one in exchanges) >= limit - 1:
        return False
    return len(exchanges) < limit


def _end_one(core: Core, exchanges: list[Exchange], heard: bool, now: float) -> bool:
    """End the first of these whose other side had time to go on and proved nothing; False if there is none. Whoever is
    known to hear us comes last, and makes room only for somebody who is known to hear us too.
    """
    for exchange in sorted(exchanges, key=lambda one: one.heard):
        had_time = now - exchange.begun >= limits.TIME_TO_ANSWER
        if had_time and not exchange.proved and heard >= exchange.heard:
            core.past.had_time |= {exchange.peer.hello.h3}
            aside.give_up(core, exchange)
            return True
    return False
