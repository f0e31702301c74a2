"""What a person is asked during a call, and what they may press while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import wording
from zrtp.cli.screen.keyboard import END_OF_INPUT, Keyboard
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas

T = TypeVar("T")

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
        """Do the two renderings match? The end of input is "later"."""
        return await self._choice(question or wording.question(sas), _VERDICTS, Verdict.LATER)

    async def agrees(self, question: str, *, no: str = "no") -> bool:
        """Yes or no; `no` says what it means. The end of input is no."""
        return await self._choice(question, {"y": (True, "yes"), "n": (False, no)}, False)

    async def name(self, suggestion: str) -> str | None:
        """What to call the peer; Enter takes the suggestion, the end of input none."""
        self._terminal.ask(f" what should this peer be called? [{suggestion}] ")
        line = await self._keyboard.line()
        self._terminal.answered() if line is None else self._terminal.typed()
        return None if line is None else line.strip() or suggestion

    async def key(self) -> str:
        """A key pressed during the call."""
        return await self._keyboard.key()

    async def _choice(self, question: str, choices: Mapping[str, tuple[T, str]], at_end: T) -> T:
        """One of the choices by its key. It has to be pressed after the question: none is preselected."""
        terminal, keyboard = self._terminal, self._keyboard
        keyboard.forget_typed()
        terminal.question(question)
        keys = [f"[{key}] {text}" for key, (_, text) in choices.items()]
        in_a_row = f"  {'   '.join(keys)}  "
        if len(in_a_row) > terminal.width:
            for text in keys:
                terminal.question(text, indent="  ")
        terminal.ask(in_a_row if len(in_a_row) <= terminal.width else "  ")
        while (key := await keyboard.key()) != END_OF_INPUT:
            if key in choices:
                chosen, text = choices[key]
                terminal.answered(text if keyboard.single_keys else "")
                return chosen
            if not keyboard.single_keys:
                *first, last = choices
                terminal.ask(f"  {', '.join(first)} or {last}? ")
        terminal.answered()
        return at_end
