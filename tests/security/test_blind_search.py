"""What is said blindly, alone, in pairs, in triples, as the beginning of an exchange or a hundred times a second, ends
no call, raises no alarm and holds no call up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import pytest

from tests.security.blind import (
    KINDS,
    PAIRS,
    SCENES,
    SCRIPTS,
    SINGLES,
    VICTIMS,
    Call,
    Case,
    Flood,
    Report,
    Stranger,
    everywhere,
    floods,
    judge,
    moments,
    search,
    somewhere,
    triples,
    undisturbed,
)
from tests.support.cases import every
from zrtp.protocol import ending
from zrtp.protocol.core import Core, Received
from zrtp.protocol.states import State
from zrtp.protocol.transitions import TABLE, Go
from zrtp.wire.messages import Kind, Ping, kind_of

pytestmark = pytest.mark.usefixtures("quiet_log")

BASIC = ("both commit", "bob is passive")

ONE_END = ("alice", "bob")

SEED = 11


def apart(cases: Iterable[Case], seconds: float) -> list[Case]:
    """The same, with a pause from message to message, in which the call goes on."""
    return [Case(case.scene, case.moment, case.victims, case.kinds, seconds) for case in cases]


def right(report: Report) -> None:
    assert not report.wrong, "\n".join(
        [str(report), *(f"{case}: {verdict}" for case, verdict in report.wrong[:20]), f"{len(report.wrong)} in all"]
    )


@pytest.mark.attack("DOS-22")
def test_a_sample_of_all_that_a_stranger_can_say() -> None:
    dice = random.Random(SEED)
    said = [
        case for kinds, count in ((SINGLES, 15), (SCRIPTS, 20), (PAIRS, 25)) for case in somewhere(kinds, count, dice)
    ]
    right(search([*said, *dice.sample(floods(), 2)]))


SEARCHES: dict[str, Callable[[], Sequence[Case | Flood]]] = {
    "alone": lambda: everywhere(SINGLES),
    "beginnings": lambda: everywhere(SCRIPTS),
    "beginnings, step by step": lambda: apart(everywhere(SCRIPTS), 0.03),
    "pairs, both commit": lambda: everywhere(PAIRS, ["both commit"], ONE_END),
    "triples": lambda: somewhere(triples(400), 10_000, random.Random(SEED)),
    "floods": floods,
}


@pytest.mark.attack("DOS-22")
@pytest.mark.long
@pytest.mark.parametrize("name", SEARCHES)
def test_all_that_a_stranger_can_say(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = search(SEARCHES[name]())
    with capsys.disabled():
        print(f"\n{name}: {report}", end="")
    right(report)


AT_BOTH_ENDS = {
    "both wait for a user": Case("both wait for a user", 5, "both", ("Hello", "Commit", "Commit")),
    "they know each other": Case("they know each other", 1, "both", ("Hello, ZID of the peer", "HelloACK", "DHPart1")),
}


@pytest.mark.attack("DOS-32")
@every("scene", AT_BOTH_ENDS)
@every("seed", range(100, 110))
def test_two_ends_whose_chains_strangers_used_up_begin_anew_one_after_the_other(scene: str, seed: int) -> None:
    """If both committed anew in the same moment, each would do so to a Hello that does not count any more."""
    verdict = judge(AT_BOTH_ENDS[scene], seed)
    assert verdict.right, str(verdict)


# A search that finds nothing proves nothing if it would not find what is there.


def test_the_search_says_every_kind_of_message() -> None:
    stranger = Stranger(0, peer_zid=b"the peer ZID", victim_zid=b"victim's ZID")
    said = {kind_of(stranger.datagram(kind)[12:]) for kind in KINDS}
    assert said == {*Kind, None}


def test_every_scene_is_secure_undisturbed_and_has_moments_before_its_exchange_and_after() -> None:
    for scene in SCENES:
        states = [undisturbed(scene).moments[moment][1] for moment in moments(scene)]
        assert states[-1] == "secure / secure"
        assert not states[0].endswith("sent") and "secure" not in states[0]
        assert len(states) >= 9


def test_what_a_stranger_says_arrives_at_the_end_that_it_is_meant_for() -> None:
    for victims, names in VICTIMS.items():
        call = Call(SCENES["both commit"])
        call.next_moment()
        call.next_moment()
        Case("both commit", 1, victims, ("malformed",)).disturb(call)
        counted = {side.name for side in call.pair.sides if side.stream.counters["malformed"]}
        assert counted == set(names)


def test_a_flood_goes_on_until_the_call_is_secure(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived: list[bytes] = []
    monkeypatch.setattr(Call, "send", lambda _, victim, datagram: arrived.append(datagram))
    call = Call(SCENES["bob rings"])
    call.next_moment()
    Flood("bob rings", 0, "bob", ("Hello", "Ping"), 0).disturb(call)
    assert call.secure
    assert len(set(arrived)) == len(arrived) == 2 * 100 * 2.15


def test_an_end_that_gives_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(core: Core, ping: Received[Ping]) -> State:
        return ending.fail(core, 0xA0, "Somebody asks too much.", ping.at, tell_peer=False)

    last = len(undisturbed("both commit").moments) - 1
    monkeypatch.setitem(TABLE[State.SECURE].inputs, Kind.PING, Go(give_up, (State.FAILED,)))
    verdict = judge(Case("both commit", last, "bob", ("Ping",)))
    assert not verdict.secure and not verdict.right
    assert verdict.alarms == ("Failed SERVICE_UNAVAILABLE",)


def test_a_call_that_is_only_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(call: Call, victim: str, datagram: bytes) -> None:
        call.pair.network.now += 2.5

    monkeypatch.setattr(Call, "send", sleep)
    verdict = judge(Case("both commit", 1, "bob", ("noise",)))
    assert verdict.secure and not verdict.alarms
    assert not verdict.right
