"""The answer to the question of an inspection: how was a stream keyed, and so who could have heard it?"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from zrtp.crypto.hashes import sha256
from zrtp.inspection import appearance, decryption
from zrtp.inspection.appearance import Appearance
from zrtp.inspection.calls import UNREADABLE, Announcement
from zrtp.inspection.decryption import Count
from zrtp.inspection.dtls import Half
from zrtp.inspection.exchange import Exchange, Progress
from zrtp.inspection.findings import Findings, Severity
from zrtp.inspection.packets import Address
from zrtp.inspection.streams import MediaStream, text_of
from zrtp.media.sdp import CryptoAttribute
from zrtp.wire.messages import CommitMode, Hello, Kind

MOST_HOPS: Final = 12
"""Hops of a key that are named."""


class Keying(Enum):
    """Where the keys of a stream came from."""

    CLEAR = "clear"
    SDES = "SDES"
    DTLS_SRTP = "DTLS-SRTP"
    ZRTP = "ZRTP"
    UNKNOWN = "unknown"
    """Encrypted, and the capture does not show how the keys were agreed."""
    UNDETERMINED = "undetermined"
    """Too little was recorded to tell."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What is said about one stream."""

    keying: Keying
    verdict: str
    """One sentence."""
    severity: Severity
    """SERIOUS: somebody else could hear it. NOTE: nobody, on the conditions that the verdict names."""
    reasons: list[str] = field(default_factory=list)
    """Sentences on which the verdict rests."""
    findings: Findings = field(default_factory=Findings)
    """What is odd about the stream apart from its ZRTP messages."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What is known of one stream, for `judge`."""

    stream: MediaStream
    names: tuple[str, str]
    exchanges: list[Exchange]
    dtls: tuple[Half, Half]
    looks: tuple[Appearance, Appearance] = (Appearance.UNKNOWN, Appearance.UNKNOWN)
    tls: Sequence[tuple[Address, Address]] = ()
    """Connections of the capture in which signalling went by TLS."""

    @property
    def zrtp(self) -> Exchange | None:
        """The exchange whose keys were used last, or else the last one that was tried."""
        finished = [each for each in self.exchanges if each.progress in _FINISHED]
        tried = finished or self.exchanges
        return tried[-1] if tried else None

    @property
    def encrypted(self) -> bool | None:
        """Whether what was sent looks encrypted; None if one cannot tell."""
        if Appearance.CLEAR in self.looks:
            return False
        return True if Appearance.ENCRYPTED in self.looks else None


_FINISHED: Final = (Progress.SECURE, Progress.CONFIRMED, Progress.CLEARED)


def look_at(stream: MediaStream) -> tuple[Appearance, Appearance]:
    """What the kept packets of both sides look like."""
    left, right = (
        Appearance.UNKNOWN if flow is None else appearance.of([p for s in flow.sources.values() for p in s.samples])
        for flow in stream.flows
    )
    return left, right


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a stream."""
    zrtp = evidence.zrtp
    if zrtp is not None and zrtp.progress in _FINISHED:
        return _zrtp(evidence, zrtp)
    if all(half.changed for half in evidence.dtls) or (evidence.dtls[0].began and evidence.dtls[1].began):
        found = _dtls(evidence)
    elif _agreed_keys(evidence.stream):
        found = _sdes(evidence)
    else:
        found = _nothing_seen(evidence)
    if zrtp is not None:
        tried = _UNFINISHED[zrtp.progress]
        found.findings.add(Severity.ODD, f"ZRTP was tried, and {tried}.", "4", None)
    return found


_UNFINISHED: Final = {
    Progress.DISCOVERY: "went no further than Hello",
    Progress.COMMITTED: "stopped after Commit",
    Progress.AGREED: "stopped before it was confirmed",
    Progress.FAILED: "failed",
}


# ZRTP


def _zrtp(evidence: Evidence, exchange: Exchange) -> Judgement:
    found = Judgement(keying=Keying.ZRTP, verdict="", severity=Severity.NOTE)
    _compare_hashes(evidence, exchange, found)
    _watch_the_gate(evidence, exchange, found)
    _compare_sources(evidence, exchange, found)
    serious = [each for each in (*exchange.findings, *found.findings) if each.severity is Severity.SERIOUS]
    if exchange.progress is Progress.CLEARED:
        found.severity = Severity.SERIOUS
        found.verdict = "Nobody but the two ends until GoClear; from then on everybody on the way."
    elif evidence.encrypted is False:
        found.severity = Severity.SERIOUS
        found.verdict = "Everybody on the way could hear this: keys were agreed, and what was sent is not encrypted."
    elif serious:
        found.severity = Severity.SERIOUS
        found.verdict = f"Somebody may have been in between: {serious[0].text}"
    else:
        found.verdict = f"Nobody but the two ends could hear this, if they compared {_what(exchange)}."
    if exchange.progress is Progress.CONFIRMED:
        found.reasons.append("The last acknowledgement is not in the capture; that the media came shows the same.")
    found.reasons.append(_checked(exchange))
    return found


def _what(exchange: Exchange) -> str:
    chosen = exchange.chosen
    if chosen is not None and chosen.mode is CommitMode.MULTISTREAM:
        return "the words of the call's first stream"
    if chosen is not None and chosen.mode is CommitMode.PRESHARED:
        return "their words in this call or in the one whose secret it uses"
    return "their words (SAS), now or in an earlier call"


def _checked(exchange: Exchange) -> str:
    """How much of the exchange could be verified from outside."""
    steps = [step for step in exchange.steps if step.repeats is None]
    good = sum(check.good for step in steps for check in step.checks)
    every = sum(len(step.checks) for step in steps)
    verified = {(step.side, step.title) for step in steps for check in step.checks if check.what == "MAC"}
    missing = [
        step.title
        for step in steps
        if step.kind in (Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2)
        and (step.side, step.title) not in verified
    ]
    text = f"{good} of {every} checks that need no key are good."
    if missing:
        text += f" The MACs of {', '.join(dict.fromkeys(missing))} can be checked with the keys only."
    return text


def _compare_hashes(evidence: Evidence, exchange: Exchange, found: Judgement) -> None:
    """a=zrtp-hash of the signalling against the Hellos that came (section 8.1)."""
    for side, name in enumerate(evidence.names):
        announced = [each for said in evidence.stream.announced[side] for each in said.section.zrtp_hashes]
        hellos = [step for step in exchange.steps if step.side == side and isinstance(step.message, Hello)]
        if not announced or not hellos:
            continue
        fits = [step for step in hellos if any(hmac.compare_digest(sha256(step.raw), each.hash) for each in announced)]
        for step in hellos:
            step.check("zrtp-hash", step in fits, "the signalling")
        if fits:
            found.reasons.append(f"The Hello of {name} is the one that its signalling announced (a=zrtp-hash).")
        else:
            text = f"The Hello of {name} is not the one that its signalling announced (a=zrtp-hash)."
            found.findings.add(Severity.SERIOUS, text, "8.1", hellos[0].number)


def _watch_the_gate(evidence: Evidence, exchange: Exchange, found: Judgement) -> None:
    """Media that was sent while there were no keys yet (section 4)."""
    committed = exchange.commit.time if exchange.commit is not None else None
    for flow, name in zip(evidence.stream.flows, evidence.names, strict=True):
        if flow is None or not flow.rtp_before_keys or committed is None:
            continue
        packets = "packet" if flow.rtp_before_keys == 1 else "packets"
        text = f"{name} sent {flow.rtp_before_keys} RTP {packets} before ZRTP had given it keys."
        found.findings.add(Severity.ODD, text, "4")


def _compare_sources(evidence: Evidence, exchange: Exchange, found: Judgement) -> None:
    """The SSRC in the header of ZRTP packets should be that of the media (section 5)."""
    for side, (flow, name) in enumerate(zip(evidence.stream.flows, evidence.names, strict=True)):
        named = {step.ssrc for step in exchange.steps if step.side == side and step.ssrc is not None}
        sent = {int.from_bytes(ssrc, "big") for ssrc in (flow.sources if flow is not None else ())}
        if named and sent and not named & sent:
            text = f"ZRTP of {name} is about SSRC {min(named):08x}, and its media has {min(sent):08x}."
            found.findings.add(Severity.ODD, text, "5")


# DTLS-SRTP


def _dtls(evidence: Evidence) -> Judgement:
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
    found.reasons += _passed_on(evidence, lambda said: bool(said.section.fingerprints))
    return found


# SDES


def _agreed_keys(stream: MediaStream) -> list[tuple[int, Announcement, CryptoAttribute]]:
    """The keys in the signalling: (side, message, key). An offer that was answered without a key counts not."""
    sides = [[(each, key) for each in said for key in each.section.crypto] for said in stream.announced]
    answered = [any(each.section.port for each in said) for said in stream.announced]
    if not any(sides) or any(there and not keys for keys, there in zip(sides, answered, strict=True)):
        return []
    return [(side, each, key) for side, keys in enumerate(sides) for each, key in keys]


def opened_by_signalling(stream: MediaStream) -> tuple[Count, Count]:
    """How many of the kept packets open with the keys that stood in the signalling."""
    keys = decryption.of_sdes([key for _, _, key in _agreed_keys(stream)])
    left, right = (
        decryption.opened([p for s in flow.sources.values() for p in s.samples] if flow else [], keys)
        for flow in stream.flows
    )
    return left, right


def _sdes(evidence: Evidence) -> Judgement:
    stream = evidence.stream
    found = Judgement(keying=Keying.SDES, verdict="", severity=Severity.SERIOUS)
    counts = opened_by_signalling(stream)
    tried, verified = sum(each.tried for each in counts), sum(each.verified for each in counts)
    found.verdict = (
        "Everybody who saw the signalling could hear this: the keys stood in it, and it was not encrypted where this "
        "was recorded."
    )
    if tried and verified:
        found.reasons.append(
            f"This capture is enough to hear it: of the first {tried} packets {verified} open with keys found in it."
        )
    elif tried:
        found.findings.add(
            Severity.ODD, "None of the keys in the signalling opens the media: others were in use.", "RFC 4568"
        )
    if evidence.encrypted is False:
        found.keying = Keying.CLEAR
        found.verdict = "Everybody on the way could hear this: keys were exchanged, and the media is not encrypted."
    found.reasons += _passed_on(evidence, lambda said: bool(said.section.crypto))
    return found


# The way of the signalling


def _passed_on(evidence: Evidence, carries: Callable[[Announcement], bool]) -> list[str]:
    """Sentences: between whom the signalling of each side was seen, how, and through whom it says that it came."""
    found = []
    for name, said in zip(evidence.names, evidence.stream.announced, strict=True):
        carried = [each for each in said if carries(each)]
        hops = dict.fromkeys(each.hop for each in carried)
        if not hops:
            continue
        seen = ", ".join(
            f"{text_of(hop.sender)} -> {text_of(hop.receiver)} ({hop.transport}, no TLS)"
            for hop in list(hops)[:MOST_HOPS]
        )
        more = f" and {len(hops) - MOST_HOPS} more" if len(hops) > MOST_HOPS else ""
        found.append(f"What {name} signalled was seen in clear on {seen}{more}.")
        vias = dict.fromkeys(via for each in carried for via in each.vias[1:])
        if vias:
            before = ", ".join(
                f"{host} (by {transport}, {'and read there' if transport in UNREADABLE else 'no TLS'})"
                for transport, host in list(vias)[:MOST_HOPS]
            )
            found.append(f"By its Via headers it had come through {before}.")
    return found


# Nothing


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
