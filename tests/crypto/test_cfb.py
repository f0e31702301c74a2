"""CFB against NIST SP 800-38A, with the library's mode and with our own."""

from __future__ import annotations

import sys

import pytest

from tests.support.cases import every
from zrtp.crypto import cfb

IV = bytes(range(16))
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
SP_800_38A = [
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
        "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
    ),
    (
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        "cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a"
        "2e1e8a1dd59b88b1c8e60fed1efac4c9c05f9f9ca9834fa042ae8fba584b09ff",
    ),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
        "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
    ),
]


@pytest.fixture(params=["library", "own"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "own":
        monkeypatch.setattr(cfb, "_library_mode", lambda: None)


@pytest.mark.rfc("R-5.7-09")
@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize(("key", "ciphertext"), SP_800_38A)
def test_full_block_cfb_gives_the_answers_of_sp_800_38a(key: str, ciphertext: str) -> None:
    assert cfb.aes_encrypt(bytes.fromhex(key), IV, PLAIN).hex() == ciphertext
    assert cfb.aes_decrypt(bytes.fromhex(key), IV, bytes.fromhex(ciphertext)) == PLAIN


@pytest.mark.rfc("R-5.7-09")
@pytest.mark.usefixtures("mode")
@every("length", [0, 1, 15, 16, 17, 40])
def test_the_last_block_is_cut_to_the_length_of_the_text(length: int) -> None:
    key, ciphertext = (bytes.fromhex(text) for text in SP_800_38A[0])
    assert cfb.aes_encrypt(key, IV, PLAIN[:length]) == ciphertext[:length]
    assert cfb.aes_decrypt(bytearray(key), bytearray(IV), memoryview(ciphertext)[:length]) == PLAIN[:length]


def test_without_the_librarys_mode_our_own_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.decrepit.ciphers.modes", None)
    assert cfb._library_mode.__wrapped__() is None
