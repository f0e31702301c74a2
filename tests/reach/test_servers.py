from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.reach.servers import (
    DEFAULT_MAILBOX,
    DEFAULT_STUN,
    Servers,
    Turn,
    host_of,
    parse_mailbox,
    parse_stun,
    parse_turn,
)


def test_the_defaults_are_well_written() -> None:
    assert parse_mailbox(DEFAULT_MAILBOX) == DEFAULT_MAILBOX
    assert parse_stun(DEFAULT_STUN) == ("stun.l.google.com", 19302)
    assert host_of(DEFAULT_MAILBOX) == "relay.magic-wormhole.io"


def test_a_stun_server_is_host_and_port_or_none() -> None:
    assert parse_stun("none") is None
    assert parse_stun("stun.example") == ("stun.example", 3478)
    assert parse_stun("stun:192.0.2.1:3479") == ("192.0.2.1", 3479)
    assert parse_stun("[2001:db8::1]:3479") == ("2001:db8::1", 3479)


@every("text", ["", "host:0", "host:65536", "host:x", "a b", "2001:db8::1", "[2001:db8::1"])
def test_a_bad_stun_server_is_noticed(text: str) -> None:
    with pytest.raises(ApiMisuse, match="HOST:PORT"):
        parse_stun(text)


def test_a_turn_server_has_a_user_and_perhaps_a_transport() -> None:
    assert parse_turn("turn:zrtp@turn.example", "pw") == Turn(
        address=("turn.example", 3478),
        user="zrtp",
        password="pw",  # noqa: S106
    )
    tcp = parse_turn("turn:zrtp@192.0.2.1:443?transport=tcp", "pw")
    assert tcp.tcp and tcp.address == ("192.0.2.1", 443)
    assert not parse_turn("turn:zrtp@192.0.2.1?transport=udp", "pw").tcp


@every(
    "text", ["turn.example", "turn:turn.example", "turn:user:secret@host", "turn:u@host?transport=tls", "turn:u@h:0"]
)
def test_a_bad_turn_server_is_noticed_also_one_with_its_password(text: str) -> None:
    with pytest.raises(ApiMisuse, match="turn:USER@HOST"):
        parse_turn(text, "pw")


def test_the_password_is_in_no_repr() -> None:
    assert "hidden" not in repr(parse_turn("turn:zrtp@turn.example", "hidden"))


@every("text", ["", "http://host/v1", "ws://", "wss://host:99999/", "ws://host:0/v1", "ws://[::1"])
def test_a_bad_mailbox_server_is_noticed(text: str) -> None:
    with pytest.raises(ApiMisuse, match="ws://HOST:4000/v1"):
        parse_mailbox(text)


def test_a_relay_alone_needs_a_relay() -> None:
    with pytest.raises(ApiMisuse, match="no TURN server is named"):
        Servers(relay_only=True)
