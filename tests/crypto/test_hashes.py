"""Hash, HMAC and KDF against published and recorded answers."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes as library_hashes
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from tests.support.cases import every
from tests.support.vectors import Transcript, code, item_id, primitives, transcripts
from zrtp.crypto.hashes import (
    HASHES,
    N256,
    N384,
    S256,
    S384,
    S512,
    HashAlgorithm,
    Octets,
    hmac_sha256,
    sha256,
)
from zrtp.secret import Secret

BY_CODE = {algorithm.code: algorithm for algorithm in HASHES}

RFC_4231 = [
    (
        S256,
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        S384,
        b"\x0b" * 20,
        b"Hi There",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
    ),
    (
        S512,
        b"\x0b" * 20,
        b"Hi There",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    (
        S256,
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        S384,
        b"Jefe",
        b"what do ya want for nothing?",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        S512,
        b"Jefe",
        b"what do ya want for nothing?",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    ),
]


@pytest.mark.rfc("R-5.1.2-01", "R-5.1.2-02", "R-5.1.2.1-01")
@every(("algorithm", "key", "data", "mac"), RFC_4231)
def test_hmac_gives_the_answers_of_rfc_4231(algorithm: HashAlgorithm, key: bytes, data: bytes, mac: str) -> None:
    assert algorithm.mac(key, data).hex() == mac
    assert algorithm.mac(Secret(key), data).hex() == mac


@pytest.mark.rfc("R-5.1.2-04", "R-5.1.2.1-01")
@every(("algorithm", "block"), [(S256, 64), (S384, 128), (S512, 128), (N256, 136), (N384, 104)])
def test_the_mac_is_hmac_whatever_the_hash(algorithm: HashAlgorithm, block: int) -> None:
    for key in (b"", b"k" * 32, b"k" * 200):
        padded = (algorithm.hash(key) if len(key) > block else key).ljust(block, b"\x00")
        inner = algorithm.hash(bytes(octet ^ 0x36 for octet in padded), b"data")
        assert algorithm.mac(key, b"data") == algorithm.hash(bytes(octet ^ 0x5C for octet in padded), inner)


@every("algorithm", HASHES, ids=lambda algorithm: algorithm.code.decode())
def test_a_hash_of_parts_is_the_hash_of_their_concatenation(algorithm: HashAlgorithm) -> None:
    whole = algorithm.hash(b"abc")
    assert len(whole) == algorithm.length == len(algorithm.mac(b"key", b"abc"))
    assert algorithm.hash(b"a", bytearray(b"b"), memoryview(b"c"), b"") == whole


def test_the_sha_3_names_mean_sha_3() -> None:
    assert N256.hash(b"abc") == hashlib.sha3_256(b"abc").digest()
    assert N384.hash(b"abc") == hashlib.sha3_384(b"abc").digest()


@pytest.mark.rfc("R-4.5.1-01", "R-4.5.1-02", "R-4.5.1-04")
@every("item", [item for item in primitives("kdf") if code(item["hash"]) in BY_CODE], ids=item_id)
def test_kdf_gives_the_recorded_answers(item: dict[str, Any]) -> None:
    out = BY_CODE[code(item["hash"])].kdf(
        Secret(bytes.fromhex(item["ki"])),
        item["label"].encode("ascii"),
        bytes.fromhex(item["context"]),
        item["bits"],
    )
    assert out.octets.hex() == item["out"]


@pytest.mark.rfc("R-4.5.1-01", "R-4.5.1-05", "R-4.5.2-06", "R-4.5.2-07", "R-4.5.2-11")
@every("transcript", [call for call in transcripts() if call.suite.hash in BY_CODE], ids=str)
def test_kdf_derives_every_key_of_the_recorded_calls(transcript: Transcript) -> None:
    algorithm = BY_CODE[transcript.suite.hash]
    expect = transcript.expect
    keys = {
        b"ZRTP Session Key": expect.zrtpsess,
        b"SAS": expect.sashash,
        b"Exported key": expect.exported_key,
        b"Initiator SRTP master key": expect.srtpkeyi,
        b"Responder SRTP master key": expect.srtpkeyr,
        b"Initiator SRTP master salt": expect.srtpsalti,
        b"Responder SRTP master salt": expect.srtpsaltr,
        b"Initiator HMAC key": expect.mackeyi,
        b"Responder HMAC key": expect.mackeyr,
        b"Initiator ZRTP key": expect.zrtpkeyi,
        b"Responder ZRTP key": expect.zrtpkeyr,
        b"retained secret": expect.new_rs1,
    }
    for label, key in keys.items():
        if key is not None:
            assert algorithm.kdf(Secret(expect.s0), label, expect.kdf_context, 8 * len(key)) == Secret(key)


@pytest.mark.rfc("R-4.5.1-01", "R-4.5.1-03")
@every(
    ("algorithm", "library_hash"),
    [
        (S256, library_hashes.SHA256()),
        (S384, library_hashes.SHA384()),
        (S512, library_hashes.SHA512()),
        (N256, library_hashes.SHA3_256()),
        (N384, library_hashes.SHA3_384()),
    ],
)
@every("octets", [8, 12, 14, 16, 32])
def test_kdf_is_the_counter_mode_kdf_of_sp_800_108(
    algorithm: HashAlgorithm, library_hash: library_hashes.HashAlgorithm, octets: int
) -> None:
    library = KBKDFHMAC(
        algorithm=library_hash,
        mode=Mode.CounterMode,
        length=octets,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=b"retained secret",
        context=b"c" * 56,
        fixed=None,
    )
    ours = algorithm.kdf(b"k" * algorithm.length, b"retained secret", b"c" * 56, 8 * octets)
    assert bytes(ours.octets) == library.derive(b"k" * algorithm.length)


def test_a_short_key_is_no_prefix_of_a_long_one() -> None:
    short, long = (S256.kdf(b"k" * 32, b"salt", b"", bits) for bits in (96, 112))
    assert long.octets[:12] != short.octets


@pytest.mark.rfc("R-4.5.1-04", "R-4.5.1-05")
@every("bits", [-8, 0, 4, 129, 264, 384])
def test_kdf_refuses_lengths_that_the_hash_cannot_give(bits: int) -> None:
    with pytest.raises(ValueError, match="cannot be derived"):
        S256.kdf(b"k" * 32, b"label", b"", bits)
    assert len(S384.kdf(b"k" * 48, b"label", b"", 384)) == 48


@pytest.mark.rfc("R-5.1.2.2-01", "R-5.1.2.2-02")
def test_the_implicit_algorithms_give_the_recorded_answers() -> None:
    for chain in primitives("hash_chain"):
        h0, h1, h2, h3 = (bytes.fromhex(chain[name]) for name in ("h0", "h1", "h2", "h3"))
        assert (sha256(h0), sha256(h1), sha256(h2)) == (h1, h2, h3)
    for item in primitives("message_mac"):
        key, data = bytes.fromhex(item["key"]), bytes.fromhex(item["data"])
        assert hmac_sha256(key, data)[:8].hex() == item["mac"]
        assert hmac_sha256(Secret(key), data)[:8].hex() == item["mac"]


def test_a_hash_with_a_mac_of_its_own_brings_its_kdf_along() -> None:
    class Keyed(HashAlgorithm):
        def mac(self, key: Octets | Secret, data: Octets) -> bytes:
            octets = key.octets if isinstance(key, Secret) else key
            return hashlib.blake2b(data, key=octets, digest_size=self.length).digest()

    toy = Keyed(code=b"BLK2", length=32, algorithm="blake2s")
    data = b"\x00\x00\x00\x01SAS\x00context\x00\x00\x01\x00"
    assert bytes(toy.kdf(b"k", b"SAS", b"context", 256).octets) == toy.mac(b"k", data)


BLAKE = HashAlgorithm(code=b"BLK2", length=32, algorithm="blake2s")


@every("algorithm", [*HASHES, BLAKE])
def test_keys_derived_together_are_those_derived_one_by_one(algorithm: HashAlgorithm) -> None:
    s0 = Secret(b"s" * algorithm.length)
    wanted = ((b"Initiator HMAC key", 8 * algorithm.length), (b"SAS", 256), (b"salt", 112))
    for (label, bits), key in zip(wanted, algorithm.kdfs(s0, b"context", wanted), strict=True):
        by_hand = b"\x00\x00\x00\x01" + label + b"\x00context" + bits.to_bytes(4, "big")
        assert bytes(key.octets) == algorithm.mac(s0, by_hand)[: bits // 8]
        assert key == algorithm.kdf(s0, label, b"context", bits)
    with pytest.raises(ValueError, match="cannot be derived"):
        algorithm.kdfs(s0, b"context", ((b"label", 8 * algorithm.length + 8),))
