"""Typed access to the known answers in `vectors/` (format: vectors/README.md).

Octet strings arrive as bytes, algorithm codes as the four octets of the wire. A folder named by the
environment variable ZRTP_VECTORS is read in addition.

    @pytest.mark.parametrize("transcript", transcripts(), ids=str)
    @pytest.mark.parametrize("item", primitives("kdf"), ids=item_id)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from zrtp.protocol.config import ClearDialect

VECTORS = Path(__file__).parents[2] / "vectors"

TRANSCRIPT_SCHEMA = "zrtp-transcript-1"
FRAGMENTS_SCHEMA = "zrtp-fragments-1"
PRIMITIVES_SCHEMA = "zrtp-primitives-1"
SCHEMAS = (TRANSCRIPT_SCHEMA, FRAGMENTS_SCHEMA, PRIMITIVES_SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The five algorithms of the Commit, four octets each."""

    hash: bytes
    cipher: bytes
    auth_tag: bytes
    key_agreement: bytes
    sas: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePart:
    """One component of the private value of a KEM."""

    alg: str
    type: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateValue:
    """The private value of one end: `value`, or for a KEM `role` and `parts`."""

    type: str
    value: bytes
    role: str
    parts: tuple[PrivatePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """What one end held before the exchange."""

    zid: bytes
    h0: bytes
    secret: PrivateValue | None
    rs1: bytes | None
    rs2: bytes | None
    auxsecret: bytes | None
    pbxsecret: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """The messages without header and CRC; None where not sent or not recorded."""

    hello_i: bytes
    hello_r: bytes
    commit: bytes
    dhpart1: bytes | None
    dhpart2: bytes | None
    confirm1: bytes | None
    confirm2: bytes | None
    commit_lost: bytes | None

    def present(self) -> Iterator[tuple[str, bytes]]:
        """Name and octets of every message that there is."""
        for field in fields(self):
            octets = getattr(self, field.name)
            if octets is not None:
                yield field.name, octets


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPacket:
    """One datagram and the role of its sender."""

    sender: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PresharedInputs:
    """Inputs and outcome of the preshared key computation."""

    rs1: bytes | None
    auxsecret: bytes | None
    pbxsecret: bytes | None
    preshared_key: bytes
    key_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpSample:
    """One RTP packet before and after protection; `direction` is "i2r" or "r2i"."""

    direction: str
    plain: bytes
    wire: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The results; None where the mode has none or the recording does not show it."""

    hvi: bytes | None
    dh_result: bytes | None
    s1: bytes | None
    s2: bytes | None
    s3: bytes | None
    total_hash: bytes
    kdf_context: bytes
    s0: bytes
    zrtpsess: bytes | None
    sashash: bytes | None
    sas: bytes | None
    sas_rendered: str | None
    mackeyi: bytes
    mackeyr: bytes
    zrtpkeyi: bytes
    zrtpkeyr: bytes
    srtpkeyi: bytes
    srtpkeyr: bytes
    srtpsalti: bytes
    srtpsaltr: bytes
    new_rs1: bytes | None
    exported_key: bytes | None
    confirm1_plain: bytes | None
    confirm2_plain: bytes | None
    exported_labels: Mapping[str, bytes]
    cache_mismatch: Mapping[str, bool]
    clear_mac_i: bytes | None
    clear_mac_r: bytes | None
    zrtpsess_after_goclear: bytes | None
    clear_dialect: ClearDialect
    srtp_samples: tuple[SrtpSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedSas:
    """A SASrelay message with its decrypted part."""

    sender: str
    message: bytes
    plain: bytes
    sas_type: bytes
    relayed_sashash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The trusted-MiTM secret that a PBX enrolment made."""

    pbx: str
    pbxsecret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature inside a Confirm: type block and signature block as sent."""

    message: str
    words: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One finished exchange."""

    name: str
    kind: str
    """"recording" or "synthetic"."""
    software: tuple[str, str]
    """Of the initiator and the responder."""
    mode: str
    """"dh", "kem", "multistream" or "preshared"."""
    suite: Suite
    initiator: Party
    responder: Party
    messages: Messages
    packets: tuple[RecordedPacket, ...]
    zrtpsess_in: bytes | None
    preshared: PresharedInputs | None
    expect: Expected
    sasrelay: RelayedSas | None
    enrolment: Enrolment | None
    signature: Signature | None
    reported: frozenset[str]
    extra: bool
    """From the folder that ZRTP_VECTORS names, not from this project's own."""

    def __str__(self) -> str:
        return self.name


@cache
def transcripts() -> list[Transcript]:
    """All exchanges, sorted by name."""
    return [_transcript(data) for data in _documents(TRANSCRIPT_SCHEMA)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Datagrams as one end received them: (seconds, octets, whether somebody else forged it)."""

    name: str
    datagrams: tuple[tuple[float, bytes, bool], ...]

    def __str__(self) -> str:
        return self.name


@cache
def receptions() -> list[Reception]:
    """All recordings of messages in fragments, sorted by name."""
    return [
        Reception(
            name=data["name"],
            datagrams=tuple(
                (item["at"], _octets(item, "data"), item.get("forged", False)) for item in data["received"]
            ),
        )
        for data in _documents(FRAGMENTS_SCHEMA)
    ]


@cache
def primitives(kind: str) -> list[dict[str, Any]]:
    """The items of one list of primitives.json, values as in the file (hex is not decoded)."""
    return [item for data in _documents(PRIMITIVES_SCHEMA) for item in data.get(kind, [])]


@cache
def primitive_lists() -> list[str]:
    """The names of all lists in primitives.json."""
    documents = _documents(PRIMITIVES_SCHEMA)
    return sorted({key for data in documents for key, value in data.items() if isinstance(value, list)})


def item_id(item: Mapping[str, Any]) -> str:
    """A short id for an item of primitives.json: its short text values."""
    texts = [value for value in item.values() if isinstance(value, str) and 0 < len(value) <= 24]
    return "-".join(texts[:3]) or "item"


def has_stale_length(confirm_plain: bytes | None) -> bool:
    """Whether a Confirm of 19 words counts words of a signature that is not there."""
    return confirm_plain is not None and len(confirm_plain) == 40 and confirm_plain[33:35] != bytes(2)


def code(name: str) -> bytes:
    """The four octets of an algorithm's name."""
    return name.ljust(4).encode("ascii")


def _documents(schema: str) -> list[dict[str, Any]]:
    return [data for data in _all_documents() if data["schema"] == schema]


@cache
def _all_documents() -> list[dict[str, Any]]:
    folders = [VECTORS]
    if extra := os.environ.get("ZRTP_VECTORS"):
        folders.append(Path(extra))
    documents = []
    for folder in folders:
        for path in sorted(folder.rglob("*.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(data, dict) and data.get("schema") in SCHEMAS:
                documents.append(data | {"extra": folder is not VECTORS})
    return sorted(documents, key=lambda data: str(data.get("name", "")))


def _octets(data: Mapping[str, Any], key: str) -> bytes:
    return bytes.fromhex(data[key])


def _maybe(data: Mapping[str, Any], key: str) -> bytes | None:
    value = data.get(key)
    return None if value is None else bytes.fromhex(value)


def _transcript(data: Mapping[str, Any]) -> Transcript:
    source = data["source"]
    return Transcript(
        name=data["name"],
        kind=source["kind"],
        software=(source.get("initiator", ""), source.get("responder", "")),
        mode=data["mode"],
        suite=Suite(**{key: code(name) for key, name in data["suite"].items()}),
        initiator=_party(data["initiator"]),
        responder=_party(data["responder"]),
        messages=_messages(data["messages"]),
        packets=tuple(
            RecordedPacket(sender=item["from"], data=_octets(item, "data")) for item in data.get("packets") or ()
        ),
        zrtpsess_in=_maybe(data, "zrtpsess_in"),
        preshared=_preshared(data["preshared"]) if data.get("preshared") else None,
        expect=_expected(data["expect"]),
        sasrelay=_relayed_sas(data["sasrelay"]) if data.get("sasrelay") else None,
        enrolment=_enrolment(data["enrolment"]) if data.get("enrolment") else None,
        signature=_signature(data["signature"]) if data.get("signature") else None,
        reported=frozenset(data.get("reported") or ()),
        extra=data["extra"],
    )


def _party(data: Mapping[str, Any]) -> Party:
    return Party(
        zid=_octets(data, "zid"),
        h0=_octets(data, "h0"),
        secret=private_value(data["secret"]) if data.get("secret") else None,
        rs1=_maybe(data, "rs1"),
        rs2=_maybe(data, "rs2"),
        auxsecret=_maybe(data, "auxsecret"),
        pbxsecret=_maybe(data, "pbxsecret"),
    )


def private_value(data: Mapping[str, Any]) -> PrivateValue:
    """A `secret` of a transcript or of primitives.json."""
    return PrivateValue(
        type=data["type"],
        value=_maybe(data, "value") or b"",
        role=data.get("role", ""),
        parts=tuple(
            PrivatePart(alg=part["alg"], type=part["type"], value=_octets(part, "value"))
            for part in data.get("parts", ())
        ),
    )


def _messages(data: Mapping[str, Any]) -> Messages:
    return Messages(
        hello_i=_octets(data, "hello_i"),
        hello_r=_octets(data, "hello_r"),
        commit=_octets(data, "commit"),
        dhpart1=_maybe(data, "dhpart1"),
        dhpart2=_maybe(data, "dhpart2"),
        confirm1=_maybe(data, "confirm1"),
        confirm2=_maybe(data, "confirm2"),
        commit_lost=_maybe(data, "commit_lost"),
    )


def _preshared(data: Mapping[str, Any]) -> PresharedInputs:
    return PresharedInputs(
        rs1=_maybe(data, "rs1"),
        auxsecret=_maybe(data, "auxsecret"),
        pbxsecret=_maybe(data, "pbxsecret"),
        preshared_key=_octets(data, "preshared_key"),
        key_id=_octets(data, "key_id"),
    )


def _expected(data: Mapping[str, Any]) -> Expected:
    return Expected(
        hvi=_maybe(data, "hvi"),
        dh_result=_maybe(data, "dh_result"),
        s1=_maybe(data, "s1"),
        s2=_maybe(data, "s2"),
        s3=_maybe(data, "s3"),
        total_hash=_octets(data, "total_hash"),
        kdf_context=_octets(data, "kdf_context"),
        s0=_octets(data, "s0"),
        zrtpsess=_maybe(data, "zrtpsess"),
        sashash=_maybe(data, "sashash"),
        sas=_maybe(data, "sas"),
        sas_rendered=data.get("sas_rendered"),
        mackeyi=_octets(data, "mackeyi"),
        mackeyr=_octets(data, "mackeyr"),
        zrtpkeyi=_octets(data, "zrtpkeyi"),
        zrtpkeyr=_octets(data, "zrtpkeyr"),
        srtpkeyi=_octets(data, "srtpkeyi"),
        srtpkeyr=_octets(data, "srtpkeyr"),
        srtpsalti=_octets(data, "srtpsalti"),
        srtpsaltr=_octets(data, "srtpsaltr"),
        new_rs1=_maybe(data, "new_rs1"),
        exported_key=_maybe(data, "exported_key"),
        confirm1_plain=_maybe(data, "confirm1_plain"),
        confirm2_plain=_maybe(data, "confirm2_plain"),
        exported_labels={label: bytes.fromhex(value) for label, value in (data.get("exported_labels") or {}).items()},
        cache_mismatch=data.get("cache_mismatch") or {},
        clear_mac_i=_maybe(data, "clear_mac_i"),
        clear_mac_r=_maybe(data, "clear_mac_r"),
        zrtpsess_after_goclear=_maybe(data, "zrtpsess_after_goclear"),
        clear_dialect=ClearDialect(data.get("clear_dialect", "rfc")),
        srtp_samples=tuple(
            SrtpSample(direction=item["direction"], plain=_octets(item, "plain"), wire=_octets(item, "wire"))
            for item in data.get("srtp_samples") or ()
        ),
    )


def _relayed_sas(data: Mapping[str, Any]) -> RelayedSas:
    return RelayedSas(
        sender=data["sender"],
        message=_octets(data, "message"),
        plain=_octets(data, "plain"),
        sas_type=code(data["sas_type"]),
        relayed_sashash=_octets(data, "relayed_sashash"),
    )


def _enrolment(data: Mapping[str, Any]) -> Enrolment:
    return Enrolment(pbx=data["pbx"], pbxsecret=_octets(data, "pbxsecret"))


def _signature(data: Mapping[str, Any]) -> Signature:
    return Signature(message=data["message"], words=data["words"], data=_octets(data, "data"))
