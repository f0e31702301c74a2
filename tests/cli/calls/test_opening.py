"""Addresses that others can reach, and ports that cannot be opened."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.support.cases import every
from zrtp.cli.calls import opening


@pytest.mark.parametrize(("bound", "advertised"), [("127.0.0.1", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")])
def test_a_bound_address_is_advertised_as_it_is(bound: str, advertised: str) -> None:
    assert opening.own_host(bound) == advertised


def test_without_a_network_this_computer_is_advertised_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise OSError(errno.ENETUNREACH, "no network")

    monkeypatch.setattr("socket.socket", no_network)

    assert [opening.own_host(bound) for bound in opening.ANY] == ["127.0.0.1", "::1"]


@every(
    ("host", "private"),
    [
        ("192.168.1.7", True),
        ("10.0.0.1", True),
        ("172.31.0.1", True),
        ("100.64.0.1", True),  # behind the router of a provider
        ("169.254.3.3", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("8.8.8.8", False),
        ("2a00:1450::1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("example.org", False),
    ],
)
def test_private_addresses_are_called_private(host: str, private: bool) -> None:
    assert opening.is_private(host) is private
    assert bool(opening.who_reaches((host, 5004))) is private


def test_an_address_of_a_link_is_explained() -> None:
    assert "on the same link only" in opening.who_reaches(("fe80::1%eth0", 5004))


def test_what_to_do_about_silence_depends_on_where_the_other_side_is() -> None:
    run = "on the other computer run: zrtp listen 0.0.0.0:5004"

    assert opening.why_nobody_answers(("127.0.0.1", 5004), refused=False) == run
    assert opening.why_nobody_answers(("::1", 5004), refused=False) == run.replace("0.0.0.0", "[::]")  # noqa: S104
    assert opening.why_nobody_answers(("8.8.8.8", 5004), refused=True) == run
    assert "8.8.8.8" not in opening.why_nobody_answers(("8.8.8.8", 5004), refused=False)
    assert "router or firewall" in opening.why_nobody_answers(("8.8.8.8", 5004), refused=False)
    assert "forward" in opening.why_nobody_answers(("example.org", 5004), refused=False)
    assert "is a private address" in opening.why_nobody_answers(("192.168.1.7", 5004), refused=False)


@every(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "port 5004 is in use here"),
        (errno.EADDRNOTAVAIL, "this computer has no address 192.0.2.1"),
        (errno.EACCES, "port 5004 may not be used here"),
        (errno.ENETUNREACH, "there is no way to that address"),
        (errno.EIO, "the port cannot be opened: Input/output error"),
    ],
)
def test_why_a_port_cannot_be_opened(number: int, text: str) -> None:
    error = opening.cannot_open(OSError(number, "Input/output error"), ("192.0.2.1", 5004), None)

    assert str(error) == text


def test_another_port_is_none_that_is_called_and_is_written_as_it_would_be_given() -> None:
    used, bind = OSError(errno.EADDRINUSE, "in use"), ("127.0.0.1", 5004)

    assert "--bind 127.0.0.1:5006" in opening.cannot_open(used, bind, ("127.0.0.1", 5008)).hint
    assert "--bind 127.0.0.1:5008" in opening.cannot_open(used, bind, ("127.0.0.1", 5006)).hint
    assert "zrtp listen [::1]:65533" in opening.cannot_open(used, ("::1", 65535), None).hint
    hint = opening.cannot_open(used, bind, ("127.0.0.1", 5006), example="zrtp mitm {} TARGET").hint
    assert hint.endswith("zrtp mitm 127.0.0.1:5008 TARGET")


def test_all_addresses_are_those_of_the_family_that_was_tried() -> None:
    absent = OSError(errno.EADDRNOTAVAIL, "not available")

    assert opening.cannot_open(absent, ("2001:db8::1", 5004), None).hint.startswith("[::]:5004 stands for all")
    assert opening.cannot_open(absent, ("192.0.2.1", 5004), None).hint.startswith("0.0.0.0:5004 stands for all")


def test_a_name_that_nobody_knows_is_the_one_that_is_told() -> None:
    unknown, number = socket.gaierror(-2, "Name or service not known"), ("127.0.0.1", 5004)
    one, other = ("one.example.org", 0), ("other.example.org", 0)

    assert "the name one.example.org cannot" in str(opening.cannot_open(unknown, one, number))
    assert "the name other.example.org cannot" in str(opening.cannot_open(unknown, number, other))
    assert "the name one.example.org or other.example.org cannot" in str(opening.cannot_open(unknown, one, other))


def test_a_name_that_nobody_knows_and_a_link_that_is_not_here() -> None:
    unknown = opening.cannot_open(socket.gaierror(-2, "Name or service not known"), None, ("example.org", 5004))
    no_link = opening.cannot_open(socket.gaierror(-2, "Name or service not known"), None, ("fe80::1%eth77", 5004))
    other = opening.cannot_open(OSError(errno.EIO, "Input/output error"), ("fe80::1%lo", 5004), None)

    assert str(unknown) == "the name example.org cannot be found"
    assert str(no_link) == "this computer has no network interface eth77"
    assert str(other) == "the port cannot be opened: Input/output error"


@pytest.mark.parametrize(("port", "another"), [(5004, 5006), (65533, 65535), (65534, 65532), (65535, 65533)])
def test_the_port_that_is_offered_instead_exists(port: int, another: int) -> None:
    error = opening.cannot_open(OSError(errno.EADDRINUSE, ""), ("::1", port), None)

    assert error.hint.endswith(f"zrtp listen [::1]:{another}")
