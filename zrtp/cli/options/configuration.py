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
from zrtp.cli.options.parser import similar, with_subcommands

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


_OWN: Final = "defaults_of_ones_own"
"""Under this name the parsed command line has the values that come from the file."""

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
    """Let the file's values be the defaults of the parser of one of the verbs, and of its sub-commands. Raises
    CommandError for what is wrong in it."""
    file = path()
    values = _defaults(file, verb, verbs)
    for each in with_subcommands(parser):
        actions = {option.removeprefix("--"): action for action in each._actions for option in action.option_strings}
        own: dict[str, object] = {}
        for name, value in values.items():
            if (action := actions.get(name)) is not None and action.help is not argparse.SUPPRESS:
                action.default = own[action.dest] = _converted(file, name, value, action)
        each.set_defaults(**{_OWN: own})


def given(arguments: argparse.Namespace, name: str) -> Any:
    """What the command line says about an option; None if it says nothing, whatever the file says."""
    value = getattr(arguments, name)
    own: dict[str, object] = getattr(arguments, _OWN, {})
    return None if name in own and value is own[name] else value


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
    text = str(value)
    try:
        text = _located(file, text) if _is_file(name, text) else text
        return action.type(text) if callable(action.type) else text
    except (argparse.ArgumentTypeError, ValueError, RuntimeError) as error:
        raise _wrong(file, name, str(error)) from error


def _located(file: Path, text: str) -> str:
    """A path that is the same wherever the command runs: ~ is the home folder, and a relative one begins in the folder
    of the configuration. Raises RuntimeError without a home folder."""
    return str(file.parent / Path(text).expanduser())


def _is_file(name: str, text: str) -> bool:
    """Whether the value of an option is the path of a file."""
    from zrtp.cli.options import cache, sound

    match name:
        case "cache":
            return text != cache.NONE and "://" not in text
        case "cache-keys":
            return not text.startswith(cache.VARIABLE)
        case "audio":
            return text not in (sound.MICROPHONE, *sound.SYNTHETIC)
    return False


def _wrong(file: Path, name: str, why: str) -> CommandError:
    return CommandError(f"{name} in the configuration {file} is wrong: {why}", code=Exit.USAGE)
