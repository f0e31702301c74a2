"""One of two people in the laboratory: finds the other by a line or a code, talks for a while, and reports.

    python -m tests.reach.lab.talker listener|caller FOLDER [options]

Lines and codes are handed over as files in FOLDER, which stands for the messenger. The report is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import time
from pathlib import Path
from typing import Any

from zrtp.errors import ZrtpError
from zrtp.reach.code import Code
from zrtp.reach.description import Description, Side
from zrtp.reach.mailbox import Rendezvous
from zrtp.reach.path import IcePath
from zrtp.reach.servers import Servers, parse_stun, parse_turn
from zrtp.reach.steps import CodeMade, MeetingStep

TICK = 0.02


class Talker:
    """Sends fifty datagrams a second, and notes what comes."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._folder: Path = arguments.folder
        self._side = Side[arguments.side.upper()]
        self._path: IcePath
        self.report: dict[str, Any] = {"started": time.monotonic()}
        self._heard: list[float] = []

    async def run(self) -> None:
        turn = parse_turn(self._arguments.turn, "test") if self._arguments.turn else None
        servers = Servers(stun=parse_stun(self._arguments.stun), turn=turn, relay_only=self._arguments.relay_only)
        async with IcePath(self._side, servers) as self._path:
            await self._path.gather()
            self._mark("gathered")
            own = self._path.describe(bytes(32))
            self.report["line"] = len(own.line())
            self.report["candidates"] = [f"{c.kind.name} {c.host}" for c in self._path.candidates]
            theirs = await (self._by_code(own) if self._arguments.mailbox else self._by_line(own))
            theirs.answers(own)
            self._mark("exchanged")
            way = await self._path.connect(theirs, self._arguments.limit)
            self._mark("connected")
            self.report["way"] = str(way)
            await self._talk()

    async def _by_line(self, own: Description) -> Description:
        names = ("listener", "caller") if self._side is Side.LISTENER else ("caller", "listener")
        mine, other = (self._folder / f"{name}.line" for name in names)
        if self._side is Side.CALLER:
            await _appearance(other)
        _write(mine, own.line())
        await _appearance(other)
        await asyncio.sleep(self._arguments.late)
        return Description.of_line(other.read_text())

    async def _by_code(self, own: Description) -> Description:
        async def payload() -> bytes:
            return own.octets()

        def told(step: MeetingStep) -> None:
            if isinstance(step, CodeMade):
                _write(self._folder / "code", str(step.code))

        async with Rendezvous(self._arguments.mailbox, payload, told) as rendezvous:
            if self._side is Side.LISTENER:
                return Description.of_octets(await rendezvous.invite())
            await _appearance(self._folder / "code")
            self._mark("code")
            code = Code.parse((self._folder / "code").read_text())
            if self._arguments.words:
                code = Code.parse(f"{code.number}-{self._arguments.words}")
            return Description.of_octets(await rendezvous.join(code))

    async def _talk(self) -> None:
        self._path.receiver = self._hear
        begun = time.monotonic()
        number = 0
        while time.monotonic() - begun < self._arguments.seconds and not self._path.ended.done():
            quiet = self._arguments.quiet
            if not quiet or time.monotonic() - begun > quiet:
                self._path.send(struct.pack("!BxHI", 0x80, number & 0xFFFF, number) + bytes(164))
                number += 1
            await asyncio.sleep(TICK)
        self._heard.append(time.monotonic())  # what is lost until the end is a gap, too
        await asyncio.sleep(0.2)
        gaps = [later - earlier for earlier, later in zip(self._heard, self._heard[1:], strict=False)]
        self.report |= {
            "sent": number,
            "heard": len(self._heard) - 1,
            "gap": round(max(gaps, default=0.0), 2),
            "ended": self._path.ended.done(),
        }

    def _hear(self, datagram: bytes) -> None:
        self._heard.append(time.monotonic())

    def _mark(self, name: str) -> None:
        self.report[name] = time.monotonic()


async def _appearance(file: Path) -> None:
    while not file.exists():
        await asyncio.sleep(0.01)


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.rename(file)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["listener", "caller"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stun", default="none")
    parser.add_argument("--turn")
    parser.add_argument("--relay-only", action="store_true")
    parser.add_argument("--mailbox")
    parser.add_argument("--words", help="other words than those of the code")
    parser.add_argument("--late", type=float, default=0.0, help="seconds between getting a line and pasting it")
    parser.add_argument("--limit", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--quiet", type=float, default=0.0, help="seconds of silence before talking")
    talker = Talker(parser.parse_args())
    try:
        asyncio.run(talker.run())
    except ZrtpError as error:
        talker.report["error"] = f"{type(error).__name__}: {error}"
        talker.report["failed"] = time.monotonic()
    print(json.dumps(talker.report))


if __name__ == "__main__":
    main()
