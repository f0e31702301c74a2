"""A stream with keys of DTLS-SRTP: do the certificates fit the signalling, and who could have changed that?"""

from __future__ import annotations

from zrtp.inspection.evidence import Evidence, Judgement, Keying
from zrtp.inspection.findings import Severity
from zrtp.inspection.verdicts.hops import passed_on


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a stream with a handshake."""
    found = Judgement(keying=Keying.DTLS_SRTP, verdict="", severity=Severity.ODD)
    wrong = False
    for half, name, said in zip(evidence.dtls, evidence.names, evidence.stream.announced, strict=True):
        prints = [each for announcement in said for each in announcement.section.fingerprints]
        match half.matches(prints):
            case True:
                found.reasons.append(
                    f"The certificate of {name} is the one whose fingerprint its signalling announced."
                )
            case False:
                wrong = True
                text = f"The certificate of {name} is not the one whose fingerprint its signalling announced."
                found.findings.add(Severity.SERIOUS, text, "RFC 5763 section 5")
            case None if prints:
                found.reasons.append(
                    f"The signalling announced a fingerprint of {name}; its certificate is not visible."
                )
            case None:
                found.reasons.append(f"There is no fingerprint of {name} in the signalling of this capture.")
    profile = next((half.profile for half in evidence.dtls if half.profile), "")
    if profile:
        found.reasons.append(f"The media is under {profile}.")
    if not all(half.changed for half in evidence.dtls):
        found.findings.add(Severity.ODD, "The handshake is not complete in this capture.", "RFC 6347 section 4.2")
    if wrong:
        found.severity = Severity.SERIOUS
        found.verdict = "Somebody may have been in between: a certificate is not the one that the signalling announced."
    elif evidence.encrypted is False:
        found.severity = Severity.SERIOUS
        found.verdict = "Everybody on the way could hear this: there was a handshake, and the media is not encrypted."
    else:
        found.verdict = (
            "Nobody between these two addresses could hear this; but a server that passed the signalling on could have "
            "put its own fingerprint in and listened, and neither phone would show it."
        )
    found.reasons += passed_on(evidence, lambda said: bool(said.section.fingerprints))
    return found
