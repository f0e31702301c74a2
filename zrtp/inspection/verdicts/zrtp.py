"""A stream with keys of ZRTP: who could be in between, and what was checked against that."""

from __future__ import annotations

import hmac

from zrtp.crypto.hashes import sha256
from zrtp.inspection.evidence import Evidence, Judgement, Keying
from zrtp.inspection.exchange import Progress, RecordedExchange
from zrtp.inspection.findings import Severity
from zrtp.wire.messages import CommitMode, Hello, Kind


def judge(evidence: Evidence, exchange: RecordedExchange) -> Judgement:
    """The verdict on a stream with this finished exchange."""
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
    elif servers := _servers(evidence, exchange):
        found.severity = Severity.ODD
        found.verdict = (
            f"Nobody but the two ends and whoever is behind {servers} could hear this, if they compared "
            f"{_what(exchange)}: it says that it is a server that may stand in between."
        )
    else:
        found.verdict = f"Nobody but the two ends could hear this, if they compared {_what(exchange)}."
    if exchange.progress is Progress.CONFIRMED:
        found.reasons.append("The last acknowledgement is not in the capture; that the media came shows the same.")
    found.reasons.append(_checked(exchange))
    return found


def _servers(evidence: Evidence, exchange: RecordedExchange) -> str:
    """The sides that call themselves a server in between, or act as one (section 7.3)."""
    hellos = (exchange.hello_of(side) for side in (0, 1))
    says = [hello is not None and hello.mitm for hello in hellos]
    acts = [exchange.first(Kind.SASRELAY, side) is not None for side in (0, 1)]
    return " and ".join(name for side, name in enumerate(evidence.names) if says[side] or acts[side])


def _what(exchange: RecordedExchange) -> str:
    chosen = exchange.chosen
    if chosen is not None and chosen.mode is CommitMode.MULTISTREAM:
        return "the words of the call's first stream"
    if chosen is not None and chosen.mode is CommitMode.PRESHARED:
        return "their words in this call or in the one whose secret it uses"
    return "their words (SAS), now or in an earlier call"


def _checked(exchange: RecordedExchange) -> str:
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


def _compare_hashes(evidence: Evidence, exchange: RecordedExchange, found: Judgement) -> None:
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


def _watch_the_gate(evidence: Evidence, exchange: RecordedExchange, found: Judgement) -> None:
    """Media that was sent while there were no keys yet (section 4)."""
    committed = exchange.commit.time if exchange.commit is not None else None
    for flow, name in zip(evidence.stream.flows, evidence.names, strict=True):
        if flow is None or not flow.rtp_before_keys or committed is None:
            continue
        packets = "packet" if flow.rtp_before_keys == 1 else "packets"
        text = f"{name} sent {flow.rtp_before_keys} RTP {packets} before ZRTP had given it keys."
        found.findings.add(Severity.ODD, text, "4")


def _compare_sources(evidence: Evidence, exchange: RecordedExchange, found: Judgement) -> None:
    """The SSRC in the header of ZRTP packets should be that of the media (section 5)."""
    for side, (flow, name) in enumerate(zip(evidence.stream.flows, evidence.names, strict=True)):
        named = {step.ssrc for step in exchange.steps if step.side == side and step.ssrc is not None}
        sent = {int.from_bytes(ssrc, "big") for ssrc in (flow.sources if flow is not None else ())}
        if named and sent and not named & sent:
            text = f"ZRTP of {name} is about SSRC {min(named):08x}, and its media has {min(sent):08x}."
            found.findings.add(Severity.ODD, text, "5")
