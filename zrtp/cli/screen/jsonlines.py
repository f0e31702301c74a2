"""Events for machines: one JSON object a line. No key material is in any of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TextIO, assert_never

from zrtp.cli.calls.notices import (
    Agreed,
    Calling,
    Ended,
    Listening,
    Media,
    Mismatched,
    News,
    Reaching,
    SoundNote,
    Standing,
    Waiting,
)
from zrtp.cli.screen.streams import Output
from zrtp.crypto import codes
from zrtp.crypto.sas import Sas
from zrtp.media.addresses import Address
from zrtp.media.events import CallEvent, MediaRecovered, MediaTrouble, PeerLeft
from zrtp.protocol.events import (
    AnotherPeer,
    ClearRequested,
    Closed,
    EnrolmentOffered,
    Failed,
    GoingSecure,
    KeysReady,
    NoPeer,
    PeerDetected,
    PongReceived,
    SasReady,
    SasRelayed,
    Secured,
    SecurityWarning,
    SendingChanged,
    SignatureReceived,
    Verified,
    WarningCode,
    WentClear,
)


class JsonLines:
    """Writes one side's news; `clock` tells the seconds since the command started. Raises CommandError if it cannot."""

    def __init__(self, out: TextIO, clock: Callable[[], float], *, side: str = "") -> None:
        self._out = Output(out)
        self._clock = clock
        self._side = {"side": side} if side else {}

    def show(self, news: News) -> None:
        described = describe(news)
        if described:
            line = {"t": round(self._clock(), 3), **described, **self._side}
            self._out.write(json.dumps(line, separators=(",", ":")) + "\n")


def describe(news: News) -> dict[str, Any]:
    """The object for an event or notice, without time and side; empty for what machines have no use for."""
    match news:
        case Listening():
            return {"event": "listening", "bind": text(news.bind), **_hello(news)}
        case Reaching():
            given = {"give": news.give} if news.give else {}
            return {"event": "reaching", "stage": news.stage, "text": news.text, **given}
        case Calling():
            return {"event": "calling", "remote": text(news.remote), "bind": text(news.bind), **_hello(news)}
        case Agreed():
            return {**describe(news.secured), **_agreed(news)}
        case Standing():
            return {"event": "assurance", "assurance": news.assurance.value}
        case Waiting():
            return {"event": "waiting", "text": news.text} if news.since is None else {}
        case SoundNote():
            return {"event": "sound", "text": news.text}
        case Mismatched():
            return {"event": "warning", "code": WarningCode.SAS_MISMATCH.value, "text": news.text}
        case Media():
            return {"event": "media", **_media(news)}
        case Ended():
            return {"event": "ended", **_ended(news)}
        case _:
            return _event(news)


def _event(news: CallEvent) -> dict[str, Any]:
    """The object for an event of the engine or of the media path."""
    match news:
        case PeerDetected():
            return {"event": "peer_detected", **_peer(news)}
        case GoingSecure():
            return {"event": "going_secure", "role": news.role.value}
        case SendingChanged():
            return {"event": "sending", "sending": news.sending.value}
        case SasReady():
            continuity = {"continuity": news.continuity.value, "verified": news.verified}
            return {"event": "sas", **_sas(news.sas), **continuity}
        case Secured():
            return {"event": "secured", **_secured(news)}
        case SecurityWarning():
            return {"event": "warning", "code": news.code.value, "text": news.text}
        case Verified():
            return {"event": "verdict", "verified": news.verified, "peer_name": news.peer_name}
        case NoPeer():
            return {"event": "no_peer", "text": news.text}
        case Failed():
            return {"event": "failed", **_failed(news)}
        case ClearRequested():
            return {"event": "clear_requested"}
        case WentClear():
            return {"event": "went_clear", "by": _by(news.by_peer)}
        case SasRelayed():
            return {"event": "sas_relayed", **_sas(news.sas)}
        case EnrolmentOffered():
            return {"event": "enrolment_offered"}
        case SignatureReceived():
            kind = codes.name(news.signature_type)
            return {"event": "signature", "type": kind, "signer": news.signer.hex()}
        case PongReceived():
            endpoint = news.endpoint_hash.hex()
            return {"event": "pong", "endpoint_hash": endpoint, "version": printable(news.version)}
        case MediaTrouble():
            return {"event": "media_trouble", "code": news.trouble.value, "text": news.text}
        case MediaRecovered():
            return {"event": "media_recovered"}
        case PeerLeft():
            return {"event": "peer_left", "source": news.source}
        case AnotherPeer():
            return {"event": "another_peer", "zid": news.zid.hex(), "text": news.text}
        case KeysReady() | Closed():
            return {}
    assert_never(news)


def text(address: Address) -> str:
    """HOST:PORT, with brackets around the colons of IPv6."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def printable(octets: bytes) -> str:
    r"""What a peer calls itself, without its padding; other octets than printable ASCII as \xNN."""
    return codes.name(octets.rstrip(b" \0"))


def _hello(news: Listening | Calling) -> dict[str, Any]:
    return {"zid": news.zid.hex(), "hello_hash": news.hello_hash}


def _ended(news: Ended) -> dict[str, Any]:
    return {
        "exit": int(news.code),
        "text": news.text,
        "hint": news.hint or None,
        "verdict": "none" if news.verdict is None else news.verdict.value,
    }


def _media(news: Media) -> dict[str, Any]:
    counters = news.counters
    return {
        "sent": counters.sent,
        "received": counters.received,
        "verified": counters.verified,
        "rejected": counters.rejected,
        "repeated": counters.repeated,
        "final": news.final,
    }


def _peer(news: PeerDetected) -> dict[str, Any]:
    return {
        "zid": news.zid.hex(),
        "client": printable(news.client_id),
        "version": news.version,
        "hash": _names(news.hashes),
        "cipher": _names(news.ciphers),
        "auth_tag": _names(news.auth_tags),
        "agreement": _names(news.key_agreements),
        "sas": _names(news.sas_types),
        "flags": {"signature": news.signature_capable, "mitm": news.mitm, "passive": news.passive},
    }


def _sas(sas: Sas) -> dict[str, Any]:
    return {"sas": sas.rendered, "type": codes.name(sas.code), "letters": sas.letters()}


def _secured(news: Secured) -> dict[str, Any]:
    suite = news.suite
    return {
        "mode": news.mode.value,
        "role": news.role.value,
        "suite": {
            "hash": codes.name(suite.hash),
            "cipher": codes.name(suite.cipher),
            "auth_tag": codes.name(suite.auth_tag),
            "agreement": codes.name(suite.key_agreement),
            "sas": codes.name(suite.sas),
        },
        "zid": news.zid.hex(),
        "client": printable(news.client_id),
        "verified": news.verified,
        "peer_name": news.peer_name,
        "disclosure": news.disclosure,
    }


def _agreed(news: Agreed) -> dict[str, Any]:
    return {
        "packets": news.packets,
        "octets": news.octets,
        "assurance": news.assurance.value,
        "server": news.server,
        "enrolled": news.enrolled,
        **({"by_code": True} if news.by_code else {}),
    }


def _failed(news: Failed) -> dict[str, Any]:
    return {"code": f"0x{news.code:02x}", "name": news.name, "by": _by(news.by_peer), "text": news.text}


def _names(listed: tuple[bytes, ...]) -> list[str]:
    return [codes.name(code) for code in listed]


def _by(peer: bool) -> str:
    return "peer" if peer else "us"
