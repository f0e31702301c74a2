"""Files with keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cases import every
from zrtp.inspection import keys
from zrtp.inspection.keys import KeysUnreadable

SDES = "AES_CM_128_HMAC_SHA1_80 inline:KA9q3+UjARe7LznF6eeGqijpCmZgh7ojrGsKef0E"


def test_every_form_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(
        f"# of a test\n\n{SDES}\na=crypto:1 {SDES}\ncrypto:2 {SDES}|2^31\ns0 {'ab' * 32}\nZRTPSess={'CD' * 48}\n"
    )
    found = keys.read(path)

    assert [each.suite for each in found.sdes] == ["AES_CM_128_HMAC_SHA1_80"] * 3
    assert [bytes(each.octets) for each in found.s0] == [b"\xab" * 32]
    assert [bytes(each.octets) for each in found.zrtpsess] == [b"\xcd" * 48]
    assert found


def test_no_key_is_shown() -> None:
    found = keys.parse(f"{SDES}\ns0 {'ab' * 32}", "x")
    assert "KA9q" not in repr(found) and "abab" not in repr(found)


@every("line", ["s0 abc", "s0  ab", "NEW_SUITE inline:QUJD", "hello", f"a=crypto:x {SDES}", f"s0 {'ab' * 99}"])
def test_a_line_that_is_no_key_is_named_and_not_shown(line: str) -> None:
    with pytest.raises(KeysUnreadable, match=r"Line 2 of keys\.txt is no key") as raised:
        keys.parse(f"# first\n{line}", "keys.txt")
    assert line not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(KeysUnreadable, match="cannot be read: No such file"):
        keys.read(tmp_path / "nowhere")
    long = tmp_path / "long"
    long.write_bytes(b"#" * (keys.LONGEST_FILE + 1))
    with pytest.raises(KeysUnreadable, match="too long for a file of keys"):
        keys.read(long)
    with pytest.raises(KeysUnreadable, match="more than 256 keys"):
        keys.parse(f"{SDES}\n" * 300, "keys")


def test_an_empty_file_has_no_keys() -> None:
    assert not keys.parse("# nothing\n", "keys")
