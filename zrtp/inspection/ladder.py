"""One ZRTP exchange as a ladder: a bar for each side, an arrow for each message, and between them what it says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from zrtp.crypto import codes
from zrtp.inspection import decode
from zrtp.inspection.exchange import Progress, RecordedExchange
from zrtp.inspection.lines import Line, Pen
from zrtp.inspection.steps import Step
from zrtp.inspection.unsealing import Unsealed
from zrtp.wire.messages import Commit

MOST_STEPS: Final = 80
"""Messages that are drawn; machines get more."""

MOST_REPETITIONS: Final = 4
"""In a row; further ones are only counted."""

_TIME: Final = 10
_MARGIN: Final = 8
NARROWEST: Final = 64

_FAR: Final = 99_999
"""Seconds after which a time is no longer shown."""

_HANGING: Final = 8
"""Columns by which the rest of a long field is set in."""

_PROGRESS: Final = {
    Progress.DISCOVERY: "no Commit",
    Progress.COMMITTED: "stopped after Commit",
    Progress.AGREED: "not confirmed",
    Progress.CONFIRMED: "confirmed, the acknowledgement is missing",
    Progress.SECURE: "secure",
    Progress.FAILED: "failed",
    Progress.CLEARED: "secure, then cleared",
}


def ladder(
    exchange: RecordedExchange, names: tuple[str, str], pen: Pen, unsealed: Unsealed | None, *, fields: bool
) -> Iterator[Line]:
    """The exchange, message by message."""
    yield from pen.wrapped(headline(exchange, names, unsealed), "  ")
    yield Line()
    room = max(NARROWEST, pen.width) - _TIME - _MARGIN - 2
    left, right = (pen.shown(name)[: room // 2 - 1] for name in names)
    yield Line(f"{'ms':>{_TIME - 2}}   {left}{right:>{room - len(left)}}")
    for row in rows(exchange, MOST_STEPS):
        if isinstance(row, str):
            yield Line(f"{'':{_TIME}}{pen.down}  {row}", "dim")
        else:
            yield from _rung(row, exchange.began, room, pen, fields=fields)


def rows(exchange: RecordedExchange, most: int) -> list[Step | str]:
    """The steps to draw, at most so many; and what is said instead of those that are left out."""
    found: list[Step | str] = []
    left = len(exchange.steps) + exchange.unlisted
    for repeated, group in groupby(exchange.steps, key=lambda step: step.repeats is not None):
        steps = list(group)
        kept = MOST_REPETITIONS if repeated else len(steps)
        for step in steps[:kept]:
            if len(found) >= most:
                return [*found, f"and {left} more messages"]
            found.append(step)
            left -= 1
        if len(steps) > kept:
            found.append(f"and {len(steps) - kept} more repetitions")
            left -= len(steps) - kept
    return [*found, f"and {left} more messages"] if left else found


def headline(exchange: RecordedExchange, names: tuple[str, str], unsealed: Unsealed | None) -> str:
    """Mode, algorithms, roles and times in a sentence."""
    parts = [f"ZRTP exchange, {_PROGRESS[exchange.progress]}"]
    chosen = exchange.chosen
    if chosen is not None:
        parts.append(f"{exchange.mode} mode with {_suite(chosen)}")
    if exchange.initiator is not None:
        parts.append(f"{names[exchange.initiator]} is the initiator{' (both sent a Commit)' * exchange.contention}")
    if exchange.secured is not None:
        committed = min(step.time for step in exchange.steps if step.message is not None)
        parts.append(f"{1000 * (exchange.secured - committed):.0f} ms from the first message to secure")
    if exchange.repetitions:
        parts.append(f"{exchange.repetitions} repetition{'s' if exchange.repetitions != 1 else ''}")
    text = "; ".join(parts) + "."
    if unsealed is not None and unsealed.sas:
        text += f' With the key that was given: the words were "{unsealed.sas}".'
    return text


def _suite(chosen: Commit) -> str:
    return ", ".join(
        codes.name(code) for code in (chosen.key_agreement, chosen.hash, chosen.cipher, chosen.auth_tag, chosen.sas)
    )


def _arrow(step: Step, began: float, room: int, pen: Pen) -> str:
    title = f" {pen.shown(step.title)}{' again' if step.repeats is not None else ''} "
    if step.fragments > 1:
        title = f"{title}in {step.fragments} fragments "
    line = f"{title:{pen.across}^{room - 3}}"
    line = (
        f"{pen.across}{line}{pen.across}>"[: room - 1] + ">" if step.side == 0 else f"<{pen.across}{line}{pen.across}"
    )
    sequence = "" if step.sequence is None else f" {step.sequence}"
    return f"{_since(step.time - began):>{_TIME - 2}}  {pen.down}{line}{pen.down}{sequence}"


def _since(seconds: float) -> str:
    """Milliseconds, or seconds where these take too much room; the times of a damaged file are anything."""
    milliseconds = f"{1000 * seconds:.1f}"
    if len(milliseconds) <= _TIME - 2:
        return milliseconds
    return f"{seconds:.0f} s" if abs(seconds) < _FAR else "?"


def _rung(step: Step, began: float, room: int, pen: Pen, *, fields: bool) -> Iterator[Line]:
    """An arrow, and unless the message is a repetition, what it says."""
    yield Line(_arrow(step, began, room, pen), "dim" * (step.repeats is not None))
    if step.repeats is None:
        for text, style in _details(step, room - 4, fields=fields):
            yield Line(f"{'':{_TIME}}{pen.down}  {text:<{room - 4}}  {pen.down}", style)


def _details(step: Step, room: int, *, fields: bool) -> Iterator[tuple[str, str]]:
    """What stands below an arrow, in lines that fit, with their styles."""
    for text in decode.summary(step):
        yield from ((part, "") for part in textwrap.wrap(text, room, subsequent_indent="  ", break_on_hyphens=False))
    for text in decode.checks(step):
        style = "red" if text.startswith("WRONG") else "dim"
        yield from ((part, style) for part in textwrap.wrap(text, room, subsequent_indent="  "))
    for text in decode.fields(step) if fields else ():
        yield text[:room], ""
        for at in range(room, len(text), room - _HANGING):
            yield f"{'':{_HANGING}}{text[at : at + room - _HANGING]}", ""
