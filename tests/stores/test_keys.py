"""Where the keys of a sealed cache come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import every
from zrtp.errors import CacheError
from zrtp.secret import Secret
from zrtp.stores import keys

FIRST, SECOND = Secret(bytes(range(32))), Secret(b"k" * 32)
DIGITS = [bytes(key.octets).hex() for key in (FIRST, SECOND)]


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_has_a_key_in_each_line_and_is_read_each_time(tmp_path: Path) -> None:
    source = keys.from_file(written(tmp_path, f"{DIGITS[0]}\n\n{DIGITS[1].upper()}\n"))
    assert source() == [FIRST, SECOND]
    written(tmp_path, DIGITS[1])
    assert source() == [SECOND]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="chmod 600"):
        keys.from_file(written(tmp_path, DIGITS[0], 0o640))()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="No such file"):
        keys.from_file(tmp_path / "nothing")()


def test_a_variable_has_keys_with_spaces_between_them() -> None:
    assert keys.from_environment("KEYS", {"KEYS": " ".join(DIGITS)})() == [FIRST, SECOND]


@every("text", ["", "secret words", DIGITS[0][:-2], DIGITS[0] + " zz", DIGITS[0] + "00"])
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(CacheError, match="64 hexadecimal digits") as caught:
        keys.from_environment("KEYS", {"KEYS": text})()
    assert not text or text not in str(caught.value)


def test_the_identity_of_a_key_tells_it_from_others_and_shows_nothing_of_it() -> None:
    assert keys.identity(FIRST) != keys.identity(SECOND)
    assert len(keys.identity(FIRST)) == keys.IDENTITY_LENGTH
    assert keys.identity(FIRST) not in bytes(FIRST.octets)


@every("given", [[], [Secret(b"short")], [FIRST, Secret(b"k" * 16)]])
def test_a_source_gives_at_least_one_key_and_whole_ones(given: list[Secret]) -> None:
    with pytest.raises(CacheError, match="32 octets"):
        keys.checked(given)
