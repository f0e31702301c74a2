"""Where the keys of a sealed cache come from: a file, an environment variable, or any function.

Newest first: the first one seals, and all of them open.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from zrtp.crypto.at_rest import KEY_LENGTH
from zrtp.errors import CacheError
from zrtp.secret import Secret

KeySource: TypeAlias = Callable[[], Sequence[Secret]]
"""Gives the keys, newest first, 32 octets each; a key service is asked by a function like this. Raises CacheError."""

IDENTITY_LENGTH = 8
"""Octets that tell one key from another."""


def from_file(path: str | Path) -> KeySource:
    """Keys in a file, each a line of 64 hexadecimal digits. On POSIX its owner alone may be able to read it."""

    def read() -> list[Secret]:
        try:
            with open(path, encoding="ascii") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise CacheError(f'Others can read the keys in {path}: run "chmod 600 {path}".')
                return _parsed(file.read().splitlines(), str(path))
        except OSError as error:
            raise CacheError(f"The keys in {path} cannot be read: {error.strerror or error}.") from error
        except UnicodeDecodeError:
            raise _wrong(str(path)) from None

    return read


def from_environment(variable: str, environment: Mapping[str, str] = os.environ) -> KeySource:
    """Keys in a variable, each 64 hexadecimal digits, with spaces between them."""
    return lambda: _parsed(environment.get(variable, "").split(), f"the variable {variable}")


def identity(key: Secret) -> bytes:
    """Names a key, and tells nothing of it."""
    return hashlib.sha256(b"zrtp key of a sealed cache" + key.octets).digest()[:IDENTITY_LENGTH]


def checked(keys: Sequence[Secret]) -> dict[bytes, Secret]:
    """The keys by their identities, newest first. Raises CacheError if there is none or one has another length."""
    if not keys or any(len(key) != KEY_LENGTH for key in keys):
        raise CacheError(f"A sealed cache needs at least one key, and every key has {KEY_LENGTH} octets.")
    return {identity(key): key for key in keys}


def _parsed(lines: Sequence[str], place: str) -> list[Secret]:
    digits = [line.strip() for line in lines if line.strip()]
    try:
        keys = [Secret(bytes.fromhex(each)) for each in digits]
    except ValueError:
        raise _wrong(place) from None  # the cause quotes the text
    if not keys or any(len(key) != KEY_LENGTH for key in keys):
        raise _wrong(place)
    return keys


def _wrong(place: str) -> CacheError:
    return CacheError(
        f"There are no keys in {place}, or not only keys: each is {2 * KEY_LENGTH} hexadecimal digits, "
        "the newest comes first."
    )
