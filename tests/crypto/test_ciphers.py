"""The ciphers of Confirm and SASrelay against recorded messages."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from tests.support.vectors import Transcript, transcripts
from zrtp.crypto.ciphers import AES1, AES2, AES3, CIPHERS

BY_CODE = {cipher.code: cipher for cipher in CIPHERS}


@pytest.mark.rfc("R-5.1.3-01", "R-5.1.3-02")
def test_key_lengths_are_those_of_aes() -> None:
    assert [cipher.key_length for cipher in (AES1, AES2, AES3)] == [16, 24, 32]


@pytest.mark.rfc("R-5.7-09", "R-5.7-11")
@every("transcript", [call for call in transcripts() if call.suite.cipher in BY_CODE], ids=str)
def test_recorded_confirms_are_decrypted_and_encrypted_again(transcript: Transcript) -> None:
    cipher = BY_CODE[transcript.suite.cipher]
    messages, expect = transcript.messages, transcript.expect
    for message, key, plain in (
        (messages.confirm1, expect.zrtpkeyr, expect.confirm1_plain),
        (messages.confirm2, expect.zrtpkeyi, expect.confirm2_plain),
    ):
        if message is not None and plain is not None:
            assert len(key) == cipher.key_length
            iv, ciphertext = message[20:36], message[36:]
            assert cipher.decrypt(key, iv, ciphertext) == plain
            assert cipher.encrypt(key, iv, plain) == ciphertext
