"""Layouts read in one step what construct reads field by field."""

from __future__ import annotations

import pytest
from construct import Bytes, ConstructError, GreedyBytes, Int32ub
from hypothesis import given
from hypothesis import strategies as st

from zrtp.errors import MalformedPacket
from zrtp.wire import messages
from zrtp.wire.layout import Layout

LAYOUTS = {name: value for name, value in vars(messages).items() if isinstance(value, Layout)}


def test_every_message_with_fields_has_one() -> None:
    assert sorted(LAYOUTS) == [
        "_COMMIT_DH",
        "_COMMIT_MULTISTREAM",
        "_COMMIT_PRESHARED",
        "_CONFIRM",
        "_CONFIRM_PLAIN",
        "_DHPART",
        "_HELLO",
        "_SASRELAY",
        "_SASRELAY_PLAIN",
    ]


@pytest.mark.parametrize("name", LAYOUTS)
@given(octets=st.binary(max_size=140))
def test_it_reads_what_construct_reads_and_refuses_what_construct_refuses(name: str, octets: bytes) -> None:
    layout = LAYOUTS[name]
    try:
        by_construct = layout.construct.parse(octets)
    except ConstructError:
        with pytest.raises(MalformedPacket, match="length of Sample does not fit"):
            layout.read("Sample", octets)
    else:
        names = [field.name for field in layout.fields]
        assert dict(zip(names, layout.read("Sample", octets), strict=True)) == {n: by_construct[n] for n in names}


def test_nothing_may_be_left_unless_the_last_field_takes_it() -> None:
    closed = Layout("word" / Int32ub, "octets" / Bytes(2))
    assert closed.read("Sample", b"\0\0\1\2ab") == (0x102, b"ab")
    with pytest.raises(MalformedPacket):
        closed.read("Sample", b"\0\0\1\2abc")
    open_ended = Layout("word" / Int32ub, "rest" / GreedyBytes)
    assert open_ended.read("Sample", b"\0\0\1\2abc") == (0x102, b"abc")
    assert open_ended.read("Sample", b"\0\0\1\2") == (0x102, b"")
