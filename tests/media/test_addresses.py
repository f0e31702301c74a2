"""Names and numbers of hosts."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.support.cases import every
from zrtp.errors import ApiMisuse
from zrtp.media.addresses import (
    check_address,
    every_address,
    is_number,
    local_towards,
    mapped,
    normalized,
    resolve,
    shown,
    unmapped,
)


def answers(monkeypatch: pytest.MonkeyPatch, *found: tuple[int, Any]) -> None:
    """What the resolver says, whatever it is asked."""

    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        return [(family, socket.SOCK_DGRAM, 17, "", address) for family, address in found]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)


def test_a_name_with_both_families_gives_both_in_the_order_of_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    six, four = ("2001:db8::1", 5004, 0, 0), ("192.0.2.1", 5004)
    answers(
        monkeypatch,
        (socket.AF_INET6, six),
        (socket.AF_INET6, ("2001:db8::2", 5004, 0, 0)),
        (socket.AF_INET, four),
    )
    assert asyncio.run(every_address(("phone.example", 5004))) == [(socket.AF_INET6, six), (socket.AF_INET, four)]


def test_the_scope_of_a_link_local_address_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, (socket.AF_INET6, ("fe80::1", 5004, 0, 3)))
    assert asyncio.run(every_address(("fe80::1%eth0", 5004))) == [(socket.AF_INET6, ("fe80::1", 5004, 0, 3))]


def test_ends_of_different_families_have_no_socket_in_common() -> None:
    with pytest.raises(OSError, match="One of the two addresses is of IPv4"):
        asyncio.run(resolve(("127.0.0.1", 0), ("::1", 1)))


@every("host", ["0.0.0.0", "::", "::ffff:0.0.0.0"])  # noqa: S104
def test_nobody_is_at_the_address_that_stands_for_all(host: str) -> None:
    """Sent there, a packet comes to this computer. In SDP it puts a call on hold (RFC 3264 section 8.4)."""
    with pytest.raises(ApiMisuse, match="In SDP it puts a call on hold: send nothing until there is another address"):
        check_address((host, 5004))
    with pytest.raises(OSError, match="Nobody can be called at"):
        asyncio.run(resolve(None, (host, 5004)))


def test_ipv4_in_a_socket_for_both_families_is_shown_as_ipv4() -> None:
    both = mapped(("192.0.2.1", 5004))
    assert both == ("::ffff:192.0.2.1", 5004, 0, 0)
    assert shown(both) == unmapped(both) == ("192.0.2.1", 5004)
    assert mapped(("::1", 5, 0, 0)) == unmapped(("::1", 5, 0, 0)) == ("::1", 5, 0, 0)
    assert shown(("::ffff:1:2:3", 5, 0, 0)) == ("::ffff:1:2:3", 5), "which is IPv6"


@every(
    ("written", "spelled"),
    [
        (("192.0.2.1", 5004), ("192.0.2.1", 5004)),
        (("::ffff:192.0.2.1", 5004), ("192.0.2.1", 5004)),
        (("::FFFF:C000:201", 5004, 0, 0), ("192.0.2.1", 5004)),
        (("2001:db8::1", 5004), ("2001:db8::1", 5004, 0, 0)),
        (("2001:DB8:0:0:0:0:0:1", 5004, 0, 0), ("2001:db8::1", 5004, 0, 0)),
        (("fe80::1", 5004, 0, 3), ("fe80::1", 5004, 0, 3)),
        (("fe80::1%1", 5004), ("fe80::1", 5004, 0, 1)),
        (("fe80::1%nowhere", 5004), ("fe80::1%nowhere", 5004)),
    ],
)
def test_an_address_has_one_spelling_in_which_it_is_compared(written: Any, spelled: Any) -> None:
    assert normalized(written) == spelled
    assert normalized(spelled) == spelled


def test_a_link_local_address_is_shown_with_its_interface() -> None:
    index, name = socket.if_nameindex()[0]
    assert shown(("fe80::1", 5004, 0, index)) == (f"fe80::1%{name}", 5004)
    assert shown(("fe80::1", 5004, 0, 0)) == ("fe80::1", 5004)


def test_under_which_address_this_computer_reaches_itself() -> None:
    assert local_towards(("127.0.0.1", 9), socket.AF_INET) == "127.0.0.1"
    assert local_towards(("255.255.255.255", 9), socket.AF_INET) == "0.0.0.0"  # noqa: S104


def test_both_ends_of_a_call_are_resolved() -> None:
    ends = asyncio.run(resolve(("127.0.0.2", 7), ("127.0.0.1", 9)))
    assert ends == (socket.AF_INET, ("127.0.0.2", 7), ("127.0.0.1", 9))
    assert asyncio.run(resolve(None, ("127.0.0.1", 9))) == (socket.AF_INET, None, ("127.0.0.1", 9))


@every(
    ("host", "number"),
    [("127.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("phone.example", False), ("", False)],
)
def test_a_number_is_no_name(host: str, number: bool) -> None:
    assert is_number(host) is number
