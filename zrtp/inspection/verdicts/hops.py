"""The way that signalling took, as far as a capture shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zrtp.inspection.calls import UNREADABLE, Announcement
from zrtp.inspection.evidence import Evidence
from zrtp.inspection.streams import text_of

MOST_HOPS: Final = 12
"""Hops that are named."""


def passed_on(evidence: Evidence, carries: Callable[[Announcement], bool]) -> list[str]:
    """Sentences: between whom the signalling of each side was seen, how, and through whom it says that it came."""
    found = []
    for name, said in zip(evidence.names, evidence.stream.announced, strict=True):
        carried = [each for each in said if carries(each)]
        hops = dict.fromkeys(each.hop for each in carried)
        if not hops:
            continue
        seen = ", ".join(
            f"{text_of(hop.sender)} -> {text_of(hop.receiver)} ({hop.transport}, no TLS)"
            for hop in list(hops)[:MOST_HOPS]
        )
        more = f" and {len(hops) - MOST_HOPS} more" if len(hops) > MOST_HOPS else ""
        found.append(f"What {name} signalled was seen in clear on {seen}{more}.")
        vias = dict.fromkeys(via for each in carried for via in each.vias[1:])
        if vias:
            before = ", ".join(
                f"{host} (by {transport}, {'and read there' if transport in UNREADABLE else 'no TLS'})"
                for transport, host in list(vias)[:MOST_HOPS]
            )
            found.append(f"By its Via headers it had come through {before}.")
    return found
