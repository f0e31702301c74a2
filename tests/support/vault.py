"""Remembers every secret that a call makes, and finds its octets again in whatever people or programs can read.

A window of eight octets counts as the secret: nobody writes that many by chance. Text is searched for them raw, in
hexadecimal, in base64, as Python writes octets, as a list of numbers, and as one big number.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from zrtp.secret import Secret
from zrtp.system import RandomSource

WINDOW = 8
PRIVATE = 32
"""Octets of the shortest random draw that stays private: H0 and private keys. IVs, nonces, IDs and ZIDs are shorter,
and public."""

_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{16,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}")
_NUMBERS = re.compile(rb"\d{1,3}(?:, ?\d{1,3}){7,}")
_BIG_NUMBER = re.compile(rb"\d{18,}")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})|\\([tnr\\'\"])")
_SHORT_ESCAPES = {b"t": b"\t", b"n": b"\n", b"r": b"\r"}


@dataclass
class Vault:
    """Whatever was put into a `Secret`, and whatever long draw was made of the randomness, by where it came from."""

    windows: dict[bytes, str] = field(default_factory=dict)
    buffers: list[bytearray] = field(default_factory=list)
    """The octets of every `Secret` themselves: zeros once it is wiped."""

    def keep(self, name: str, octets: bytes | bytearray) -> None:
        """Look for these from now on."""
        octets = bytes(octets)
        for start in range(max(1, len(octets) - WINDOW + 1)):
            window = octets[start : start + WINDOW]
            if len(set(window)) > 3:
                self.windows.setdefault(window, name)

    def forget(self, octets: bytes) -> None:
        """These are public: the ends of a KDF_Context, for example."""
        for start in range(len(octets) - WINDOW + 1):
            self.windows.pop(octets[start : start + WINDOW], None)

    def drawing(self, random: RandomSource, name: str) -> RandomSource:
        """The same randomness; long draws are remembered."""

        def draw(count: int) -> bytes:
            octets = random(count)
            if count >= PRIVATE:
                self.keep(f"{name}'s draw of {count} octets", octets)
            return octets

        return draw

    def leaks(self, *texts: str | bytes) -> set[str]:
        """The names of the secrets that are in there."""
        found: set[str] = set()
        for text in texts:
            raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
            for octets in readings(raw):
                for start in range(len(octets) - WINDOW + 1):
                    name = self.windows.get(octets[start : start + WINDOW])
                    if name is not None:
                        found.add(name)
        return found


def readings(text: bytes) -> Iterator[bytes]:
    """The octets that a text may stand for."""
    yield text
    if b"\\" in text:
        yield _ESCAPE.sub(_unescaped, text)
    for run in _HEXADECIMAL.findall(text.replace(b":", b"").replace(b" ", b"")):
        for digits in (run, run[1:]):
            yield bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    for run in _BASE64.findall(text):
        plain = run.replace(b"-", b"+").replace(b"_", b"/")
        for shift in range(4):
            letters = plain[shift:]
            yield base64.b64decode(letters[: len(letters) // 4 * 4])
    for run in _NUMBERS.findall(text):
        numbers = [int(number) for number in run.split(b",")]
        yield bytes(number for number in numbers if number < 256)
    for run in _BIG_NUMBER.findall(text):
        number = int(run)
        length = (number.bit_length() + 7) // 8
        yield number.to_bytes(length, "big")
        yield number.to_bytes(length, "little")


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1] is not None:
        return bytes.fromhex(found[1].decode())
    return _SHORT_ESCAPES.get(found[2], found[2])


def watch(monkeypatch: pytest.MonkeyPatch) -> Vault:
    """From now on every `Secret` that is made is remembered."""
    vault = Vault()
    make: Callable[[Secret, bytes | bytearray | memoryview], None] = Secret.__init__

    def remember(secret: Secret, octets: bytes | bytearray | memoryview) -> None:
        make(secret, octets)
        caller = sys._getframe(1)
        vault.keep(f"a Secret of {len(secret)} octets made in {caller.f_code.co_qualname}", secret.octets)
        vault.buffers.append(secret.octets)

    monkeypatch.setattr(Secret, "__init__", remember)
    return vault


def reachable(roots: Iterable[object]) -> Iterator[object]:
    """Every object of the package that can be reached from these through attributes and containers."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | bytearray | int | float | type | None):
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, Iterable) and type(thing).__module__ in ("builtins", "collections"):
            if not isinstance(thing, Iterator):
                waiting += list(thing)
        elif type(thing).__module__.startswith("zrtp."):
            yield thing
            slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting += [getattr(thing, name) for name in slots if hasattr(thing, name)]
            waiting += list(getattr(thing, "__dict__", {}).values())
