"""Ports for foreign programs: of no socket that the system opens, and of no other test run."""

from __future__ import annotations

import multiprocessing
import socket

from tests.interop.ports import FIRST, LOOPBACK, SHARE, free_udp_ports
from tests.support.forking import in_child


def share_of(port: int) -> int:
    return (port - FIRST) // SHARE


def test_they_are_even_consecutive_and_given_out_once() -> None:
    first, second, third = free_udp_ports(3), free_udp_ports(), free_udp_ports(16)
    assert first % 2 == second % 2 == third % 2 == 0
    assert not {first, first + 1, first + 2} & {second, *range(third, third + 16)}
    assert second not in range(third, third + 16)


def test_a_port_in_use_is_left_out_for_udp_and_for_tcp() -> None:
    next_one = free_udp_ports() + 2
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as used:
            used.bind((LOOPBACK, next_one))
            given = free_udp_ports()
            assert given > next_one
        next_one = given + 2


def test_another_process_has_others() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as other:
        assert share_of(other.apply(free_udp_ports)) != share_of(free_udp_ports())


def test_so_has_a_fork() -> None:
    ours = free_udp_ports()
    assert share_of(int(in_child(lambda: str(free_udp_ports())))) != share_of(ours)
