"""Completion for shells and the man page, made from the parsers of the command.

    python -m tests.support.shell      write the files in zrtp/cli/shell anew

They are part of the package, and installing it puts them where shells and `man` look. A test compares them with what
is made now.
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import shtab

import zrtp.cli
from tests.support import api
from zrtp.cli.__main__ import SHELLS, SUMMARY, VERBS
from zrtp.cli.errors import Exit
from zrtp.cli.options.parser import Parser, with_subcommands

FOLDER = Path(zrtp.cli.__file__).with_name("shell")

_FILES = re.compile(r"FILE|PATH")
"""What the metavar of an option has that takes the name of a file."""


def generated() -> dict[str, str]:
    """The content of every file by its name."""
    parser = whole_parser()
    files = {f"zrtp.{shell}": shtab.complete(parser, shell=shell).rstrip() + "\n" for shell in SHELLS}
    return {**files, "zrtp.1": man_page()}


def whole_parser() -> argparse.ArgumentParser:
    """The command with every verb as a sub-command."""
    parser = Parser(prog="zrtp", description=SUMMARY)
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    parser.add_argument("--completion", choices=SHELLS, help="print the completion for a shell")
    verbs = parser.add_subparsers(metavar="VERB", parser_class=Parser)
    for verb, meaning in VERBS.items():
        sub = verbs.add_parser(verb, help=meaning)
        importlib.import_module(f"zrtp.cli.verbs.{verb}").add_arguments(sub)
        for action in sub._actions:
            if isinstance(action.metavar, str) and _FILES.search(action.metavar):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def man_page() -> str:
    """The page zrtp(1) in roff."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield '.TH ZRTP 1 "" "" "User Commands"'
    yield from (".SH NAME", r"zrtp \- calls between two terminals, encrypted end to end")
    yield from (".SH SYNOPSIS", r".B zrtp", r"\fIVERB\fR [options]")
    yield from (".SH DESCRIPTION", _text(SUMMARY))
    for verb, meaning in VERBS.items():
        yield from (".TP", rf"\fBzrtp {verb}\fR", _text(meaning))
    for verb in VERBS:
        yield from _verb(verb)
    yield ".SH EXIT STATUS"
    said = api.documented(Exit)
    for code in Exit:
        yield from (".TP", str(int(code)), _text(said[code.name]))
    yield from (".SH FILES", ".TP", _text("~/.config/zrtp/config.toml"), "Defaults of your own, in TOML.")
    yield from (".TP", _text("~/.local/share/zrtp/secrets.db"), "Retained secrets, which tell known peers.")
    yield from (".SH STANDARDS", "RFC 6189, RFC 3711, RFC 7714.")


def _verb(verb: str) -> Iterator[str]:
    module = importlib.import_module(f"zrtp.cli.verbs.{verb}")
    parser = Parser(prog=f"zrtp {verb}")
    module.add_arguments(parser)
    yield from (f".SH ZRTP {verb.upper()}", rf"\fBzrtp {verb}\fR {_text(module.SYNOPSIS)}", ".PP")
    yield from _verbatim(module.DESCRIPTION)
    whole, *subcommands = with_subcommands(parser)
    yield from _options(whole)
    for each in subcommands:
        yield rf".SS {_text(each.prog)}"
        yield from _options(each)
    yield from (".SS Examples and keys",)
    yield from _verbatim(module.EXAMPLE.removeprefix("example:\n"))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:
        shown = [action for action in group._group_actions if action.help != argparse.SUPPRESS]
        actions = [action for action in shown if action.dest != "help"]
        if actions and group.title not in ("options", "positional arguments"):
            yield f".SS {_text(str(group.title).capitalize())}"
        for action in actions:
            yield from (".TP", rf"\fB{_text(_invocation(action))}\fR", _text((action.help or "").replace("%%", "%")))


def _invocation(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None:
        value = "|".join(map(str, action.choices))
    if not names:
        return value
    return names if action.nargs == 0 else f"{names} {value}"


def _verbatim(text: str) -> Iterator[str]:
    yield ".nf"
    yield from map(_text, text.splitlines())
    yield ".fi"


def _text(text: str) -> str:
    """Text in which roff sees nothing of its own."""
    text = " ".join(text.split("\n")).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in generated().items():
        (FOLDER / name).write_text(content, "utf-8")


if __name__ == "__main__":
    write()
