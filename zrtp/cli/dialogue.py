"""What a person is asked during a call, and what they may press while it goes on."""

from __future__ import annotations

from typing import Final

from zrtp.cli import wording
from zrtp.cli.keyboard import END_OF_INPUT, Keyboard
from zrtp.cli.options import Verdict
from zrtp.cli.terminal import Terminal
from zrtp.crypto.sas import Sas

_VERDICTS: Final = {
    "y": (Verdict.MATCH, "they match"),
    "n": (Verdict.MISMATCH, "they differ"),
    "l": (Verdict.LATER, "later"),
}


class Dialogue:
    """Questions on a terminal, answers from a keyboard."""

    def __init__(self, terminal: Terminal, keyboard: Keyboard) -> None:
        self._terminal = terminal
        self._keyboard = keyboard

    async def verdict(self, sas: Sas, question: str = "") -> Verdict:
        """Do the two renderings match? A deliberate key; none is preselected, and the end of input is "later"."""
        terminal = self._terminal
        self._keyboard.forget_typed()
        for line in terminal.wrapped(question or wording.question(sas)):
            terminal.result(line)
        keys = "   ".join(wording.KEYS)
        if len(keys) + 4 > terminal.width:
            for choice in wording.KEYS:
                terminal.result(f"  {choice}")
            terminal.ask("  ")
        else:
            terminal.ask(f"  {keys}  ")
        while True:
            key = await self._keyboard.key()
            if key == END_OF_INPUT:
                terminal.answered()
                return Verdict.LATER
            if key in _VERDICTS:
                verdict, text = _VERDICTS[key]
                terminal.answered(text if self._keyboard.single_keys else "")
                return verdict
            if not self._keyboard.single_keys:
                terminal.ask("  y, n or l? ")

    async def name(self, suggestion: str) -> str | None:
        """What to call the peer; Enter takes the suggestion, the end of input none."""
        self._terminal.ask(f" what should this peer be called? [{suggestion}] ")
        line = await self._keyboard.line()
        self._terminal.answered() if line is None else self._terminal.typed()
        return None if line is None else line.strip() or suggestion

    async def key(self) -> str:
        """A key pressed during the call."""
        return await self._keyboard.key()
