"""tshark, which shares no line with this package, agrees on every field of ZRTP that both know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.interop.requirements import TSHARK
from tests.interop.tshark import Row, decode_pcap
from tests.support.pcap import CAPTURES
from zrtp.inspection.decode import fields_as_data
from zrtp.inspection.report import inspect
from zrtp.inspection.steps import Step

pytestmark = pytest.mark.long

OCTETS = {
    "h3": "hash_image",
    "h2": "hash_image",
    "h1": "hash_image",
    "zid": "zid",
    "hvi": "hvi",
    "nonce": "nonce",
    "key_id": "key_id",
    "rs1_id": "rs1id",
    "rs2_id": "rs2id",
    "aux_secret_id": "auxs",
    "pbx_secret_id": "pbxs",
    "mac": "hmac",
    "confirm_mac": "hmac",
    "clear_mac": "hmac",
    "iv": "cfb",
    "endpoint_hash": "ping_endpointhash",
    "sender_endpoint_hash": "pingack_endpointhash",
    "received_endpoint_hash": "ping_endpointhash",
}
TEXTS = {
    "hash": "hash",
    "cipher": "cipher",
    "auth_tag": "at",
    "key_agreement": "keya",
    "sas": "sas",
}
NUMBERS = {
    "preamble": "signature",
    "length": "length",
    "signature_capable": "sigcap",
    "mitm": "mitm",
    "passive": "passive",
    "hash_count": "hc",
    "cipher_count": "cc",
    "auth_tag_count": "ac",
    "key_agreement_count": "kc",
    "sas_type_count": "sc",
    "code": "error",
    "ssrc": "ping_ssrc",
}
LISTS = {"hashes": "hash", "ciphers": "cipher", "auth_tags": "at", "key_agreements": "keya", "sas_types": "sas"}


@pytest.fixture(scope="module", params=sorted(CAPTURES.glob("*.pcap")), ids=lambda path: path.stem)
def both(request: pytest.FixtureRequest) -> list[tuple[Step, Row]]:
    """Each packet of a capture as both see it."""
    TSHARK.require()
    path: Path = request.param
    rows = decode_pcap(path)
    pairs = []
    for stream in inspect(path).streams:
        ports = {port for _, port in stream.stream.ends}
        steps = [step for exchange in stream.exchanges for step in exchange.steps]
        pairs += list(zip(steps, [row for row in rows if row.source_port in ports], strict=True))
    assert len(pairs) == len(rows)
    return pairs


def test_types_numbers_and_checksums(both: list[tuple[Step, Row]]) -> None:
    for step, row in both:
        if row.malformed or not row.checksum_good:
            assert step.message is None
            continue
        assert step.title in (row.kind.strip(), f"malformed {row.kind.strip()}")
        assert (row.number("sequence"), row.number("source_id")) == (step.sequence, step.ssrc)
        assert [check.good for check in step.checks if check.what == "CRC"] == [True]


def test_every_field_that_both_know(both: list[tuple[Step, Row]]) -> None:
    compared = 0
    for step, row in both:
        if step.message is None or step.repeats is not None:
            continue
        for name, value in leaves(fields_as_data(step)):
            for names, read in ((OCTETS, octets), (NUMBERS, number), (TEXTS, text)):
                if name in names and names[name] in row.fields:
                    assert read(row, names[name]) == value, (step.title, name)
                    compared += 1
        for name, listed in lists(fields_as_data(step)):
            assert [each.encode().hex() for each in row.fields.get(LISTS[name], ())] == listed
            compared += 1
    assert compared > 20 or not both


def octets(row: Row, name: str) -> str:
    return row.octets(name).hex()


def text(row: Row, name: str) -> str:
    return row.one(name).encode().hex()


def number(row: Row, name: str) -> int | str:
    value = row.number(name)
    return f"{value:04x}" if name == "signature" else value


def leaves(fields: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Names and values of the fields that consist of no others; numbers of lists left out."""
    for field in fields:
        if "fields" in field and field["name"] not in LISTS:
            yield from leaves(field["fields"])
        elif "fields" not in field:
            yield field["name"], field["value"]


def lists(fields: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for field in fields:
        inner: list[Mapping[str, Any]] = field.get("fields", [])
        if field["name"] in LISTS:
            yield field["name"], [each["value"] for each in inner]
        else:
            yield from lists(field.get("fields", []))
