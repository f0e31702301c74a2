"""What the streams of a capture say about each other: is somebody in between who ends ZRTP or DTLS on both sides?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zrtp.inspection.evidence import Keying
from zrtp.inspection.exchange import Progress, RecordedExchange
from zrtp.inspection.findings import Severity
from zrtp.wire.messages import CommitMode, Hello

if TYPE_CHECKING:
    from zrtp.inspection.report import StreamReport


def compare(reports: Sequence[StreamReport]) -> None:
    """Enter in the judgements what streams say about each other: the legs of a call, and pairs of ZIDs."""
    _compare_zids(reports)
    calls: dict[tuple[str, int | None], list[StreamReport]] = {}
    for report in reports:
        if report.stream.call is not None:
            calls.setdefault((report.stream.call.call_id, report.stream.index), []).append(report)
    for group in calls.values():
        for report in group:
            others = [other for other in group if _is_the_other_leg(report, other)]
            if others and report.judgement.keying is Keying.ZRTP:
                _compare_zrtp(report, others)
            elif others and report.judgement.keying is Keying.DTLS_SRTP:
                _compare_dtls(report, others)


def _compare_zids(reports: Sequence[StreamReport]) -> None:
    """Two key agreements of the same two installations at the same time, between different addresses.

    Somebody in between who takes on the ZID of each side towards the other one shows up like this.
    """
    for report in reports:
        zids = _zids(report)
        for other in reports if zids else ():
            if other is report or set(report.stream.ends) & set(other.stream.ends) or _zids(other) != zids:
                continue
            at_once = report.stream.began < other.stream.ended and other.stream.began < report.stream.ended
            if at_once and _images(report.exchanges) != _images(other.exchanges) and _hosts_differ(report, other):
                judgement = report.judgement
                judgement.severity = Severity.SERIOUS
                judgement.verdict = (
                    f"Somebody seems to be in between: in stream {other.number} the same two ZIDs have another "
                    "exchange at the same time, between other addresses."
                )
                judgement.findings.add(Severity.SERIOUS, "One pair of ZIDs has two exchanges at once.", "4.4.1")


def _zids(report: StreamReport) -> set[bytes]:
    """The ZIDs of a finished exchange that agreed on keys by itself; empty otherwise."""
    done = [each for each in report.exchanges if each.progress in (Progress.SECURE, Progress.CONFIRMED)]
    if not done or done[-1].mode == CommitMode.MULTISTREAM.value:
        return set()
    hellos = (done[-1].hello_of(side) for side in (0, 1))
    return {hello.zid for hello in hellos if hello is not None}


def _hosts_differ(one: StreamReport, other: StreamReport) -> bool:
    """Whether they are not simply two calls between the same two computers; on one computer nobody can tell."""
    hosts, others = ({host for host, _ in report.stream.ends} for report in (one, other))
    return hosts != others or len(hosts) == 1


def _is_the_other_leg(one: StreamReport, other: StreamReport) -> bool:
    """Different ends, one of which is at the same address: media comes in there and goes out again."""
    ends, others = set(one.stream.ends), set(other.stream.ends)
    return not ends & others and bool({host for host, _ in ends} & {host for host, _ in others})


def _compare_zrtp(report: StreamReport, others: Sequence[StreamReport]) -> None:
    own = _images(report.exchanges)
    theirs = [images for other in others if (images := _images(other.exchanges))]
    same = [other for other in others if own and _images(other.exchanges) == own]
    if same:
        report.judgement.reasons.append(
            f"A relay passes it on unchanged: stream {same[0].number} has the same exchange."
        )
    elif own and theirs:
        _somebody_between(report, others[0], "exchange", "RFC 6189 section 8.1")


def _compare_dtls(report: StreamReport, others: Sequence[StreamReport]) -> None:
    own = {half.certificate for half in report.dtls if half.certificate}
    theirs = [{half.certificate for half in other.dtls if half.certificate} for other in others]
    if own and any(theirs) and own not in theirs:
        _somebody_between(report, others[0], "handshake", "RFC 5763 section 5")


def _somebody_between(report: StreamReport, other: StreamReport, what: str, section: str) -> None:
    hosts = {host for host, _ in report.stream.ends} & {host for host, _ in other.stream.ends}
    judgement = report.judgement
    judgement.severity = Severity.SERIOUS
    judgement.verdict = (
        f"Whoever is at {min(hosts)} could hear this: in stream {other.number} of the same call it has another {what}, "
        "and so keys of its own with both sides."
    )
    judgement.findings.add(Severity.SERIOUS, f"The two legs of the call do not share one {what}.", section)


def _images(exchanges: Sequence[RecordedExchange]) -> set[bytes]:
    """The ends of the hash chains of both sides, which name an exchange."""
    done = [each for each in exchanges if each.progress in (Progress.SECURE, Progress.CONFIRMED)]
    return {step.message.h3 for each in done[-1:] for step in each.steps if isinstance(step.message, Hello)}
