"""Take the figures: what is compared with each other is measured in turns, in short rounds, so that whatever disturbs
the machine disturbs all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from tests.bench import latency, loss, media, openssl, scale
from tests.bench.handshakes import Call, Scenario, memory_per_session, scenarios
from tests.bench.libbzrtp import SUITES, Libbzrtp, NotMeasurable
from tests.bench.measure import Times, Timing, measure
from tests.bench.results import Handshakes, Results
from zrtp.crypto import codes

Progress = Callable[[str], object]

ROUNDS: Final = 10
PACKET_REPEATS: Final = 20
IMPORTS: Final = 7
SOUND_SECONDS: Final = 3.0
FULL_CROWD: Final = 10_000


def handshakes(results: Results, suites: Sequence[str], repeats: int, progress: Progress) -> None:
    """Complete handshakes of the suites with these names, or of all, each `repeats` times."""
    with ExitStack() as stack:
        bzrtp: Libbzrtp | None = None
        try:
            bzrtp = stack.enter_context(Libbzrtp())
        except NotMeasurable as reason:
            results.without_libbzrtp = str(reason)
        chosen = scenarios(suites)
        for number, scenario in enumerate(chosen):
            progress(f"handshakes: {scenario.name} {scenario.mode} ({number + 1} of {len(chosen)})")
            comparable = scenario.name in SUITES and scenario.mode != "known peer"
            results.handshakes.append(_handshakes(scenario, repeats, bzrtp if comparable else None))


def packets(results: Results, progress: Progress) -> None:
    """What media packets cost."""
    progress("media packets")
    results.demultiplex = media.demultiplex(PACKET_REPEATS)
    results.packets = [media.packet_cost(cipher, tag, PACKET_REPEATS) for cipher, tag in media.SUITES]


def scaling(results: Results, sessions: int, progress: Progress) -> None:
    """Imports, many sessions at once, sound beside handshakes."""
    progress("import of zrtp")
    results.imports = scale.import_cost(IMPORTS)
    results.crowd = scale.crowd(sessions, lambda opened: progress(f"sessions held secure: {opened} of {sessions}"))
    progress("sound beside DH3k handshakes")
    results.jitter = scale.jitter(seconds=SOUND_SECONDS)


def losses(results: Results, runs: int, progress: Progress) -> None:
    """Completion under loss; `runs` handshakes for each point."""
    for agreement, mtu in loss.suites():
        for rate in loss.RATES:
            progress(f"{codes.name(agreement)} in datagrams of {mtu} octets, {rate:.0%} lost")
            results.loss.append(loss.point(agreement, mtu, rate, runs))


def latencies(results: Results, series: int, progress: Progress) -> None:
    """Time to secure on every path; so many series of calls for each point."""
    results.without_libbzrtp = latency.without_libbzrtp()
    times_as_many = [(path, 1) for path in latency.PATHS] + [(path, latency.TAIL_SERIES) for path in latency.TAILS]
    for (delay, loss_), factor in times_as_many:
        for who in latency.pairs():
            progress(f"{who}, {delay * 1000:.0f} ms one way, {loss_:.0%} lost")
            results.latency.append(latency.point(who, delay, loss_, series * factor))


def _handshakes(scenario: Scenario, repeats: int, bzrtp: Libbzrtp | None) -> Handshakes:
    run = scenario.prepare()
    operations = None if scenario.agreement is None else openssl.public_key_operations(scenario.agreement)
    traffic = run().traffic
    each = -(-repeats // ROUNDS)
    times: list[Times] = []
    floor: list[Timing] = []
    theirs: list[Timing] = []
    for _ in range(ROUNDS):
        times.append(measure(run, times=each, after_each=Call.close))
        if operations is not None:
            floor.append(measure(operations, times=each).cpu)
        if bzrtp is not None:
            theirs.append(bzrtp.measure(scenario.name, each))
    return Handshakes(
        scenario=scenario,
        times=Times.joined(times),
        profile=openssl.profile(run),
        traffic=traffic,
        memory=memory_per_session(scenario),
        floor=Timing.joined(floor) if floor else None,
        libbzrtp=Timing.joined(theirs) if theirs else None,
    )
