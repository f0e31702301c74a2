"""A bad network on purpose: loss, duplicates, disorder and delay for every datagram, repeatable by its seed."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DEFAULT_SHARE: Final = 0.05
"""`reorder` and the like without a number."""

OVERTAKEN: Final = 0.06
"""Seconds for which a reordered datagram is held back: three packets of sound overtake it."""

_SHARES: Final = ("loss", "dup", "reorder")
_NUMBER: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(%|ms|s)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What happens to datagrams, each way."""

    loss: float = 0.0
    """Share that gets lost, 0 to 1."""
    dup: float = 0.0
    """Share that arrives twice."""
    reorder: float = 0.0
    """Share that is overtaken by later ones."""
    delay: float = 0.0
    """Seconds under way."""
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Impairment:
        """From "loss=20%,dup=5%,reorder=5%,delay=80ms,seed=7"; raises ValueError with a sentence."""
        given: dict[str, float] = {}
        for part in filter(None, text.replace(" ", "").split(",")):
            name, _, value = part.partition("=")
            if name not in (*_SHARES, "delay", "seed"):
                raise ValueError(f"{name!r} is not one of loss, dup, reorder, delay, seed")
            given[name] = _share(name, value) if name in _SHARES else _other(name, value)
        return cls(
            loss=given.get("loss", 0.0),
            dup=given.get("dup", 0.0),
            reorder=given.get("reorder", 0.0),
            delay=given.get("delay", 0.0),
            seed=int(given.get("seed", 0)),
        )


def _share(name: str, value: str) -> float:
    if not value:
        return DEFAULT_SHARE
    match = _NUMBER.fullmatch(value)
    share = -1.0
    if match is not None and match[2] in (None, "%"):
        share = float(match[1]) / (100 if match[2] else 1)
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is a share such as 20% or 0.2, not {value!r}")
    return share


def _other(name: str, value: str) -> float:
    match = _NUMBER.fullmatch(value)
    if name == "seed" and value.isdecimal():
        return int(value)
    if name == "delay" and match is not None and match[2] in ("ms", "s"):
        return float(match[1]) / (1000 if match[2] == "ms" else 1)
    wanted = "a whole number" if name == "seed" else "a time such as 80ms"
    raise ValueError(f"{name} is {wanted}, not {value!r}")


class BadNetwork:
    """The impairment at work in the running event loop; a `zrtp.media.aio.Path`."""

    def __init__(self, impairment: Impairment) -> None:
        self._impairment = impairment
        self._dice = random.Random(impairment.seed)  # noqa: S311

    def __call__(self, deliver: Callable[[], None]) -> None:
        for delay in self.delays():
            if delay:
                asyncio.get_running_loop().call_later(delay, deliver)
            else:
                deliver()

    def delays(self) -> list[float]:
        """When the next datagram arrives, in seconds: once, twice, or never. The dice fall the same way each time."""
        lost, doubled, overtaken = (self._dice.random() for _ in range(3))
        impairment = self._impairment
        if lost < impairment.loss:
            return []
        delay = impairment.delay + (OVERTAKEN if overtaken < impairment.reorder else 0.0)
        return [delay] * (2 if doubled < impairment.dup else 1)
