"""A report as plain data for JSON. No key is in it, whatever was given or stood in the signalling."""

from __future__ import annotations

from typing import Any

from zrtp.crypto import codes
from zrtp.inspection.calls import RecordedCall
from zrtp.inspection.decode import fields_as_data, text
from zrtp.inspection.exchange import RecordedExchange
from zrtp.inspection.findings import Finding
from zrtp.inspection.flows import Flow
from zrtp.inspection.report import Report, StreamReport
from zrtp.inspection.steps import Step
from zrtp.inspection.streams import text_of
from zrtp.inspection.unsealing import Unsealed
from zrtp.wire.messages import Commit, Hello


def described(report: Report) -> dict[str, Any]:
    """The whole report; times in seconds since its first packet."""
    began = report.began or 0.0
    return {
        "file": report.path.name,
        "octets": report.size,
        "packets": report.frames,
        "began": report.began,
        "seconds": round(max(0.0, report.ended - began), 6),
        "problems": report.problems,
        "calls": [_call(call, began) for call in report.calls],
        "tls": [{"from": text_of(one), "to": text_of(other)} for one, other in report.tls],
        "streams": [_stream(stream, began) for stream in report.streams],
    }


def _call(call: RecordedCall, began: float) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "caller": call.caller,
        "callee": call.callee,
        "messages": [
            {
                "t": round(message.time - began, 6),
                "from": text_of(message.hop.sender),
                "to": text_of(message.hop.receiver),
                "transport": message.hop.transport,
                "message": message.title,
                "carries": list(message.carries),
            }
            for message in call.messages
        ],
        "unlisted": call.unlisted,
    }


def _stream(report: StreamReport, began: float) -> dict[str, Any]:
    stream, judgement = report.stream, report.judgement
    return {
        "number": report.number,
        "kind": stream.kind,
        "call_id": None if stream.call is None else stream.call.call_id,
        "t": round(stream.began - began, 6),
        "keying": judgement.keying.value,
        "verdict": judgement.verdict,
        "severity": judgement.severity.name.lower(),
        "reasons": judgement.reasons,
        "findings": [_finding(each) for each in judgement.findings],
        "ends": [_end(report, side) for side in (0, 1)],
        "rtcp": stream.rtcp,
        "exchanges": [
            _exchange(exchange, began, report.unsealed.get(place)) for place, exchange in enumerate(report.exchanges)
        ],
    }


def _end(report: StreamReport, side: int) -> dict[str, Any]:
    flow = report.stream.flows[side]
    opened = None if report.opened is None else report.opened[side]
    return {
        "name": report.names[side],
        "address": text_of(report.stream.ends[side]),
        "sent": _sent(flow),
        "decrypted": None if opened is None else {"tried": opened.tried, "verified": opened.verified},
    }


def _sent(flow: Flow | None) -> dict[str, Any]:
    if flow is None:
        return {}
    return {
        "packets": flow.packets,
        "octets": flow.octets,
        "before_keys": flow.rtp_before_keys if flow.moments else None,
        "kinds": {kind.value: count for kind, count in flow.counts.items()},
        "sources": [
            {"ssrc": ssrc.hex(), "packets": source.packets, "payload_types": sorted(source.types)}
            for ssrc, source in flow.sources.items()
        ],
    }


def _exchange(exchange: RecordedExchange, began: float, unsealed: Unsealed | None) -> dict[str, Any]:
    chosen = exchange.chosen
    return {
        "progress": exchange.progress.value,
        "mode": exchange.mode or None,
        "suite": None if chosen is None else _suite(chosen),
        "initiator": exchange.initiator,
        "contention": exchange.contention,
        "secured": None if exchange.secured is None else round(exchange.secured - began, 6),
        "sas": None if unsealed is None else unsealed.sas or None,
        "messages": [_step(step, began) for step in exchange.steps],
        "unlisted": exchange.unlisted,
        "findings": [_finding(each) for each in exchange.findings],
    }


def _suite(chosen: Commit) -> dict[str, str]:
    names = ("hash", "cipher", "auth_tag", "key_agreement", "sas")
    return {name: codes.name(getattr(chosen, name)) for name in names}


def _step(step: Step, began: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": step.number,
        "t": round(step.time - began, 6),
        "side": step.side,
        "message": step.title,
        "sequence": step.sequence,
        "ssrc": None if step.ssrc is None else f"{step.ssrc:08x}",
        "octets": step.octets,
        "fragments": step.fragments,
        "repeats": step.repeats,
        "checks": [{"what": each.what, "good": each.good, "by": each.by} for each in step.checks],
    }
    if step.repeats is None and step.message is not None:
        found["fields"] = fields_as_data(step)
    if step.repeats is None and isinstance(step.message, Hello):
        found["client"] = text(step.message.client_id)
        found["zid"] = step.message.zid.hex()
    if step.plain is not None:
        found["decrypted"] = {
            "enrolment": step.plain.enrolment,
            "verified": step.plain.verified,
            "allow_clear": step.plain.allow_clear,
            "disclosure": step.plain.disclosure,
            "cache_interval": step.plain.cache_interval,
        }
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.name.lower(),
        "text": finding.text,
        "section": finding.section,
        "message": finding.step,
        "times": finding.times,
    }
