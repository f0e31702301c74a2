"""Which pairs of routers let two people through, and how soon."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.reach.lab.laboratory import (
    MAILBOX,
    SERVER,
    TURN_USER,
    Laboratory,
    Router,
    laboratory,
    needs,
    outputs,
    with_ipv6,
)
from tests.support.figures import Note

pytestmark = pytest.mark.long

STUN = ("--stun", SERVER)
TURN = ("--turn", f"turn:{TURN_USER}@{SERVER}")
TURN_TCP = ("--turn", f"turn:{TURN_USER}@{SERVER}?transport=tcp")
CONE, SYMMETRIC, CARRIER = Router.CONE, Router.SYMMETRIC, Router.CARRIER
Report = dict[str, Any]


def talk(lab: Laboratory, place: str, side: str, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    return lab.run(
        place,
        *(sys.executable, "-m", "tests.reach.lab.talker", side, str(folder), *options),
        stdout=subprocess.PIPE,
    )


def meet(
    lab: Laboratory, *both: str, a: tuple[str, ...] = (), b: tuple[str, ...] = (), within: float = 60
) -> tuple[Report, Report]:
    """The reports of the listener in home A and the caller in home B."""
    with tempfile.TemporaryDirectory() as folder:
        talkers = [
            talk(lab, "home-a", "listener", Path(folder), *both, *a),
            talk(lab, "home-b", "caller", Path(folder), *both, *b),
        ]
        first, second = map(json.loads, outputs(talkers, within))
    return first, second


def took(report: Report) -> float:
    """Seconds from both descriptions known to connected."""
    seconds: float = report["connected"] - report["exchanged"]
    return seconds


def heard_all(*reports: Report) -> None:
    for here, there in (reports, reversed(reports)):
        assert here["heard"] >= 0.9 * there["sent"] > 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (CONE, CONE),
        (CONE, CARRIER),
        (CARRIER, CARRIER),
        (Router.PUBLIC, CONE),
        (Router.PUBLIC, Router.CARRIER_SYMMETRIC),
        (CONE, Router.PUBLIC),
    ],
)
def test_these_routers_let_a_direct_way_through(a: Router, b: Router, figure: Note) -> None:
    with laboratory(a, b) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN)
    print([report["line"] for report in reports])
    assert [report.get("way") for report in reports] == ["direct", "direct"], reports
    figure("both connected, directly", max(map(took, reports)), "s", target=1)
    heard_all(*reports)


def test_two_homes_with_the_same_numbers_inside() -> None:
    with laboratory(CONE, CONE, same_lan=True) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN)
    assert [report.get("way") for report in reports] == ["direct", "direct"], reports
    heard_all(*reports)


def test_ipv6_needs_no_server_at_all() -> None:
    with laboratory(SYMMETRIC, SYMMETRIC) as lab:
        with_ipv6(lab)
        reports = meet(lab)
    assert [report.get("way") for report in reports] == ["direct", "direct"], reports
    heard_all(*reports)


@pytest.mark.parametrize(("a", "b"), [(CONE, SYMMETRIC), (SYMMETRIC, SYMMETRIC)])
def test_a_symmetric_router_lets_no_direct_way_through_and_the_sentence_says_what_helps(
    a: Router, b: Router, figure: Note
) -> None:
    with laboratory(a, b) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, "--limit", "5")
    assert all("A relay helps, at one side is enough" in report["error"] for report in reports), reports
    figure("both gave up, after 5 s", max(r["failed"] - r["exchanged"] for r in reports), "s", target=6)


@pytest.mark.parametrize(("a", "b"), [(CONE, SYMMETRIC), (SYMMETRIC, SYMMETRIC), (SYMMETRIC, Router.CARRIER_SYMMETRIC)])
def test_a_relay_carries_the_call_where_nothing_else_does(a: Router, b: Router) -> None:
    with laboratory(a, b, delayed=True) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, *TURN)
    print([round(took(report), 3) for report in reports], [report["line"] for report in reports])
    assert [report.get("way") for report in reports] == ["over a relay"] * 2, reports
    heard_all(*reports)


def test_a_relay_at_one_side_is_enough() -> None:
    with laboratory(SYMMETRIC, SYMMETRIC) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, b=TURN)
    assert [report.get("way") for report in reports] == ["over a relay"] * 2, reports
    heard_all(*reports)


def test_a_relay_is_not_used_where_there_is_a_direct_way() -> None:
    with laboratory(CONE, CONE, delayed=True) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, *TURN)
    print([round(took(report), 3) for report in reports])
    assert [report.get("way") for report in reports] == ["direct", "direct"], reports


def test_who_shows_only_the_relay_shows_no_address_of_its_own() -> None:
    with laboratory(CONE, CONE) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, a=(*TURN, "--relay-only"))
    assert reports[0]["candidates"] == [f"RELAY {SERVER}"]
    assert reports[0]["line"] == 84
    assert [report.get("way") for report in reports] == ["over a relay"] * 2, reports


def test_a_network_without_udp_is_left_over_tcp() -> None:
    with laboratory(CONE, CONE) as lab:
        lab.serve_turn()
        lab.block_udp("a")
        reports = meet(lab, *STUN, a=TURN_TCP)
        assert [report.get("way") for report in reports] == ["over a relay"] * 2, reports
        heard_all(*reports)
        failed, _ = meet(lab, *STUN, "--limit", "3")
        assert "lets no UDP out" in failed["error"]


def test_people_are_late(figure: Note) -> None:
    """The listener pastes 2, 20, 45 and 110 s after the caller did; the routers forget after 30 s."""
    lateness = (2, 20, 45, 110)
    with laboratory(CONE, CONE) as lab, tempfile.TemporaryDirectory() as folder:
        lab.serve_turn()
        talkers = []
        for seconds in lateness:
            (place := Path(folder, str(seconds))).mkdir()
            talkers += [
                talk(lab, "home-a", "listener", place, *STUN, "--late", str(seconds)),
                talk(lab, "home-b", "caller", place, *STUN, "--limit", "170"),
            ]
        reports = list(map(json.loads, outputs(talkers, 150)))
    for seconds, late, early in zip(lateness, reports[::2], reports[1::2], strict=True):
        connected = max(late["connected"], early["connected"]) - late["exchanged"]
        figure(f"{seconds} s late: both connected, after pasting", connected, "s", target=1)
        assert late["heard"] > 25 and early["heard"] > 25


@pytest.mark.parametrize(("a", "b"), [(SYMMETRIC, Router.PUBLIC), (CONE, CONE)])
def test_a_router_that_forgets_costs_one_direction_five_seconds(a: Router, b: Router, figure: Note) -> None:
    needs("conntrack", "conntrack")
    with laboratory(a, b) as lab, tempfile.TemporaryDirectory() as folder:
        lab.serve_turn()
        talkers = [
            talk(lab, "home-a", "listener", Path(folder), *STUN, "--seconds", "20"),
            talk(lab, "home-b", "caller", Path(folder), *STUN, "--seconds", "20"),
        ]
        time.sleep(8)
        lab.forget_bindings("a")
        reports = list(map(json.loads, outputs(talkers, 60)))
    shares = sorted(here["heard"] / there["sent"] for here, there in (reports, reversed(reports)))
    assert shares[0] > 0.6, "what is never heard again after 8 of 20 s is 0.4"
    assert shares[1] > 0.9
    gaps = sorted(report["gap"] for report in reports)
    figure("nothing heard in one direction", gaps[1], "s", target=5)
    figure("nothing heard in the other one", gaps[0], "s", target=0.5)
    assert not any(report["ended"] for report in reports)


def test_silence_keeps_the_way() -> None:
    """Routers that forget after 7 s, and nobody says anything for ten times as long."""
    with laboratory(CONE, CONE, udp_timeout=7) as lab:
        lab.serve_turn()
        reports = meet(lab, *STUN, "--seconds", "72", "--quiet", "70", within=120)
    heard_all(*reports)


@pytest.mark.parametrize("relay", [False, True])
def test_a_code_brings_two_homes_together(relay: bool) -> None:
    kind = SYMMETRIC if relay else CONE
    with laboratory(kind, kind, delayed=True) as lab:
        lab.serve_turn()
        lab.serve_mailbox()
        reports = meet(lab, *STUN, *(TURN if relay else ()), "--mailbox", MAILBOX)
    caller = reports[1]
    print({key: round(caller[key] - caller["code"], 3) for key in ("exchanged", "connected")})
    assert [report.get("way") for report in reports] == ["over a relay" if relay else "direct"] * 2, reports
    heard_all(*reports)


def test_wrong_words_show_at_both_ends() -> None:
    with laboratory(CONE, CONE) as lab:
        lab.serve_turn()
        lab.serve_mailbox()
        reports = meet(lab, *STUN, "--mailbox", MAILBOX, b=("--words", "adrift-yesteryear"))
    assert all(report["error"].startswith("WrongCode") for report in reports), reports


def test_the_real_mailbox_server_is_killed_and_restarted_while_one_side_waits() -> None:
    with laboratory(CONE, CONE) as lab, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab.serve_turn()
        server = lab.serve_mailbox()
        listener = talk(lab, "home-a", "listener", folder, *STUN, "--mailbox", MAILBOX)
        while not (folder / "code").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        server.kill()
        server.wait()
        lab.serve_mailbox()
        caller = talk(lab, "home-b", "caller", folder, *STUN, "--mailbox", MAILBOX)
        reports = list(map(json.loads, outputs([listener, caller], 60)))
    assert [report.get("way") for report in reports] == ["direct", "direct"], reports
