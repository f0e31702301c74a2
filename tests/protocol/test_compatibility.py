"""Each compatibility rule does what it says, and none is without a test."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from tests.support import wire
from tests.support.actor import WAITING, Actor, alone
from tests.support.cases import every
from tests.support.pair import seeded
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.crypto.hashes import S256, S384, HashAlgorithm, sha256
from zrtp.errors import ErrorCode, MalformedPacket
from zrtp.protocol import compatibility
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.events import Suite
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, ConfirmPlain, DHPart1, Hello

OWN = wire.commit(key_agreement=b"X255", hvi=b"\xff" * 32)
FIRST = Suite(hash=b"S256", cipher=b"AES3", auth_tag=b"HS80", key_agreement=b"X255", sas=b"B32 ")
OTHER_CODE = wire.commit(key_agreement=b"EC25", hvi=b"\x01" * 32)


def test_every_rule_names_its_peers_its_reason_and_its_test() -> None:
    rules = [
        (name, rule)
        for name, rule in vars(compatibility).items()
        if inspect.isfunction(rule) and rule.__module__ == compatibility.__name__ and not name.startswith("_")
    ]
    assert len(rules) >= 8
    for name, rule in rules:
        text = inspect.getdoc(rule) or ""
        assert "Peers: " in text, name
        assert "Reason: " in text, name
        assert "Rule I-" in text, name
        assert f"test_{name}" in {test.split("__")[0] for test in globals()}, name


@pytest.mark.interop("I-09")
def test_takes_commit_for_hello_ack() -> None:
    assert compatibility.takes_commit_for_hello_ack(wire.hello(client_id=Config().client_id.ljust(16)))
    assert not compatibility.takes_commit_for_hello_ack(wire.hello(client_id=b"GNU ZRTP 4.6.4  "))


@pytest.mark.interop("I-16")
def test_implied_auth_tags() -> None:
    assert compatibility.IMPLIED_AUTH_TAGS == (b"HS80", b"HS32")


@pytest.mark.interop("I-02")
@pytest.mark.parametrize("octets", [b"\x00\x00", b"\x0f\xfe", b"\x0f\xff", b"\xff\xff"])
def test_first_sequence_number(octets: bytes) -> None:
    assert 1 <= compatibility.first_sequence_number(lambda count: octets) <= 0x0FFF


@pytest.mark.interop("I-02")
def test_first_sequence_number__differs() -> None:
    random = seeded(1)
    assert len({compatibility.first_sequence_number(random) for _ in range(100)}) > 90


OURS = wire.hello(client_id=Config().client_id.ljust(16))
THEIRS = wire.hello(client_id=b"GNU ZRTP 4.6.4  ")


def two_commits() -> tuple[Commit, Commit]:
    """A Commit, and a stranger's."""
    stream = alone(WAITING).stream
    return Actor(stream).commit(), Actor(stream, seed=3).commit()


@pytest.mark.interop("I-49")
def test_id_of_answer() -> None:
    commit, another = two_commits()
    assert compatibility.id_of_answer(commit, OURS) == sha256(b"DHPart1 for Commit" + commit.raw)[:8]
    assert compatibility.id_of_answer(commit, OURS) != compatibility.id_of_answer(another, OURS)
    assert compatibility.id_of_answer(commit, THEIRS) == b""  # random octets, as the RFC has it


@pytest.mark.interop("I-49")
def test_answers_another_commit() -> None:
    commit, another = two_commits()
    answer, stray = (
        replace(wire.dhpart1(), pbx_secret_id=compatibility.id_of_answer(one, OURS)) for one in (commit, another)
    )

    def ignored(dhpart1: DHPart1, peer: Hello = OURS, *, pbxsecret: bool = False, copies_sent: int = 1) -> bool:
        return compatibility.answers_another_commit(dhpart1, commit, peer, pbxsecret=pbxsecret, copies_sent=copies_sent)

    assert not ignored(answer)
    assert ignored(stray)
    assert ignored(stray, copies_sent=2)
    assert not ignored(stray, copies_sent=3)  # the peer may be older
    assert not ignored(stray, pbxsecret=True)  # its ID stands there
    assert not ignored(stray, THEIRS)


@pytest.mark.interop("I-15")
@pytest.mark.parametrize("listed", [(b"S256", b"S384"), (b"S384", b"S256")])
def test_hash_for_commit(listed: tuple[bytes, ...]) -> None:
    peer = wire.hello(hashes=listed, auth_tags=(b"HS32", b"HS80"))
    for key_agreement in (b"X255", b"X448", b"DH3k"):
        assert compatibility.hash_for_commit(listed, peer, key_agreement, post_quantum=False) == listed[0]


@pytest.mark.interop("I-15")
@pytest.mark.parametrize(
    ("key_agreement", "post_quantum", "chosen"),
    [(b"X255", False, b"S256"), (b"X448", False, b"S512"), (b"K448", False, b"S512"), (b"X1M1", True, b"S512")],
)
def test_hash_for_commit__bzrtp_5_5(key_agreement: bytes, post_quantum: bool, chosen: bytes) -> None:
    common = (b"S256", b"S384", b"S512")
    peer = wire.hello(hashes=common)
    assert compatibility.hash_for_commit(common, peer, key_agreement, post_quantum=post_quantum) == chosen
    if chosen == b"S512":
        assert compatibility.hash_for_commit(common[:2], peer, key_agreement, post_quantum=post_quantum) == b"S384"
        assert compatibility.hash_for_commit(common[:1], peer, key_agreement, post_quantum=post_quantum) == b"S256"


@pytest.mark.interop("I-15")
def test_hash_for_commit__known_by_its_gcm() -> None:
    peer = wire.hello(hashes=(b"S256", b"S384"), auth_tags=(b"GCM ", b"HS32"))
    assert compatibility.hash_for_commit((b"S256", b"S384"), peer, b"X448", post_quantum=False) == b"S384"


@pytest.mark.interop("I-17")
@pytest.mark.parametrize(
    ("key_agreement", "offered", "taken"),
    [
        (b"DH2k", (b"AES3", b"AES1"), b"AES1"),
        (b"DH2k", (b"AES3",), b"AES3"),
        (b"DH3k", (b"AES3", b"AES1"), b"AES3"),
    ],
)
def test_cipher_for_commit(key_agreement: bytes, offered: tuple[bytes, ...], taken: bytes) -> None:
    assert compatibility.cipher_for_commit(b"AES3", key_agreement, offered) == taken


@pytest.mark.interop("I-19")
@pytest.mark.parametrize(
    ("chosen", "offered", "taken"),
    [
        (b"HS32", (b"HS32", b"HS80"), b"HS80"),
        (b"HS32", (b"HS32",), b"HS32"),
        (b"GCM ", (b"GCM ", b"HS80"), b"GCM "),
    ],
)
def test_auth_tag_for_commit(chosen: bytes, offered: tuple[bytes, ...], taken: bytes) -> None:
    assert compatibility.auth_tag_for_commit(chosen, offered) == taken


@pytest.mark.interop("I-13")
@every(
    ("own", "peer", "copies", "yields"),
    [
        (OWN, OTHER_CODE, 3, True),
        (OWN, OTHER_CODE, 2, False),
        (OWN, OWN, 11, False),
        (wire.commit(key_agreement=b"Mult", nonce=bytes(16)), OTHER_CODE, 3, False),
        (OWN, wire.commit(key_agreement=b"Prsh", nonce=bytes(16), key_id=bytes(8)), 3, False),
    ],
    ids=["other code", "too early", "same code", "ours is no DH", "theirs is no DH"],
)
def test_yields_without_losing(own: Commit, peer: Commit, copies: int, yields: bool) -> None:
    assert compatibility.yields_without_losing(own, peer, copies) is yields


@pytest.mark.interop("I-23")
def test_multistream_confirm() -> None:
    first = ConfirmPlain(
        h0=bytes(32),
        enrolment=True,
        verified=True,
        allow_clear=True,
        disclosure=True,
        cache_interval=60,
        signature_type=b"X509",
        signature=b"sign",
    )
    further = compatibility.multistream_confirm(first, b"\x01" * 32)
    assert further.h0 == b"\x01" * 32
    assert (further.enrolment, further.verified, further.allow_clear, further.disclosure) == (True, True, True, True)
    assert (further.cache_interval, further.signature_type, further.signature) == (FOREVER, None, b"")


@pytest.mark.interop("I-21")
@pytest.mark.parametrize(
    ("further", "code"),
    [
        (FIRST, None),
        (replace(FIRST, hash=b"S384"), ErrorCode.HASH_UNSUPPORTED),
        (replace(FIRST, cipher=b"AES1"), ErrorCode.CIPHER_UNSUPPORTED),
        (replace(FIRST, auth_tag=b"HS32"), ErrorCode.AUTH_TAG_UNSUPPORTED),
    ],
)
def test_refusal_of_multistream_suite(further: Suite, code: ErrorCode | None) -> None:
    assert compatibility.refusal_of_multistream_suite(FIRST, further, strict=True) == code
    assert compatibility.refusal_of_multistream_suite(FIRST, further, strict=False) is None


@pytest.mark.interop("I-47")
def test_read_confirm() -> None:
    plain = ConfirmPlain(
        h0=b"h" * 32, enrolment=True, verified=False, allow_clear=True, disclosure=True, cache_interval=7
    )
    stale = bytearray(plain.encode())
    stale[32:35] = bytes.fromhex("a9f9a7")
    assert compatibility.read_confirm(bytes(stale)) == compatibility.read_confirm(plain.encode()) == plain


@pytest.mark.interop("I-47")
@pytest.mark.parametrize("declared", [0, 1, 3, 0x1FF])
def test_read_confirm__in_longer_messages_the_lengths_agree(declared: int) -> None:
    plain = ConfirmPlain(
        h0=b"h" * 32,
        enrolment=False,
        verified=False,
        allow_clear=False,
        disclosure=False,
        cache_interval=7,
        signature_type=b"PGP ",
        signature=b"sign",
    )
    changed = bytearray(plain.encode())
    changed[33:35] = declared.to_bytes(2, "big")
    with pytest.raises(MalformedPacket):
        compatibility.read_confirm(bytes(changed))


@pytest.mark.interop("I-48")
def test_forgo_preshared() -> None:
    zids = [number.to_bytes(12, "big") for number in range(257)]
    with_whom: dict[bytes, None] = {}
    for zid in zids:
        compatibility.forgo_preshared(with_whom, zid)
    assert list(with_whom) == zids[1:]


A, B, C, D = (Secret(letter * 32) for letter in (b"a", b"b", b"c", b"d"))


@pytest.mark.interop("I-50")
@every(
    ("at_hello", "record", "known"),
    [
        (None, PeerRecord(rs1=B), (B, None, False)),
        (PeerRecord(), PeerRecord(rs1=C, rs2=B), (C, B, False)),
        (PeerRecord(rs1=A, provisional=True), PeerRecord(rs1=B, rs2=A), (B, A, False)),
        (PeerRecord(rs1=A, rs1_expires=5.0), PeerRecord(rs1=B, rs2=A), (B, A, False)),
        (PeerRecord(rs1=A), PeerRecord(rs1=A), (A, None, True)),
        (PeerRecord(rs1=A), PeerRecord(rs1=A, interval=0), (A, None, False)),
        (PeerRecord(rs1=A), PeerRecord(rs1=B, rs2=A), (B, A, True)),
        (PeerRecord(rs1=A, rs2=D), PeerRecord(rs1=C, rs2=B), (C, A, True)),
        (PeerRecord(rs1=A, verified_at=1.0), PeerRecord(rs1=C, rs2=B, verified_at=1.0), (C, A, True)),
        # Somebody has compared since.
        (None, PeerRecord(rs1=B, verified_at=2.0), (B, None, True)),
        (PeerRecord(rs1=A), PeerRecord(rs1=C, rs2=B, differed_at=2.0), (C, B, True)),
        (PeerRecord(rs1=A, verified_at=1.0), PeerRecord(rs1=C, rs2=B), (C, B, True)),
        # The peer may have rs2 alone.
        (PeerRecord(rs1=A), PeerRecord(rs1=C, rs2=B, preshared_count=1), (C, B, True)),
    ],
    ids=[
        "first call",
        "two calls, and nothing before",
        "provisional",
        "expired",
        "nothing new",
        "the peer keeps nothing",
        "one call since",
        "two calls since",
        "two calls since, all verified",
        "found to match",
        "found to differ",
        "no longer verified",
        "after Preshared mode",
    ],
)
def test_secrets_of_hello(
    at_hello: PeerRecord | None, record: PeerRecord, known: tuple[Secret, Secret | None, bool]
) -> None:
    now = KnownSecrets.of(record, None, 10.0)
    counts = compatibility.secrets_of_hello(now, record, at_hello, waited=12.0, now=10.0)
    assert (counts.rs1, counts.rs2, counts.rs1_expected) == known
    assert compatibility.secrets_of_hello(now, record, at_hello, waited=12.1, now=10.0) is now


@pytest.mark.interop("I-50")
def test_secrets_of_hello__what_was_forgotten_stays_forgotten() -> None:
    nothing = KnownSecrets()
    for record in (None, PeerRecord()):
        assert compatibility.secrets_of_hello(nothing, record, PeerRecord(rs1=A), waited=1.0, now=10.0) is nothing


@pytest.mark.interop("I-37")
def test_goclear_ends_every_stream() -> None:
    every = {dialect: compatibility.goclear_ends_every_stream(dialect) for dialect in ClearDialect}
    assert every == {ClearDialect.RFC: True, ClearDialect.BZRTP: True, ClearDialect.LIBZRTP: False}


@pytest.mark.interop("I-37")
@pytest.mark.parametrize(
    ("dialect", "text"),
    [(ClearDialect.RFC, b"GoClear "), (ClearDialect.BZRTP, b"GoClear "), (ClearDialect.LIBZRTP, b"GoClear")],
)
def test_goclear_covered(dialect: ClearDialect, text: bytes) -> None:
    assert compatibility.goclear_covered(dialect) == text


@pytest.mark.interop("I-37")
@pytest.mark.parametrize("algorithm", [S256, S384], ids=["S256", "S384"])
def test_zrtpsess_after_goclear(algorithm: HashAlgorithm) -> None:
    session, zid_i, zid_r = Secret(b"s" * algorithm.length), b"i" * 12, b"r" * 12

    def after(dialect: ClearDialect) -> bytes:
        return bytes(compatibility.zrtpsess_after_goclear(algorithm, session, zid_i, zid_r, dialect).octets)

    bits = 8 * algorithm.length
    assert after(ClearDialect.RFC) == bytes(algorithm.kdf(session, b"New ZRTP Session", zid_i + zid_r, bits).octets)
    assert after(ClearDialect.BZRTP) == bytes(
        algorithm.kdf(session, b"New ZRTP Session", zid_r + bytes(12), bits).octets
    )
    assert after(ClearDialect.LIBZRTP) == algorithm.hash(b"s" * algorithm.length)
