"""`zrtp mitm`: a teaching attacker, who relays a call and agrees on keys with both sides."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from zrtp.cli.calls import loops
from zrtp.cli.calls.names import explained
from zrtp.cli.calls.opening import cannot_open
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import algorithms, output
from zrtp.cli.options.addresses import address, remote_address
from zrtp.cli.screen import logs, wording
from zrtp.cli.screen.jsonlines import text
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas
from zrtp.errors import ApiMisuse
from zrtp.media.addresses import Address, resolve
from zrtp.proxy.mitm import InterceptedSide
from zrtp.proxy.wiretap import Began, KeysAgreed, Over, Wiretap, WiretapNews

SYNOPSIS: Final = "LISTEN TARGET [options]"

DESCRIPTION: Final = """\
Somebody in the middle, for teaching: who calls LISTEN reaches TARGET through it, both calls are encrypted, and it hears
everything. What gives it away: the two people see different words; and once they have talked without it, or it has
forgotten its keys, their programs raise the alarm by themselves."""

EXAMPLE: Final = """\
example:                                     (in three terminals)
  zrtp listen 127.0.0.1:5004                 bob
  zrtp mitm 127.0.0.1:5006 127.0.0.1:5004    whoever is in between
  zrtp call 127.0.0.1:5006                   alice

Runs until Ctrl-C. Only loopback and private addresses are accepted as TARGET."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("listen", type=address, metavar="LISTEN", help="HOST:PORT for the caller")
    parser.add_argument("target", type=remote_address, metavar="TARGET", help="HOST:PORT of whoever is called")
    parser.add_argument(
        "--remember",
        action="store_true",
        help="keep the secrets of earlier calls, as a patient attacker would: no alarm as long as every call is caught",
    )
    parser.add_argument("--calls", type=_positive, metavar="N", help="end after N calls (default: go on)")
    parser.add_argument(
        "--anywhere",
        action="store_true",
        help="also targets that are neither loopback nor private; only if everybody in the call agreed to it",
    )
    algorithms.add(parser)
    output.add(parser.add_argument_group("output"))


def run(arguments: argparse.Namespace) -> int:
    terminal = Terminal.of_process(json=arguments.json, plain=arguments.plain)
    logs.to_terminal(terminal, verbose=arguments.verbose)
    return int(loops.run(_run(arguments, terminal)))


async def _run(arguments: argparse.Namespace, terminal: Terminal) -> Exit:
    ended = asyncio.Event()

    def finished(number: int) -> None:
        if arguments.calls is not None and number >= arguments.calls:
            ended.set()

    lines = WiretapReport(terminal, finished, json=arguments.json)
    target = await _target(arguments, lines)
    wiretap = _wiretap(arguments, target, lines)
    try:
        bind = await _open(wiretap, arguments, lines)
        lines.show_opened(text(bind), text(target))
        await ended.wait()
    finally:
        wiretap.close()
    lines.write("ended", exit=int(Exit.ENDED), text="all calls are over", hint=None, verdict="none")
    return Exit.ENDED


async def _target(arguments: argparse.Namespace, lines: WiretapReport) -> Address:
    """The target in numbers. Raises CommandError for a name that cannot be found."""
    try:
        with explained(lines.tell, arguments.target):
            _, _, target = await resolve(None, arguments.target)
    except OSError as error:
        raise cannot_open(error, None, arguments.target) from error
    assert target is not None, "a target was given"  # noqa: S101
    return target


def _wiretap(arguments: argparse.Namespace, target: Address, lines: WiretapReport) -> Wiretap:
    """What relays calls to the target. Raises CommandError for one that it does not take."""
    try:
        return Wiretap(
            target,
            lines.show,
            config=algorithms.config(arguments),
            remember=arguments.remember,
            anywhere=arguments.anywhere,
        )
    except ApiMisuse as error:
        hint = "--anywhere does it all the same, if everybody in the call agreed to it"
        raise CommandError(str(error), hint, code=Exit.USAGE) from error


async def _open(wiretap: Wiretap, arguments: argparse.Namespace, lines: WiretapReport) -> Address:
    """Open the port for the caller; returns its address. Raises CommandError."""
    try:
        with explained(lines.tell, arguments.listen):
            return await wiretap.open(arguments.listen)
    except OSError as error:
        example = f"zrtp mitm {{}} {text(arguments.target)}"
        raise cannot_open(error, arguments.listen, arguments.target, example=example) from error


class WiretapReport:
    """Tells people what is heard, and machines with --json."""

    def __init__(self, terminal: Terminal, finished: Callable[[int], None], *, json: bool) -> None:
        self._terminal = terminal
        self._finished = finished
        self._json = json
        self._begun = time.monotonic()
        self._words: dict[tuple[int, InterceptedSide], Sas] = {}

    def show_opened(self, bind: str, target: str) -> None:
        """The port is open."""
        self._terminal.note(f"who calls {bind} reaches {target} through here, and is heard")
        self.write("listening", bind=bind, remote=target)

    def tell(self, words: str) -> None:
        """What is waited for."""
        self._terminal.note(words)

    def show(self, notice: WiretapNews) -> None:
        """Say what happened."""
        match notice:
            case Began(number=number, caller=caller):
                self._terminal.note(f"call {number}: from {text(caller)}")
                self.write("call", call=number, caller=text(caller))
            case KeysAgreed(number=number, side=side, sas=sas):
                self._show_agreed(number, side, sas)
                self.write("sas", call=number, side=side.value, sas=sas.rendered)
            case Over(number=number, heard=(callers, targets)):
                self._terminal.note(
                    f"call {number} is over: heard {callers} packets of the caller, {targets} of the target"
                )
                self.write("over", call=number, heard={"caller": callers, "target": targets})
                self._finished(number)

    def _show_agreed(self, number: int, side: InterceptedSide, sas: Sas) -> None:
        self._words[number, side] = sas
        self._terminal.result(f"  the {side.value} sees   {wording.sas(sas, self._terminal.shows).large}", "bold")
        other = self._words.get((number, side.other))
        if other is not None and other.rendered != sas.rendered:
            self._terminal.note("these differ: two people who compare them notice, two who do not are heard")

    def write(self, event: str, **details: object) -> None:
        """A line for machines."""
        if self._json:
            moment = round(time.monotonic() - self._begun, 3)
            line = {"t": moment, "event": event, **details}
            print(json.dumps(line, separators=(",", ":")), file=sys.stdout, flush=True)


def _positive(given: str) -> int:
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number above 0")
    return int(given)
