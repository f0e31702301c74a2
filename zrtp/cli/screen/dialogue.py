"""What a person is asked during a call, and what they may press while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import wording
from zrtp.cli.screen.keyboard import END_OF_INPUT, RESUMED, Keyboard
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.sas import Sas

T = TypeVar("T")

_VERDICTS: Final = {
    "y": (Verdict.MATCH, "they match"),
    "n": (Verdict.MISMATCH, "they differ"),
    "l": (Verdict.LATER, "later"),
}


class Dialogue:
    """Questions on a terminal, answers from a keyboard. `quit` hangs up: [q] does so at every question."""

    def __init__(self, terminal: Terminal, keyboard: Keyboard, quit: Callable[[], None] | None = None) -> None:
        self._terminal = terminal
        self._keyboard = keyboard
        self._quit = quit

    @property
    def single_keys(self) -> bool:
        """Whether a key counts at once; otherwise lines are typed, perhaps before their question."""
        return self._keyboard.single_keys

    async def verdict(self, sas: Sas, question: str = "") -> Verdict:
        """Do the two renderings match? The end of input is "later"."""
        return await self._choice(question or wording.question(sas), _VERDICTS, Verdict.LATER)

    async def agrees(self, question: str, *, no: str = "no") -> bool:
        """Yes or no; `no` says what it means. The end of input is no."""
        return await self._choice(question, {"y": (True, "yes"), "n": (False, no)}, False)

    async def answers(self, question: str) -> bool:
        """Whether somebody is there who answers the call; False at the end of input."""
        return await self._choice(question, {"a": (True, "answer")}, False)

    async def name(self, suggestion: str) -> str | None:
        """What to call the peer; Enter takes the suggestion, which may be none, the end of input none."""
        line: str | None = RESUMED
        while line == RESUMED:
            self._terminal.ask(f" what should this peer be called? [{suggestion or 'Enter: no name'}] ")
            line = await self._keyboard.line()
            self._terminal.end_question() if line in (None, RESUMED) else self._terminal.forget_question()
        return None if line is None else line.strip() or suggestion or None

    async def key(self) -> str:
        """A key pressed during the call."""
        return await self._keyboard.key()

    async def _choice(self, question: str, choices: Mapping[str, tuple[T, str]], at_end: T) -> T:
        """One of the choices by its key. It has to be pressed after the question: none is preselected.

        Another key repeats the choices; so does a process that comes back, with the question.
        """
        terminal, keyboard = self._terminal, self._keyboard
        keyboard.forget_typed()
        self._pose(question, choices)
        while (key := await keyboard.key()) != END_OF_INPUT:
            if key in choices:
                chosen, text = choices[key]
                terminal.end_question(text if keyboard.single_keys else "")
                return chosen
            if key == "q" and self._quit is not None:
                terminal.end_question("quit" if keyboard.single_keys else "")
                self._quit()
            elif key == RESUMED:
                terminal.end_question()
                self._pose(question, choices)
            elif keyboard.single_keys:
                terminal.end_question()
                self._offer(choices)
            else:
                *first, last = choices
                terminal.ask(f"  {', '.join(first)} or {last}? " if first else f"  {last}? ")
        terminal.end_question()
        return at_end

    def _pose(self, question: str, choices: Mapping[str, tuple[T, str]]) -> None:
        self._terminal.question(question)
        self._offer(choices)

    def _offer(self, choices: Mapping[str, tuple[T, str]]) -> None:
        terminal = self._terminal
        keys = [f"[{key}] {text}" for key, (_, text) in choices.items()]
        in_a_row = f"  {'   '.join(keys)}  "
        fits = len(in_a_row) <= terminal.width
        for text in [] if fits else keys:
            terminal.question(text, indent="  ")
        terminal.ask(in_a_row if fits else "  ")
