"""`zrtp demo`: both ends of a call in one terminal, over real UDP on loopback."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.cli.calls.bulletin import Audience
from zrtp.cli.calls.calling import hold, open_endpoint, open_sound
from zrtp.cli.calls.calling import run as run_call
from zrtp.cli.calls.conversation import Conversation
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
from zrtp.media.addresses import Address
from zrtp.media.sound.sources import Tone
from zrtp.proxy.wiretap import Wiretap

SYNOPSIS: Final = "[options]"

DESCRIPTION: Final = """\
Alice calls Bob, both in this terminal, over UDP on loopback: discovery, key agreement, the words to compare,
and encrypted sound both ways. Ends by itself. Alice sends --audio, Bob hears and records it; Bob sends a tone.
Nothing is kept unless --cache names a file. With --with-mitm somebody is in between in a first call, and the words
differ; in a second call nobody is, and what the two had retained gives the first one away."""

EXAMPLE: Final = """\
example:
  zrtp demo
  zrtp demo --agreement DH3k --impair loss=20%,seed=7
  zrtp demo --audio speech.wav --record heard.wav --seconds 5
  zrtp demo --with-mitm

keys while the words are compared: y they match, n they differ, l later, q hang up
(so does Ctrl-C, with exit code 130)"""

SECONDS: Final = 2.0
SECONDS_TO_ANSWER: Final = 3.5
"""The same when a person is asked: time to read, and still over in less than five seconds."""

BOB_HERTZ: Final = 660
_LOOPBACK: Final = ("127.0.0.1", 0)
_BOB_LABEL: Final = "demo: bob"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    call.add(parser, bind="any free port on 127.0.0.1, for Bob", cache_default="nothing is kept", audio="tone")
    parser.add_argument("--with-mitm", action="store_true", help="two calls, the first one with somebody in between")


def run(arguments: argparse.Namespace) -> int:
    given = CallSettings.of(arguments)
    given = replace(given, audio=given.audio or "tone")
    terminal = Terminal.of_process(json=given.json, plain=given.plain)
    logs.to_terminal(terminal, verbose=given.verbose)
    begun = time.monotonic()

    def clock() -> float:
        return time.monotonic() - begun

    caches = _caches(given, arguments)
    if arguments.with_mitm:
        given = replace(given, verdict=given.verdict or Verdict.LATER)
        terminal.note("the first call: somebody is in between")
        code = _one_call(given, caches, terminal, clock, intercepted=True)
        if code != Exit.ENDED:
            return code
        terminal.result()
        remembered = ", and both remember the first one" if None not in caches else ""
        terminal.note(f"the second call: nobody is in between{remembered}")
    code = _one_call(given, caches, terminal, clock)
    if code == Exit.ENDED:
        terminal.note("that was a call; with two computers: zrtp listen on one, zrtp call on the other")
    return code


Caches: TypeAlias = tuple[SecretCache | None, SecretCache | None]
"""Alice's and Bob's."""


def _caches(given: CallSettings, arguments: argparse.Namespace) -> Caches:
    if arguments.cache is None:
        return MemoryCache(), MemoryCache()
    cache = cache_option.opened(given.cache, given.cache_keys)
    return cache, None if cache is None else Labelled(cache, _BOB_LABEL)


def _one_call(
    given: CallSettings, caches: Caches, terminal: Terminal, clock: Callable[[], float], *, intercepted: bool = False
) -> int:
    """Alice calls Bob; returns the exit code."""
    table = DemoTable(terminal, clock, verbose=given.verbose)
    audiences: dict[str, list[Audience]] = {"alice": [table.column("alice")], "bob": [table.column("bob")]}
    if given.json:
        for side, audience in audiences.items():
            audience.append(JsonLines(sys.stdout, clock, side=side))

    async def main() -> int:
        middle = Middle() if intercepted else None
        alice, bob = _both_ends(given, caches, audiences, middle)
        table.introduce()
        try:
            if given.verdict is not None:
                demo = Demo(alice, bob, given, terminal)
                return await hold([bob, alice], demo.attend)
            with keyboard(sys.stdin) as keys:
                dialogue = Dialogue(terminal, keys, lambda: alice.hang_up(Exit.ENDED, "you hung up"))
                demo = Demo(alice, bob, given, terminal, dialogue=dialogue)
                return await hold([bob, alice], demo.attend)
        finally:
            if middle is not None:
                middle.close()

    return run_call(main, audiences["alice"])


class Middle:
    """Somebody in between, on a port of its own."""

    def __init__(self) -> None:
        self._wiretap: Wiretap | None = None

    async def before(self, target: Address) -> Address:
        """Be in between; the address to call in place of the target's."""
        self._wiretap = Wiretap(target, lambda _: None)
        return await self._wiretap.open(_LOOPBACK)

    def close(self) -> None:
        if self._wiretap is not None:
            self._wiretap.close()


def _both_ends(
    given: CallSettings, caches: Caches, audiences: dict[str, list[Audience]], middle: Middle | None
) -> tuple[Conversation, Conversation]:
    """Alice calls, Bob listens; what has a default elsewhere has a simpler one here."""
    first, second = caches
    patience = SECONDS_TO_ANSWER if given.verdict is None else SECONDS
    seconds = patience if given.seconds is None else given.seconds
    of_alice = replace(given, bind=None, record=None, seconds=seconds, config=replace(given.config, passive=False))
    of_bob = replace(
        given, bind=given.bind or _LOOPBACK, audio="silence", output=None, seconds=None, impair=Impairment()
    )
    sound_of_bob = open_sound(of_bob)
    bob = Conversation(
        open_endpoint(of_bob.config, second, given.cache),
        replace(of_bob, ssrc=None, peer_hash=None, name=None, verdict=Verdict.LATER),
        Sound(Tone(BOB_HERTZ), sound_of_bob.sinks),
        audiences["bob"],
        example="zrtp demo --bind {}",
    )
    alice = Conversation(
        open_endpoint(of_alice.config, first, given.cache),
        of_alice,
        open_sound(of_alice),
        audiences["alice"],
        callee=bob,
        through=None if middle is None else middle.before,
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
        elif sas != same:
            for line in self._terminal.wrapped(wording.demo_differ(sas)):
                self._terminal.result(line, "red")
        if verdict is Verdict.MATCH:
            self._alice.decisions.match(self._name or "bob")
            self._bob.decisions.match("alice")
        elif verdict is Verdict.MISMATCH:
            self._alice.decisions.mismatch()
            self._bob.decisions.mismatch()
        else:
            self._alice.decisions.later()
            self._bob.decisions.later()
