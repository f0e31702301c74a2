"""`zrtp demo`: both ends of a call in one terminal, over real UDP on loopback."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Final

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls.calling import hold, open_endpoint, open_sound
from zrtp.cli.calls.calling import run as run_call
from zrtp.cli.calls.conversation import Audience, Conversation
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.calls.labelled import Labelled
from zrtp.cli.calls.sound import Sound
from zrtp.cli.errors import Exit
from zrtp.cli.options import cache as cache_option
from zrtp.cli.options import call
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import logs, wording
from zrtp.cli.screen.demo_table import DemoTable
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.jsonlines import JsonLines
from zrtp.cli.screen.keyboard import keyboard
from zrtp.cli.screen.terminal import Terminal
from zrtp.media.sound.sources import Tone

SYNOPSIS: Final = "[options]"

DESCRIPTION: Final = """\
Alice calls Bob, both in this terminal, over UDP on loopback: discovery, key agreement, the words to compare,
and encrypted sound both ways. Ends by itself. Alice sends --audio, Bob hears and records it; Bob sends a tone.
Nothing is kept unless --cache names a file."""

EXAMPLE: Final = """\
example:
  zrtp demo
  zrtp demo --agreement DH3k --impair loss=20%,seed=7
  zrtp demo --audio speech.wav --record heard.wav --seconds 5"""

SECONDS: Final = 2.0
SECONDS_TO_ANSWER: Final = 3.5
"""The same when a person is asked: time to read, and still over in less than five seconds."""

BOB_HERTZ: Final = 660
_LOOPBACK: Final = ("127.0.0.1", 0)
_BOB_LABEL: Final = "demo: bob"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    call.add(parser, bind="any free port on 127.0.0.1, for Bob", cache_default="nothing is kept", audio="tone")


def run(arguments: argparse.Namespace) -> int:
    given = CallSettings.of(arguments)
    given = replace(given, audio=given.audio or "tone")
    terminal = Terminal.of_process(json=given.json, plain=given.plain)
    logs.to_terminal(terminal, verbose=given.verbose)
    begun = time.monotonic()

    def clock() -> float:
        return time.monotonic() - begun

    table = DemoTable(terminal, clock, verbose=given.verbose)
    audiences: dict[str, list[Audience]] = {"alice": [table.column("alice")], "bob": [table.column("bob")]}
    if given.json:
        for side, audience in audiences.items():
            audience.append(JsonLines(sys.stdout, clock, side=side))

    async def main() -> int:
        alice, bob = _both_ends(given, arguments, audiences)
        table.introduce()
        if given.verdict is not None:
            demo = Demo(alice, bob, given, terminal)
            return await hold([bob, alice], demo.attend)
        with keyboard(sys.stdin) as keys:
            dialogue = Dialogue(terminal, keys, lambda: alice.hang_up(Exit.ENDED, "you hung up"))
            demo = Demo(alice, bob, given, terminal, dialogue=dialogue)
            return await hold([bob, alice], demo.attend)

    code = run_call(main, audiences["alice"])
    if code == Exit.ENDED:
        terminal.note("that was a call; with two computers: zrtp listen on one, zrtp call on the other")
    return code


def _both_ends(
    given: CallSettings, arguments: argparse.Namespace, audiences: dict[str, list[Audience]]
) -> tuple[Conversation, Conversation]:
    """Alice calls, Bob listens; what has a default elsewhere has a simpler one here."""
    first: SecretCache | None = MemoryCache()
    second: SecretCache | None = MemoryCache()
    if arguments.cache is not None:
        first = cache_option.opened(given.cache)
        second = None if first is None else Labelled(first, _BOB_LABEL)
    patience = SECONDS_TO_ANSWER if given.verdict is None else SECONDS
    seconds = patience if given.seconds is None else given.seconds
    of_alice = replace(given, bind=None, record=None, seconds=seconds, config=replace(given.config, passive=False))
    of_bob = replace(given, bind=given.bind or _LOOPBACK, audio="silence", seconds=None, impair=Impairment())
    sound_of_bob = open_sound(of_bob)
    bob = Conversation(
        open_endpoint(of_bob.config, second, given.cache),
        replace(of_bob, ssrc=None, peer_hash=None, name=None, verdict=Verdict.LATER),
        Sound(Tone(BOB_HERTZ), sound_of_bob.sinks),
        audiences["bob"],
    )
    alice = Conversation(
        open_endpoint(of_alice.config, first, given.cache),
        of_alice,
        open_sound(of_alice),
        audiences["alice"],
        callee=bob,
    )
    return alice, bob


class Demo:
    """Who compares the words: the person at the terminal for both, or `--verify`."""

    def __init__(
        self,
        alice: Conversation,
        bob: Conversation,
        given: CallSettings,
        terminal: Terminal,
        *,
        dialogue: Dialogue | None = None,
    ) -> None:
        self._alice = alice
        self._bob = bob
        self._name = given.name
        self._terminal = terminal
        self._verdict = given.verdict or Verdict.LATER
        self._dialogue = dialogue

    async def attend(self) -> None:
        secured = await self._alice.secured
        await self._bob.secured
        sas, same = (conversation.opened.result().session.sas for conversation in (self._alice, self._bob))
        if sas is None or same is None:
            return
        verdict = self._verdict
        if self._dialogue is not None and not secured.verified:
            verdict = await self._dialogue.verdict(sas, wording.DEMO_QUESTION)
        elif sas == same and verdict is not Verdict.MISMATCH:
            for line in self._terminal.wrapped(wording.demo_same(sas)):
                self._terminal.result(line)
        if verdict is Verdict.MATCH:
            self._alice.match(self._name or "bob")
            self._bob.match("alice")
        elif verdict is Verdict.MISMATCH:
            self._alice.mismatch()
            self._bob.mismatch()
        else:
            self._alice.later()
            self._bob.later()
