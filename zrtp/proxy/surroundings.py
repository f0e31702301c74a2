"""What all calls of one proxy share: addresses, policy, clock, ports, and whoever is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from zrtp.media.addresses import Address
from zrtp.proxy.leg import MakeLeg, Task
from zrtp.proxy.news import Tell
from zrtp.proxy.policy import Policy

if TYPE_CHECKING:
    from zrtp.proxy.call import ProxiedCall


class MediaPorts(Protocol):
    """Four open UDP ports."""

    phone_port: int
    """Where the phone sends RTP; RTCP one above."""
    network_port: int

    def to_phone(self, packet: bytes, where: Address, *, rtcp: bool) -> None: ...
    def to_network(self, packet: bytes, where: Address, *, rtcp: bool) -> None: ...
    def close(self) -> None: ...


class Run(Protocol):
    """Has a task run, beside the sound if it takes long, and calls `done` afterwards."""

    def __call__(self, task: Task, done: Callable[[], None]) -> None: ...


class Clock(Protocol):
    """An event loop, as far as it is needed here."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None]) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all calls of one proxy share."""

    policy: Policy
    phone_host: str
    """Our address that the phone reaches."""
    network_host: str
    """Our address that the network reaches."""
    make_leg: MakeLeg
    open_line: Callable[[ProxiedCall, int], MediaPorts]
    """Opens the ports for one media line of a call. Raises OSError."""
    clock: Clock
    tell: Tell
    run: Run
