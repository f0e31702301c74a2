"""The answer to the question of an inspection: how was a stream keyed, and so who could have heard it?"""

from __future__ import annotations

from typing import Final

from zrtp.inspection.evidence import FINISHED, Evidence, Judgement, Keying
from zrtp.inspection.exchange import Progress
from zrtp.inspection.findings import Severity
from zrtp.inspection.streams import text_of
from zrtp.inspection.verdicts import dtls, sdes, zrtp
from zrtp.inspection.verdicts.hops import MOST_HOPS


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a stream."""
    exchange = evidence.exchange
    if exchange is not None and exchange.progress in FINISHED:
        return zrtp.judge(evidence, exchange)
    if all(half.changed for half in evidence.dtls) or (evidence.dtls[0].began and evidence.dtls[1].began):
        found = dtls.judge(evidence)
    elif sdes.has_agreed_keys(evidence.stream):
        found = sdes.judge(evidence)
    else:
        found = _nothing_seen(evidence)
    if exchange is not None:
        tried = _UNFINISHED[exchange.progress]
        found.findings.add(Severity.ODD, f"ZRTP was tried, and {tried}.", "4", None)
    return found


_UNFINISHED: Final = {
    Progress.DISCOVERY: "went no further than Hello",
    Progress.COMMITTED: "stopped after Commit",
    Progress.AGREED: "stopped before it was confirmed",
    Progress.FAILED: "failed",
}


def _nothing_seen(evidence: Evidence) -> Judgement:
    stream = evidence.stream
    protocols = {each.section.protocol for said in stream.announced for each in said}
    secured = any("SAVP" in protocol for protocol in protocols)
    if not any(flow is not None and flow.rtp for flow in stream.flows):
        return Judgement(
            keying=Keying.UNDETERMINED,
            verdict="There is nothing to hear: the capture has no media of this stream.",
            severity=Severity.NOTE,
        )
    if evidence.encrypted is None and not secured:
        return Judgement(
            keying=Keying.UNDETERMINED,
            verdict="Too little was recorded to tell whether it was encrypted; no key agreement was seen.",
            severity=Severity.ODD,
        )
    if evidence.encrypted is False or not (evidence.encrypted or secured):
        return Judgement(
            keying=Keying.CLEAR,
            verdict="Everybody on the way could hear this: it was not encrypted.",
            severity=Severity.SERIOUS,
        )
    return Judgement(
        keying=Keying.UNKNOWN,
        verdict=(
            "What was sent looks encrypted, and how the keys were agreed is not in this capture: whoever carried the "
            "signalling may have them."
        ),
        severity=Severity.ODD,
        reasons=[
            f"Signalling went by TLS on {text_of(one)} -> {text_of(other)}: if it held the keys, both ends read them."
            for one, other in evidence.tls[:MOST_HOPS]
        ],
    )
