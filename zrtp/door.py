"""What a program hands in: of the right kind, or refused in a sentence.

Python takes anything in any place. What is of the wrong kind would go wrong later, in the middle of a call, or not even
that: `bytes(32)` is 32 zeros, and no secret. Refusals tell the type of what was given, never the value, which may be a
secret.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any, NoReturn, TypeVar

from zrtp.errors import ApiMisuse, RandomnessFailed
from zrtp.system import RandomSource, system_random

T = TypeVar("T")


def refuse(what: str, wanted: str, given: object) -> NoReturn:
    """Raises ApiMisuse: `what` is `wanted`, and something else was given."""
    raise ApiMisuse(f"{what} is {wanted}, not {described(given)}.")


def described(given: object) -> str:
    """What something is, without its value."""
    if isinstance(given, type):
        return f"the class {given.__name__} itself"
    return "None" if given is None else type(given).__name__


def need_instance(what: str, given: object, kind: type[T], wanted: str) -> T:
    """An object of that class. Raises ApiMisuse."""
    if not isinstance(given, kind):
        refuse(what, wanted, given)
    return given


def need_methods(what: str, given: object, names: Iterable[str], wanted: str) -> None:
    """Raises ApiMisuse unless it is an object, and no class, that has everything of these names."""
    if isinstance(given, type) or not all(hasattr(given, name) for name in names):
        refuse(what, wanted, given)


def need_octets(what: str, given: object, *, length: int | None = None) -> bytes:
    """Octets, as bytes. Raises ApiMisuse."""
    if not isinstance(given, bytes | bytearray | memoryview):
        refuse(what, "octets (bytes)", given)
    result = bytes(given)
    if length is not None and len(result) != length:
        raise ApiMisuse(f"{what} has {length} octets, not {len(result)}.")
    return result


def need_text(what: str, given: object) -> str:
    """Text. Raises ApiMisuse."""
    if not isinstance(given, str):
        refuse(what, "text (str)", given)
    return given


def need_utf8(what: str, given: object) -> str:
    """Text that can be written down as it is. Raises ApiMisuse."""
    text = need_text(what, given)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ApiMisuse(f"{what} must be text that UTF-8 can express.") from None
    return text


def need_flag(what: str, given: object) -> bool:
    """True or False. Raises ApiMisuse."""
    if not isinstance(given, bool):
        refuse(what, "True or False", given)
    return given


def need_whole(what: str, given: object, least: int | None = None, most: int | None = None) -> int:
    """A whole number, at least and at most so large. Raises ApiMisuse."""
    if not isinstance(given, int) or isinstance(given, bool):
        refuse(what, "a whole number", given)
    if (least is not None and given < least) or (most is not None and given > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ApiMisuse(f"{what} is a whole number {bounds}.")
    return given


def need_number(what: str, given: object) -> float:
    """A finite number. Raises ApiMisuse."""
    if not isinstance(given, int | float) or isinstance(given, bool):
        refuse(what, "a number", given)
    if not math.isfinite(given):
        raise ApiMisuse(f"{what} is a finite number.")
    return given


def need_seconds(what: str, given: object) -> float:
    """A length of time. Raises ApiMisuse."""
    seconds = need_number(what, given)
    if seconds <= 0:
        raise ApiMisuse(f"{what} is a number of seconds above 0.")
    return seconds


def need_moment(given: object) -> float:
    """A time of the program's clock; NaN, which is neither before nor after anything, is none. Raises ApiMisuse."""
    if not isinstance(given, int | float) or isinstance(given, bool) or given != given:
        refuse("The time (now)", "a number of seconds, for example time.monotonic()", given)
    return given


def need_function(what: str, given: object, wanted: str) -> Any:
    """Something that can be called, and does its work then: not what has to be awaited. Raises ApiMisuse."""
    if not callable(given):
        refuse(what, wanted, given)
    if iscoroutinefunction(given) or iscoroutinefunction(type(given).__call__):
        raise ApiMisuse(f"{what} is {wanted}, not one with async: it is called, and nobody awaits it.")
    return given


def need_options(what: str, given: Iterable[str], names: Mapping[str, object]) -> None:
    """Raises ApiMisuse for an option that there is not."""
    for name in given:
        if name not in names:
            raise ApiMisuse(f"{what} has no option {name!r}; there are {', '.join(sorted(names))}.")


def source_of_randomness(given: object) -> RandomSource:
    """A program's own source, with a look at what it gives each time.

    Raises:
        ApiMisuse: it cannot be called; later: it gives something else than the octets that were asked for.
        RandomnessFailed: later: it raised something.
    """
    random: Callable[[int], object] = need_function("random", given, "a function that gives as many octets as told")
    if random is system_random:
        return system_random

    def draw(length: int) -> bytes:
        try:
            result = random(length)
        except Exception as error:
            raise RandomnessFailed(f"The source of randomness raised {type(error).__name__}.") from error
        if not isinstance(result, bytes | bytearray):
            refuse("What the source of randomness gives", "octets (bytes)", result)
        if len(result) != length:
            raise ApiMisuse(f"The source of randomness gave {len(result)} octets where {length} were asked for.")
        return bytes(result)

    return draw
