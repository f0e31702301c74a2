"""A file of one's own defaults: TOML, per user.

::

    cache = "/media/key/zrtp.db"        # for every verb that has the option

    [listen]                            # for this verb alone
    bind = "0.0.0.0:5006"
    input = "headset"
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.parser import similar

CONFIGURABLE: Final = (
    "accept",
    "agreement",
    "audio",
    "auth-tag",
    "bind",
    "cache",
    "cache-keys",
    "cipher",
    "hash",
    "input",
    "mtu",
    "output",
    "plain",
    "role",
    "sas",
    "verbose",
    "wait",
)
"""Options that may have a default of one's own: none that says something about one call or one peer."""


_IN_FOLDER: Final = Path("zrtp", "config.toml")


def path(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the file is looked for. Raises CommandError without a home folder."""
    try:
        home = Path.home()
    except RuntimeError as error:
        raise CommandError("there is no home folder for a configuration", "set HOME") from error
    if platform == "darwin":
        return home / "Library" / "Application Support" / _IN_FOLDER
    variable, usual = (
        ("APPDATA", home / "AppData" / "Roaming") if platform == "win32" else ("XDG_CONFIG_HOME", home / ".config")
    )
    named = environment.get(variable, "")
    return (Path(named) if os.path.isabs(named) else usual) / _IN_FOLDER


def shown_path() -> str:
    """The same for people, as short as a shell takes it."""
    try:
        file = path()
        return f"~/{file.relative_to(Path.home())}" if file.is_relative_to(Path.home()) else str(file)
    except (CommandError, RuntimeError):
        return "nowhere: there is no home folder"


def apply(parser: argparse.ArgumentParser, verb: str, verbs: Collection[str]) -> None:
    """Let the file's values be the defaults of the parser of one of the verbs. Raises CommandError for what is wrong
    in it."""
    file = path()
    actions = {option.removeprefix("--"): action for action in parser._actions for option in action.option_strings}
    for name, value in _defaults(file, verb, verbs).items():
        if (action := actions.get(name)) is not None and action.help is not argparse.SUPPRESS:
            action.default = _converted(file, name, value, action)


def _defaults(file: Path, verb: str, verbs: Collection[str]) -> dict[str, Any]:
    """The values that hold for a verb, by the names of their options."""
    try:
        with file.open("rb") as stream:
            content = tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CommandError(f"the configuration {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"the configuration {file} is not TOML: {error}", code=Exit.USAGE) from error
    for_all = {name: value for name, value in content.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    for name in tables:
        if name not in verbs:
            guess = similar(name, verbs)
            hint = f"did you mean [{guess}]?" if guess else f"it may have [{'], ['.join(verbs)}]"
            raise CommandError(f"the configuration {file} cannot have [{name}]", hint, code=Exit.USAGE)
    return _checked(file, for_all) | _checked(file, tables.get(verb, {}))


def _checked(file: Path, values: dict[str, Any]) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    for name in named:
        if name not in CONFIGURABLE:
            guess = similar(name, CONFIGURABLE)
            hint = f"did you mean {guess}?" if guess else f"it may have {', '.join(CONFIGURABLE)}"
            raise CommandError(f'the configuration {file} cannot have "{name}"', hint, code=Exit.USAGE)
    return named


def _converted(file: Path, name: str, value: object, action: argparse.Action) -> object:
    """What the option would make of the value on the command line."""
    if action.nargs == 0:
        if isinstance(value, bool):
            return value
        raise _wrong(file, name, "it is true or false")
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if isinstance(value, bool | dict):
        raise _wrong(file, name, "it is a text or a number")
    try:
        return action.type(str(value)) if callable(action.type) else str(value)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise _wrong(file, name, str(error)) from error


def _wrong(file: Path, name: str, why: str) -> CommandError:
    return CommandError(f"{name} in the configuration {file} is wrong: {why}", code=Exit.USAGE)
