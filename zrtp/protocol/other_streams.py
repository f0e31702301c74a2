"""The streams of one call that begin together: one key agreement makes the keys of all (RFC 6189 section 4.4.3).

Anybody can begin an exchange with any of them. So each of them answers and, after a while, commits, whatever runs on
the others, and nothing is given up for what somebody claims. The first stream on which a Confirm of the peer verifies
makes the keys; what runs on the others ends, and they follow in Multistream mode.

Where nobody interferes one exchange runs at a time: a stream waits for the others before it commits, and Commits that
cross on two streams count as crossing on one (section 4.2). If two exchanges get as far as Confirm1 nevertheless, the
one goes on whose Commit wins; both ends know both Commits, and judge alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from zrtp.protocol import aside, limits
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.core import Core
from zrtp.protocol.events import Mode, Role
from zrtp.protocol.exchange import Exchange
from zrtp.protocol.states import IN_EXCHANGE, State, Trigger
from zrtp.wire.messages import Commit, CommitMode, Hello


def are_busy(core: Core) -> bool:
    """Whether a key agreement for this call runs on another stream, with whomever."""
    return any(True for _ in _running(core))


def has_to_wait(core: Core, now: float) -> bool:
    """Whether our Commit for the keys of this call has to wait for another stream: as long as that may just take its
    time, unless something runs here beside which it goes out, and longer if the peer of that one has proved that it
    hears us.
    """
    running = [exchange for _, _, exchange in _running(core)]
    if not running:
        core.past.waits_since = None
        return False
    if core.past.waits_since is None:
        core.past.waits_since = now
    if any(exchange.proved for exchange in running):
        return True
    return not core.aside and now < core.later(core.past.waits_since, limits.TIME_FOR_OTHER_STREAM)


def comes_first(core: Core, commit: Commit, hello: Hello, now: float) -> bool:
    """Whether another stream comes before the peer's Commit: its peer has proved that it hears us, or our own Commit
    there has just gone to the same ZID and wins. For a Commit in Multistream mode: the first stream is secure at the
    peer, and not here yet.
    """
    if commit.mode is CommitMode.MULTISTREAM:
        return core.call.zrtpsess is None and _is_decided(core)
    for other, state, exchange in _running(core):
        if exchange.proved:
            return True
        recent = now < core.later(exchange.begun, limits.TIME_FOR_OTHER_STREAM)
        same = exchange.peer.hello.zid == commit.zid
        if recent and same and state is State.COMMIT_SENT and _wins(other, exchange, commit, hello):
            return True
    return False


def came_first(core: Core, commit: Commit, now: float) -> bool:
    """Whether another stream has just made the keys of the call, for which the peer sent this Commit before."""
    return (
        commit.mode is not CommitMode.MULTISTREAM
        and core.call.zrtpsess is not None
        and core.past.started_at < core.call.secured_at
        and now < core.later(core.call.secured_at, limits.LATE_COMMITS)
    )


def claim(core: Core, exchange: Exchange) -> bool:
    """The peer's Confirm has verified on this stream: the others end. False if another one has come first."""
    if exchange.mode is Mode.MULTISTREAM:
        return True
    if _is_decided(core) or (exchange.role is Role.INITIATOR and _loses_to_another(core, exchange)):
        return False
    core.call.retention.turn_to(exchange.peer.hello.zid)
    core.call.tell_others(core, Trigger.OUTRUN)
    return True


def _is_decided(core: Core) -> bool:
    """Whether the peer's Confirm has verified on another stream, which is not secure yet."""
    return any(theirs.confirmed is not None for _, _, theirs in _running(core))


def _loses_to_another(core: Core, exchange: Exchange) -> bool:
    """Whether the peer's Commit on another stream wins, whose exchange has got as far as ours."""
    return any(
        theirs.role is Role.RESPONDER
        and (theirs.proved or theirs.derived is not None)
        and theirs.peer.hello.zid == exchange.peer.hello.zid
        and not _wins(core, exchange, theirs.commit, theirs.peer.hello)
        for _, _, theirs in _running(core)
    )


def give_way(core: Core, now: float) -> State:
    """What runs on this stream ends, since another one makes the keys; it follows soon."""
    aside.give_up_others(core)
    core.release()
    core.retransmission = None
    if core.installation.config.passive:
        core.extend_discovery(now)  # the peer commits
    else:
        core.deadlines[Trigger.RETRY] = now + limits.RETRY_INTERVAL
    return State.DISCOVERED


def _running(core: Core) -> Iterator[tuple[Core, State, Exchange]]:
    """The key agreements on other streams of this call, and their states."""
    for other in core.call.members:
        if other is core or not isinstance(other, Core):
            continue
        own = [] if other.exchange is None else [(other.state, other.exchange)]
        for state, exchange in own + [(one.state, one.exchange) for one in other.aside]:
            if exchange.mode is not Mode.MULTISTREAM and state in IN_EXCHANGE:
                yield other, state, exchange


def _wins(core: Core, exchange: Exchange, commit: Commit, hello: Hello) -> bool:
    return resolve(exchange.commit, core.hello.mitm, commit, hello.mitm) is not Winner.PEER
