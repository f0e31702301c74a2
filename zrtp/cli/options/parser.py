"""A parser whose complaints look like the command's other errors, and guess what was meant."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

from zrtp.cli.errors import CommandError, Exit

_UNKNOWN: Final = re.compile(r"unrecognized arguments: (-\S*?)(=.*| .*)?")


class Parser(argparse.ArgumentParser):
    """Raises CommandError instead of ending the process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As usual, but a misspelt option is told before anything that it makes of the words behind it."""
        given = sys.argv[1:] if args is None else list(args)
        own = given if self._subparsers is None else []  # a sub-command has options of its own
        for word in own[: own.index("--")] if "--" in own else own:
            if word.startswith("--") and word.partition("=")[0] not in self._option_string_actions:
                self.error(f"unrecognized arguments: {word}")
        return super().parse_args(given, namespace)

    def format_help(self) -> str:
        """Complete: sub-commands say the rest."""
        _, *subcommands = with_subcommands(self)
        return "\n".join([super().format_help(), *(each.format_help() for each in subcommands)])

    def error(self, message: str) -> NoReturn:
        hint = f"{self.prog} --help shows every option"
        if (unknown := _UNKNOWN.fullmatch(message)) is not None:
            message = f"there is no option {unknown[1]}"
            names = {option.lstrip("-"): option for option in self._option_string_actions}
            if guess := similar(unknown[1].lstrip("-"), names):  # hyphens alone make no resemblance
                hint = f"did you mean {names[guess]}? {hint}"
        raise CommandError(message, hint, code=Exit.USAGE)


def with_subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser, and those of its sub-commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def one_of(choices: Iterable[str], synonyms: Mapping[str, str] | None = None) -> Callable[[str], str]:
    """The type of an option with these choices; to be given beside `choices`, it guesses what was meant.

    `synonyms` are words with the meaning of a choice.
    """
    known = tuple(choices)

    def parse(text: str) -> str:
        if text in known:
            return text
        guess = (synonyms or {}).get(text.lower()) or similar(text, known)
        meant = f"did you mean {guess}?" if guess else f"known are {', '.join(known)}"
        raise argparse.ArgumentTypeError(f"{text!r} is not known: {meant}")

    return parse


def similar(word: str, known: Iterable[str]) -> str:
    """What was probably meant; empty if nothing resembles it."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return close[0] if close else ""
