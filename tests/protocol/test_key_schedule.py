"""From the shared secret to every key: against the formulas written out, and against recorded exchanges."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone
from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.vectors import Transcript as Recorded
from tests.support.vectors import transcripts
from zrtp.crypto.hashes import S256, S384, HashAlgorithm
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.protocol.events import Role, Suite
from zrtp.protocol.hash_chain import CommitAuthentic, HelloAuthentic
from zrtp.protocol.key_schedule import (
    HviVerified,
    SessionSecrets,
    StreamKeys,
    Transcript,
    hvi,
    key_id,
    pbxsecret,
    preshared_key,
    s0_from_dh,
    s0_from_preshared,
    s0_from_session,
    srtps,
    verify_hvi,
)
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, DHPart1, DHPart2, Hello, parse

SUITE = Suite(hash=b"S256", cipher=b"AES1", auth_tag=b"HS80", key_agreement=b"X255", sas=b"B32 ")
ZID_I, ZID_R = b"initiator___", b"responder___"
TRANSCRIPT = Transcript(kdf_context=ZID_I + ZID_R + bytes(range(32)))
CONTEXT = ZID_I + ZID_R + bytes(range(32))

RECORDED = [
    recorded
    for recorded in transcripts()
    if recorded.suite.hash in DEFAULT.hashes
    and recorded.suite.cipher in DEFAULT.ciphers
    and recorded.suite.auth_tag in DEFAULT.auth_tags
]
"""What is implemented; tests/test_vectors.py counts and names the rest."""

WITH_DH = [recorded for recorded in RECORDED if recorded.mode in ("dh", "kem")]
MULTISTREAM = [recorded for recorded in RECORDED if recorded.mode == "multistream"]
PRESHARED = [recorded for recorded in RECORDED if recorded.mode == "preshared"]
FIRST_STREAMS = [recorded for recorded in RECORDED if recorded.mode != "multistream"]


def kdf(key: bytes, label: bytes, context: bytes, bits: int, algorithm: str = "sha256") -> bytes:
    """KDF(KI, Label, Context, L), written out."""
    data = b"\x00\x00\x00\x01" + label + b"\x00" + context + bits.to_bytes(4, "big")
    return hmac.digest(key, data, algorithm)[: bits // 8]


def message(raw: bytes | None, kind: type) -> object:
    assert raw is not None
    made = parse(raw)
    assert isinstance(made, kind)
    return made


def optional(secret: bytes | None) -> Secret | None:
    return None if secret is None else Secret(secret)


# hvi


@pytest.mark.rfc("R-4.4.1.1-07", "R-4.4.1.1-08", "R-4.4.1.1-09")
@pytest.mark.parametrize("hash_", [S256, S384], ids=["S256", "S384"])
def test_hvi_is_the_hash_of_dhpart2_and_the_responders_hello_truncated_to_256_bits(hash_: HashAlgorithm) -> None:
    dhpart2, hello = b"DHPart2 with its MAC", b"Hello with its MAC"
    assert hvi(hash_, dhpart2, hello) == hashlib.new(hash_.algorithm, dhpart2 + hello).digest()[:32]


@pytest.mark.attack("DH-10")
@pytest.mark.attack("DH-11")
@pytest.mark.rfc("R-4.4.1.2-06", "R-4.4.1.2-08")
def test_a_dhpart2_that_was_not_committed_to_is_refused() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    commit, dhpart2 = peer.commit(), peer.dhpart2()
    authentic = CommitAuthentic(commit, b"")
    assert verify_hvi(S256, authentic, dhpart2, core_of(bob.stream).hello).dhpart2 is dhpart2
    for other in (
        peer.dhpart2(pv=bytes(31) + b"\x09"),
        peer.dhpart2(rs1_id=bytes(8)),
        peer.dhpart2(mac=lambda _: bytes(8)),
    ):
        with pytest.raises(PeerMisbehaved, match="not the one it committed to") as caught:
            verify_hvi(S256, authentic, other, core_of(bob.stream).hello)
        assert caught.value.code is ErrorCode.HVI_MISMATCH


@pytest.mark.attack("DWN-01")
def test_hvi_covers_the_responders_hello_too() -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    authentic, dhpart2 = CommitAuthentic(peer.commit(), b""), peer.dhpart2()
    with pytest.raises(PeerMisbehaved):
        verify_hvi(S256, authentic, dhpart2, peer.own_hello)


def test_a_commit_without_hvi_verifies_nothing() -> None:
    peer = Actor(alone(FAST).stream)
    commit = replace(peer.commit(), hvi=None)
    with pytest.raises(PeerMisbehaved):
        verify_hvi(S256, CommitAuthentic(commit, b""), peer.dhpart2(), core_of(peer.stream).hello)


# Transcripts


@pytest.mark.rfc("R-4.4.1.4-01", "R-4.4.1.4-08")
@every("recorded", WITH_DH, ids=str)
def test_total_hash_of_dh_mode_from_both_ends(recorded: Recorded) -> None:
    messages, expected = recorded.messages, recorded.expect
    hash_ = DEFAULT.hashes[recorded.suite.hash]
    hello_r, commit = message(messages.hello_r, Hello), message(messages.commit, Commit)
    dhpart1, dhpart2 = message(messages.dhpart1, DHPart1), message(messages.dhpart2, DHPart2)
    assert isinstance(hello_r, Hello) and isinstance(commit, Commit)
    assert isinstance(dhpart1, DHPart1) and isinstance(dhpart2, DHPart2)
    initiator = Transcript.of_initiator(
        hash_, recorded.initiator.zid, HelloAuthentic(hello_r, b""), commit, dhpart1, dhpart2
    )
    responder = Transcript.of_responder(hash_, hello_r, CommitAuthentic(commit, b""), dhpart1, HviVerified(dhpart2))
    assert initiator == responder
    assert initiator.kdf_context[24:] == expected.total_hash
    assert initiator.kdf_context == expected.kdf_context
    assert hvi(hash_, dhpart2.raw, hello_r.raw) == expected.hvi == commit.hvi


@pytest.mark.rfc("R-4.4.3.2-01", "R-4.4.3.2-02", "R-4.4.2.4-01", "R-4.4.2.4-02")
@every("recorded", [*MULTISTREAM, *PRESHARED], ids=str)
def test_total_hash_without_dh(recorded: Recorded) -> None:
    hello_r, commit = message(recorded.messages.hello_r, Hello), message(recorded.messages.commit, Commit)
    assert isinstance(hello_r, Hello) and isinstance(commit, Commit)
    made = Transcript.without_dh(DEFAULT.hashes[recorded.suite.hash], hello_r, commit)
    assert made.kdf_context[24:] == recorded.expect.total_hash
    assert made.kdf_context == recorded.expect.kdf_context


# s0


@pytest.mark.rfc("R-4.4.1.4-03", "R-4.4.1.4-04", "R-4.4.1.4-05", "R-4.4.1.4-06", "R-4.3-12")
@every("lengths", [(None, None, None), (32, None, None), (32, 20, None), (None, 7, 32), (32, 0, 32)])
def test_s0_of_dh_mode_written_out(lengths: tuple[int | None, ...]) -> None:
    secrets = [None if length is None else bytes([length]) * length for length in lengths]
    fields = b"".join(bytes(4) if secret is None else len(secret).to_bytes(4, "big") + secret for secret in secrets)
    written_out = b"\x00\x00\x00\x01" + b"result" + b"ZRTP-HMAC-KDF" + CONTEXT + fields
    s1, s2, s3 = (optional(secret) for secret in secrets)
    s0 = s0_from_dh(S256, Secret(b"result"), TRANSCRIPT, s1, s2, s3)
    assert s0 == Secret(hashlib.sha256(written_out).digest())


@pytest.mark.attack("DH-08")
@pytest.mark.rfc("R-4.4.1.4-02")
def test_leading_zeros_of_dhresult_count() -> None:
    short, wide = Secret(b"\x01"), Secret(b"\x00\x01")
    assert s0_from_dh(S256, short, TRANSCRIPT, None, None, None) != s0_from_dh(S256, wide, TRANSCRIPT, None, None, None)


@pytest.mark.attack("CCH-20")
def test_the_lengths_in_s0_keep_secrets_apart() -> None:
    one = s0_from_dh(S256, Secret(b"r"), TRANSCRIPT, Secret(b"ab"), Secret(b"c"), None)
    other = s0_from_dh(S256, Secret(b"r"), TRANSCRIPT, Secret(b"a"), Secret(b"bc"), None)
    assert one != other


@pytest.mark.attack("SID-04")
@pytest.mark.rfc("R-4.4.1.4-07", "R-4.4.2.4-04")
def test_dhresult_and_preshared_key_are_wiped_right_after_s0() -> None:
    result, key, zrtpsess = Secret(b"result"), Secret(b"preshared"), Secret(b"zrtpsess")
    s0_from_dh(S256, result, TRANSCRIPT, None, None, None)
    s0_from_preshared(S256, key, TRANSCRIPT)
    s0_from_session(S256, zrtpsess, TRANSCRIPT)
    assert result.wiped and key.wiped
    assert zrtpsess.octets == b"zrtpsess"  # further streams need it


@pytest.mark.rfc("R-4.4.1.4-03")
@every("recorded", [item for item in WITH_DH if item.expect.dh_result], ids=str)
def test_s0_of_recorded_exchanges(recorded: Recorded) -> None:
    expected = recorded.expect
    assert expected.dh_result is not None
    transcript = Transcript(kdf_context=recorded.initiator.zid + recorded.responder.zid + expected.total_hash)
    s0 = s0_from_dh(
        DEFAULT.hashes[recorded.suite.hash],
        Secret(expected.dh_result),
        transcript,
        optional(expected.s1),
        optional(expected.s2),
        optional(expected.s3),
    )
    assert s0 == Secret(expected.s0)


@pytest.mark.rfc("R-4.4.3.2-03")
@every("recorded", MULTISTREAM, ids=str)
def test_s0_of_recorded_further_streams(recorded: Recorded) -> None:
    assert recorded.zrtpsess_in is not None
    transcript = Transcript(kdf_context=recorded.initiator.zid + recorded.responder.zid + recorded.expect.total_hash)
    hash_ = DEFAULT.hashes[recorded.suite.hash]
    assert s0_from_session(hash_, Secret(recorded.zrtpsess_in), transcript) == Secret(recorded.expect.s0)


@pytest.mark.rfc("R-4.4.2.2-03", "R-4.4.2.2-04", "R-4.4.2.4-03")
@pytest.mark.parametrize("recorded", PRESHARED, ids=str)
def test_preshared_key_key_id_and_s0_of_recorded_exchanges(recorded: Recorded) -> None:
    inputs = recorded.preshared
    assert inputs is not None and inputs.rs1 is not None
    hash_ = DEFAULT.hashes[recorded.suite.hash]
    key = preshared_key(hash_, Secret(inputs.rs1), optional(inputs.auxsecret), optional(inputs.pbxsecret))
    assert key == Secret(inputs.preshared_key)
    assert key_id(hash_, key) == inputs.key_id
    transcript = Transcript(kdf_context=recorded.initiator.zid + recorded.responder.zid + recorded.expect.total_hash)
    assert s0_from_preshared(hash_, key, transcript) == Secret(recorded.expect.s0)


@pytest.mark.rfc("R-4.4.2.2-03", "R-4.4.2.2-04", "R-4.4.2.4-03", "R-4.4.3.2-03")
def test_s0_without_dh_written_out() -> None:
    rs1, pbx = bytes(range(32)), b"pbx" * 10
    key = preshared_key(S256, Secret(rs1), None, Secret(pbx))
    written_out = hashlib.sha256(b"\x00\x00\x00\x20" + rs1 + bytes(4) + b"\x00\x00\x00\x1e" + pbx).digest()
    assert key == Secret(written_out)
    assert key_id(S256, key) == hmac.digest(written_out, b"Prsh", "sha256")[:8]
    assert s0_from_preshared(S256, key, TRANSCRIPT) == Secret(kdf(written_out, b"ZRTP PSK", CONTEXT, 256))
    assert s0_from_session(S256, Secret(b"zrtpsess"), TRANSCRIPT) == Secret(kdf(b"zrtpsess", b"ZRTP MSK", CONTEXT, 256))


# Keys


@pytest.mark.rfc("R-4.5.3-01", "R-4.5.3-02", "R-4.5.3-07", "R-4.5.3-08", "R-4.5.3-09", "R-4.5.3-10")
@pytest.mark.rfc("R-4.5.3-11", "R-4.5.3-12", "R-4.5.3-13", "R-4.5.3-14")
@pytest.mark.attack("KEY-08")
@pytest.mark.parametrize(
    ("hash_", "cipher", "tag"),
    [(S256, b"AES1", b"HS80"), (S256, b"AES3", b"HS32"), (S384, b"AES2", b"HS80"), (S384, b"AES3", b"GCM ")],
)
def test_every_key_of_a_stream_written_out(hash_: HashAlgorithm, cipher: bytes, tag: bytes) -> None:
    s0, algorithm, bits = bytes(range(hash_.length)), hash_.algorithm, hash_.length * 8
    length, salt = DEFAULT.ciphers[cipher].key_length, DEFAULT.auth_tags[tag].salt_bits
    suite = replace(SUITE, cipher=cipher, auth_tag=tag)
    keys = StreamKeys.derive(hash_, Secret(s0), CONTEXT, suite, length, salt)
    expected = [
        (keys.mackeyi, b"Initiator HMAC key", bits),
        (keys.mackeyr, b"Responder HMAC key", bits),
        (keys.zrtpkeyi, b"Initiator ZRTP key", length * 8),
        (keys.zrtpkeyr, b"Responder ZRTP key", length * 8),
        (keys.srtpi.key, b"Initiator SRTP master key", length * 8),
        (keys.srtpi.salt, b"Initiator SRTP master salt", salt),
        (keys.srtpr.key, b"Responder SRTP master key", length * 8),
        (keys.srtpr.salt, b"Responder SRTP master salt", salt),
    ]
    for key, label, key_bits in expected:
        assert key == Secret(kdf(s0, label, CONTEXT, key_bits, algorithm)), label
    assert {keys.srtpi.cipher, keys.srtpr.cipher} == {cipher}
    assert {keys.srtpi.auth_tag, keys.srtpr.auth_tag} == {tag}


@pytest.mark.attack("KEY-03")
@pytest.mark.rfc("R-4.5.3-05")
def test_each_role_has_keys_of_its_own() -> None:
    keys = StreamKeys.derive(S256, Secret(bytes(32)), CONTEXT, SUITE, 16, 112)
    assert keys.mackey(Role.INITIATOR) is keys.mackeyi and keys.mackey(Role.RESPONDER) is keys.mackeyr
    assert keys.of(Role.INITIATOR) == (keys.mackeyi, keys.zrtpkeyi)
    assert keys.of(Role.RESPONDER) == (keys.mackeyr, keys.zrtpkeyr)
    assert keys.srtp(Role.INITIATOR) == (keys.srtpi, keys.srtpr)
    assert keys.srtp(Role.RESPONDER) == (keys.srtpr, keys.srtpi)
    all_keys = [bytes(key.octets) for key in (keys.mackeyi, keys.mackeyr, keys.zrtpkeyi, keys.zrtpkeyr)]
    all_keys += [bytes(direction.key.octets) for direction in (keys.srtpi, keys.srtpr)]
    assert len(set(all_keys)) == len(all_keys)


@pytest.mark.attack("KEY-08")
@pytest.mark.rfc("R-4.5.3-07", "R-4.5.3-08", "R-4.5.3-11", "R-4.5.3-13")
@every("recorded", RECORDED, ids=str)
def test_the_keys_of_recorded_exchanges(recorded: Recorded) -> None:
    expected = recorded.expect
    suite = Suite(
        hash=recorded.suite.hash,
        cipher=recorded.suite.cipher,
        auth_tag=recorded.suite.auth_tag,
        key_agreement=recorded.suite.key_agreement,
        sas=recorded.suite.sas,
    )
    keys = StreamKeys.derive(
        DEFAULT.hashes[suite.hash],
        Secret(expected.s0),
        expected.kdf_context,
        suite,
        DEFAULT.ciphers[suite.cipher].key_length,
        DEFAULT.auth_tags[suite.auth_tag].salt_bits,
    )
    assert (keys.mackeyi, keys.mackeyr) == (Secret(expected.mackeyi), Secret(expected.mackeyr))
    assert (keys.zrtpkeyi, keys.zrtpkeyr) == (Secret(expected.zrtpkeyi), Secret(expected.zrtpkeyr))
    assert (keys.srtpi.key, keys.srtpr.key) == (Secret(expected.srtpkeyi), Secret(expected.srtpkeyr))
    assert (keys.srtpi.salt, keys.srtpr.salt) == (Secret(expected.srtpsalti), Secret(expected.srtpsaltr))


@pytest.mark.rfc("R-4.5.2-06", "R-4.5.2-07", "R-4.5.2-11", "R-4.6.1-07")
@every("recorded", FIRST_STREAMS, ids=str)
def test_the_session_secrets_of_recorded_exchanges(recorded: Recorded) -> None:
    expected = recorded.expect
    secrets = SessionSecrets.derive(DEFAULT.hashes[recorded.suite.hash], Secret(expected.s0), expected.kdf_context)
    for made, wanted in (
        (secrets.zrtpsess, expected.zrtpsess),
        (Secret(secrets.sashash), expected.sashash),
        (secrets.exported_key, expected.exported_key),
        (secrets.new_rs1, expected.new_rs1),
    ):
        assert wanted is None or made == Secret(wanted)


@pytest.mark.rfc("R-4.5.2-06", "R-4.5.2-07", "R-4.5.2-11", "R-4.6.1-07")
def test_the_session_secrets_written_out() -> None:
    s0 = bytes(range(48))
    secrets = SessionSecrets.derive(S384, Secret(s0), CONTEXT)
    assert secrets.zrtpsess == Secret(kdf(s0, b"ZRTP Session Key", CONTEXT, 384, "sha384"))
    assert secrets.sashash == kdf(s0, b"SAS", CONTEXT, 256, "sha384")
    assert secrets.exported_key == Secret(kdf(s0, b"Exported key", CONTEXT, 384, "sha384"))
    assert secrets.new_rs1 == Secret(kdf(s0, b"retained secret", CONTEXT, 256, "sha384"))
    assert secrets.kdf_context == CONTEXT


@pytest.mark.rfc("R-7.3.1-01", "R-8.2-01")
def test_pbxsecret_and_srtps_written_out() -> None:
    assert pbxsecret(S256, Secret(b"sess"), ZID_I, ZID_R) == Secret(
        kdf(b"sess", b"Trusted MiTM key", ZID_I + ZID_R, 256)
    )
    assert srtps(S256, Secret(b"master"), b"salt", ZID_I, ZID_R) == Secret(
        kdf(b"master", b"SRTP Secret", ZID_I + ZID_R + b"salt", 256)
    )


@pytest.mark.rfc("R-7.3.1-01")
@pytest.mark.parametrize("recorded", [item for item in FIRST_STREAMS if item.enrolment], ids=str)
def test_pbxsecret_of_recorded_enrolments(recorded: Recorded) -> None:
    assert recorded.enrolment is not None and recorded.expect.zrtpsess is not None
    made = pbxsecret(
        DEFAULT.hashes[recorded.suite.hash],
        Secret(recorded.expect.zrtpsess),
        recorded.initiator.zid,
        recorded.responder.zid,
    )
    assert made == Secret(recorded.enrolment.pbxsecret)


# Wiping


@pytest.mark.attack("SID-04")
@pytest.mark.rfc("R-4.5.3-16")
def test_wiping_leaves_no_key() -> None:
    keys = StreamKeys.derive(S256, Secret(bytes(32)), CONTEXT, SUITE, 16, 112)
    secrets = SessionSecrets.derive(S256, Secret(bytes(32)), CONTEXT)
    handed_over = StreamKeys.derive(S256, Secret(bytes(32)), CONTEXT, SUITE, 16, 112)
    handed_over.srtp_handed_over = True
    handed_over.wipe()
    assert handed_over.mackeyi.wiped and not handed_over.srtpi.key.wiped, "those are the application's now"
    keys.wipe()
    secrets.wipe()
    for secret in (keys.mackeyi, keys.mackeyr, keys.zrtpkeyi, keys.zrtpkeyr, keys.srtpi.salt, keys.srtpr.key):
        assert secret.wiped
    for secret in (secrets.zrtpsess, secrets.exported_key, secrets.new_rs1):
        assert secret.wiped


@pytest.mark.attack("SID-05")
def test_no_key_is_in_a_repr() -> None:
    keys = StreamKeys.derive(S256, Secret(bytes(32)), CONTEXT, SUITE, 16, 112)
    secrets = SessionSecrets.derive(S256, Secret(bytes(32)), CONTEXT)
    text = repr(keys) + repr(secrets)
    assert repr(secrets.sashash) not in text and secrets.sashash.hex() not in text
    assert repr(bytes(keys.mackeyi.octets)) not in text
    assert "octets" in text
