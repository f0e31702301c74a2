"""tshark reads everything that the engine sends as it was meant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop import specimens
from tests.interop.requirements import TSHARK
from tests.interop.tshark import Row, decode
from zrtp.wire.messages import (
    Commit,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    GoClear,
    Hello,
    Kind,
    Message,
    Ping,
    PingACK,
    SASrelay,
    parse,
)
from zrtp.wire.packet import Packet, decode_packet

pytestmark = [pytest.mark.usefixtures("tshark_peer"), pytest.mark.long]


@pytest.fixture(scope="module")
def packets() -> list[Packet]:
    """What we sent, as our own decoder reads it."""
    decoded = [decode_packet(datagram) for datagram in specimens.all_datagrams()]
    return [packet for packet in decoded if isinstance(packet, Packet)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The same as tshark reads it."""
    TSHARK.require()  # a module's fixture comes before the fixture of each test
    return decode(tmp_path_factory.mktemp("tshark"), specimens.all_datagrams())


def of_kind(packets: list[Packet], rows: list[Row], kind: Kind) -> Iterator[tuple[Message, Row]]:
    found = [(parse(packet.message), row) for packet, row in zip(packets, rows, strict=True)]
    chosen = [(message, row) for message, row in found if message.kind is kind]
    assert chosen, f"no {kind} was sent"
    yield from chosen


def texts(*codes: bytes) -> tuple[str, ...]:
    return tuple(code.decode() for code in codes)


def test_all_sixteen_message_types_are_sent_and_recognised(packets: list[Packet], rows: list[Row]) -> None:
    assert {row.kind.encode() for row in rows} == {kind.value for kind in Kind}
    assert [row.kind.encode() for row in rows] == [packet.message[4:12] for packet in packets]


def test_every_checksum_is_good_and_nothing_is_malformed(rows: list[Row]) -> None:
    assert [row for row in rows if not row.checksum_good or row.malformed or row.complaints] == []


def test_headers(packets: list[Packet], rows: list[Row]) -> None:
    for packet, row in zip(packets, rows, strict=True):
        assert row.number("sequence") == packet.sequence
        assert row.number("source_id") == packet.ssrc
        assert row.number("signature") == 0x505A
        assert row.number("length") * 4 == len(packet.message)
        assert row.one("cookie") == "ZRTP"


def test_hello(packets: list[Packet], rows: list[Row]) -> None:
    for message, row in of_kind(packets, rows, Kind.HELLO):
        assert isinstance(message, Hello)
        assert row.one("version") == "1.10"
        assert row.one("client_source_id").encode() == message.client_id
        assert row.octets("hash_image") == message.h3
        assert row.octets("zid") == message.zid
        assert (row.number("sigcap"), row.number("mitm"), row.number("passive")) == (0, message.mitm, message.passive)
        lists = (message.hashes, message.ciphers, message.auth_tags, message.key_agreements, message.sas_types)
        assert tuple(row.fields[name] for name in ("hash", "cipher", "at", "keya", "sas")) == tuple(
            texts(*codes) for codes in lists
        )
        assert tuple(row.number(name) for name in ("hc", "cc", "ac", "kc", "sc")) == tuple(map(len, lists))
        assert row.octets("hmac") == message.mac


def test_commit_in_every_mode(packets: list[Packet], rows: list[Row]) -> None:
    agreements = set()
    for message, row in of_kind(packets, rows, Kind.COMMIT):
        assert isinstance(message, Commit)
        agreements.add(message.key_agreement)
        assert row.octets("hash_image") == message.h2
        assert row.octets("zid") == message.zid
        codes = (message.hash, message.cipher, message.auth_tag, message.key_agreement, message.sas)
        assert tuple(row.one(name) for name in ("hash", "cipher", "at", "keya", "sas")) == texts(*codes)
        for name, value in (("hvi", message.hvi), ("nonce", message.nonce), ("key_id", message.key_id)):
            assert row.fields.get(name) == (None if value is None else (value.hex(),))
        if not message.public_key:
            assert row.octets("hmac") == message.mac
    assert agreements >= {b"DH3k", b"X255", b"K255", b"Mult", b"Prsh"}


@pytest.mark.parametrize("kind", [Kind.DHPART1, Kind.DHPART2], ids=lambda kind: kind.name)
def test_dhpart(packets: list[Packet], rows: list[Row], kind: Kind) -> None:
    for message, row in of_kind(packets, rows, kind):
        assert isinstance(message, DHPart1 | DHPart2)
        assert row.octets("hash_image") == message.h1
        ids = (message.rs1_id, message.rs2_id, message.aux_secret_id, message.pbx_secret_id)
        assert tuple(row.octets(name) for name in ("rs1id", "rs2id", "auxs", "pbxs")) == ids
        assert row.octets("hmac") == message.mac


@pytest.mark.parametrize("kind", [Kind.CONFIRM1, Kind.CONFIRM2, Kind.SASRELAY], ids=lambda kind: kind.name)
def test_sealed_messages(packets: list[Packet], rows: list[Row], kind: Kind) -> None:
    for message, row in of_kind(packets, rows, kind):
        assert isinstance(message, Confirm1 | Confirm2 | SASrelay)
        mac = message.mac if isinstance(message, SASrelay) else message.confirm_mac
        assert (row.octets("hmac"), row.octets("cfb")) == (mac, message.iv)


def test_error(packets: list[Packet], rows: list[Row]) -> None:
    for message, row in of_kind(packets, rows, Kind.ERROR):
        assert isinstance(message, Error)
        assert row.number("error") == message.code


def test_goclear(packets: list[Packet], rows: list[Row]) -> None:
    for message, row in of_kind(packets, rows, Kind.GOCLEAR):
        assert isinstance(message, GoClear)
        assert row.octets("hmac") == message.clear_mac


def test_ping(packets: list[Packet], rows: list[Row]) -> None:
    for message, row in of_kind(packets, rows, Kind.PING):
        assert isinstance(message, Ping)
        assert row.one("ping_version") == "1.10"
        assert row.number("ping_endpointhash").to_bytes(8, "big") == message.endpoint_hash


def test_ping_ack(packets: list[Packet], rows: list[Row]) -> None:
    for message, row in of_kind(packets, rows, Kind.PING_ACK):
        assert isinstance(message, PingACK)
        assert row.number("pingack_endpointhash").to_bytes(8, "big") == message.sender_endpoint_hash
        assert row.number("ping_endpointhash").to_bytes(8, "big") == message.received_endpoint_hash
        assert row.number("ping_ssrc") == message.ssrc
