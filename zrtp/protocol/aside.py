"""Several exchanges of one stream, of which it works on one at a time: put aside, taken up again, given up."""

from __future__ import annotations

from zrtp.protocol import limits
from zrtp.protocol.core import Aside, Core, Introduction
from zrtp.protocol.events import Mode
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.hash_chain import OwnChain
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import T1, Retransmission


def set_aside(core: Core) -> None:
    """Turn to another exchange, which is about to begin; this one goes on beside it."""
    of_stream = _deadlines_of_stream(core)
    core.aside.append(_as_aside(core))
    core.state, core.exchange = State.DISCOVERED, None
    core.retransmission = core.beside = core.peer_error = core.work = None
    core.deadlines, core.outbox.answers = of_stream, {}
    core.introduce_as(core.introductions[-1])


def introduce_anew(core: Core, now: float) -> None:
    """A new hash chain and a new Hello, for exchanges that begin from now on."""
    chain = OwnChain.make(core.installation.random)
    anew = Introduction(chain, core.make_hello(core.hello.version, chain), now)
    core.introductions = [*core.introductions[1 - limits.EXCHANGES :], anew]
    core.hello_acknowledged = False
    if core.exchange is None:
        core.introduce_as(core.introductions[-1])
    core.outbox.transmit(core.introductions[-1].hello)
    core.hello_copies.append(now)
    core.beside = Retransmission(core.introductions[-1].hello, T1, now, core.installation.config.timer_scale)


def turn_to(core: Core, other: Aside) -> None:
    """Work on that exchange now; the one so far takes its place beside it."""
    core.aside[core.aside.index(other)] = _as_aside(core)
    _load(core, other)


def bring_forward(core: Core, exchange: Exchange) -> None:
    """Work on this exchange, wherever it is."""
    for other in core.aside:
        if other.exchange is exchange:
            if core.exchange is None:
                core.aside.remove(other)
                _load(core, other)
            else:
                turn_to(core, other)
            return


def leave(core: Core, otherwise: State) -> State:
    """This exchange is over: go on with one that runs beside it. Without any, the state is another one."""
    if core.exchange is not None:
        core.past.spent_commits |= {core.exchange.commit.raw}
    core.release()
    if not core.aside:
        return otherwise
    _load(core, core.aside.pop())
    return core.state


def give_up(core: Core, exchange: Exchange) -> None:
    """End one of several exchanges; the stream goes on with another one if it worked on this."""
    bring_forward(core, exchange)
    leave(core, core.state)


def give_up_others(core: Core, *, proved: bool = True) -> None:
    """Give up what runs beside this exchange; unless `proved`, only those that have not proved themselves."""
    for other in tuple(core.aside):
        if proved or not other.exchange.proved:
            give_up(core, other.exchange)
    if proved:
        core.past.spent_commits = frozenset()


def _as_aside(core: Core) -> Aside:
    return Aside(
        core.state,
        present(core.exchange),
        core.retransmission,
        core.beside,
        core.deadlines,
        core.outbox.answers,
        core.peer_error,
        core.work,
        core.own,
    )


def _load(core: Core, other: Aside) -> None:
    other.deadlines.update(_deadlines_of_stream(core))
    core.state, core.exchange = other.state, other.exchange
    core.retransmission, core.beside, core.deadlines = other.retransmission, other.beside, other.deadlines
    core.outbox.answers, core.peer_error, core.work = other.answers, other.peer_error, other.work
    core.introduce_as(other.own)
    if other.exchange.mode is not Mode.MULTISTREAM:
        core.call.retention.turn_to(other.exchange.peer.hello.zid)


def _deadlines_of_stream(core: Core) -> dict[Trigger, float]:
    """Those that are a matter of the stream, whichever exchange it works on; no exchange keeps them."""
    new_chain = core.deadlines.pop(Trigger.NEW_CHAIN, None)
    return {} if new_chain is None else {Trigger.NEW_CHAIN: new_chain}
