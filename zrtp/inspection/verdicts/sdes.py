"""A stream whose keys stood in the signalling: who saw them, and does this capture open the call?"""

from __future__ import annotations

from zrtp.inspection import decryption
from zrtp.inspection.decryption import Count
from zrtp.inspection.evidence import Evidence, Judgement, Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.streams import MediaStream
from zrtp.inspection.verdicts.hops import passed_on


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a stream with keys of SDES."""
    stream = evidence.stream
    found = Judgement(keying=Keying.SDES, verdict="", severity=Severity.SERIOUS)
    counts = _opened_by_signalling(stream)
    tried, verified = sum(each.tried for each in counts), sum(each.verified for each in counts)
    found.verdict = (
        "Everybody who saw the signalling could hear this: the keys stood in it, and it was not encrypted where this "
        "was recorded."
    )
    if tried and verified:
        found.reasons.append(
            f"This capture is enough to hear it: of the first {tried} packets {verified} open with keys found in it."
        )
    elif tried and any(each.section.unreadable_crypto for said in stream.announced for each in said):
        found.reasons.append("The suite of the keys is not known here, so that they could not be tried.")
    elif tried:
        found.findings.add(
            Severity.ODD, "None of the keys in the signalling opens the media: others were in use.", "RFC 4568"
        )
    if evidence.encrypted is False:
        found.keying = Keying.CLEAR
        found.verdict = "Everybody on the way could hear this: keys were exchanged, and the media is not encrypted."
    found.reasons += passed_on(evidence, lambda said: said.section.has_keys)
    return found


def has_agreed_keys(stream: MediaStream) -> bool:
    """Whether keys stood in the signalling; an offer of keys that was answered without one counts not."""
    offered = [any(each.section.has_keys for each in said) for said in stream.announced]
    answered = [any(each.section.port for each in said) for said in stream.announced]
    return any(offered) and not any(there and not keys for keys, there in zip(offered, answered, strict=True))


def _opened_by_signalling(stream: MediaStream) -> tuple[Count, Count]:
    """How many of the kept packets open with the keys that stood in the signalling."""
    keys = decryption.of_sdes([key for said in stream.announced for each in said for key in each.section.crypto])
    left, right = (
        decryption.opened([p for s in flow.sources.values() for p in s.samples] if flow else [], keys)
        for flow in stream.flows
    )
    return left, right
