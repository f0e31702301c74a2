"""Layouts read in one step what construct reads field by field."""

from __future__ import annotations

from typing import Any

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.loading import loaded_by
from zrtp.errors import MalformedPacket
from zrtp.wire import messages
from zrtp.wire.layout import Array, BitsInteger, BitStruct, Bytes, GreedyBytes, Int32ub, Layout, Struct, Word

LAYOUTS = {name: value for name, value in vars(messages).items() if isinstance(value, Layout)}


def test_every_message_has_one() -> None:
    assert sorted(LAYOUTS) == [
        "_ACKNOWLEDGEMENT",
        "_COMMIT_DH",
        "_COMMIT_MULTISTREAM",
        "_COMMIT_PRESHARED",
        "_CONFIRM",
        "_CONFIRM_PLAIN",
        "_DHPART",
        "_ERROR",
        "_GOCLEAR",
        "_HEADER",
        "_HELLO",
        "_MAC",
        "_PING",
        "_PING_ACK",
        "_SASRELAY",
        "_SASRELAY_PLAIN",
    ]


@pytest.mark.parametrize("name", LAYOUTS)
@given(octets=st.binary(max_size=140))
def test_what_construct_reads_is_read_alike_and_what_is_refused_construct_refuses(name: str, octets: bytes) -> None:
    layout = LAYOUTS[name]
    try:
        by_construct = layout.construct.parse(octets)
    except ConstructError:
        by_construct = None
    try:
        values = layout.read("Sample", octets)
    except MalformedPacket as refusal:
        assert "length of Sample does not fit" in str(refusal)
        assert by_construct is None
        return
    if by_construct is not None:
        plain = {field.name: by_construct[field.name] for field in layout.fields if is_plain(field)}
        assert plain.items() <= dict(zip([field.name for field in layout.fields], values, strict=True)).items()
    elif all(map(is_plain, layout.fields)):
        pytest.fail("A length that construct refuses was taken.")


def is_plain(field: Word) -> bool:
    """One value, not fields of its own."""
    return field.word in ("Bytes", "GreedyBytes", "Int16ub", "Int32ub")


@every("name", LAYOUTS)
def test_a_field_is_as_long_as_construct_says(name: str) -> None:
    for field in LAYOUTS[name].fields:
        if field.format is not None:
            assert len(Layout(field).read("Sample", bytes(field.construct.sizeof()))) == 1


def test_nothing_may_be_left_unless_the_last_field_takes_it() -> None:
    closed = Layout("word" / Int32ub, "octets" / Bytes(2))
    assert closed.read("Sample", b"\0\0\1\2ab") == (0x102, b"ab")
    with pytest.raises(MalformedPacket):
        closed.read("Sample", b"\0\0\1\2abc")
    open_ended = Layout("word" / Int32ub, "rest" / GreedyBytes)
    assert open_ended.read("Sample", b"\0\0\1\2abc") == (0x102, b"abc")
    assert open_ended.read("Sample", b"\0\0\1\2") == (0x102, b"")


def test_bits_and_fields_within_a_field_are_one_value() -> None:
    layout = Layout(
        "bits" / BitStruct("high" / BitsInteger(16), "low" / BitsInteger(16)),
        "pair" / Struct("first" / Bytes(2), "second" / Bytes(1)),
        "list" / Struct("entries" / Array(lambda _: 2, Bytes(1))),
    )
    assert layout.read("Sample", b"\0\1\0\2abcde") == (0x10002, b"abc", b"de")
    read: Any = layout.construct.parse(b"\0\1\0\2abcde")
    assert (read.bits.high, read.bits.low, read.pair.second, list(read.list.entries)) == (1, 2, b"c", [b"d", b"e"])


def test_the_engine_does_not_load_construct() -> None:
    assert "construct" not in loaded_by("import zrtp")
