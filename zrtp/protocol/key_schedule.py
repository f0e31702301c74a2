"""From the shared secret to every key (RFC 6189 sections 4.4 and 4.5).

The formulas stand in the docstrings. Inputs are wiped as soon as nothing more is derived from them.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.protocol.events import Role, SrtpKeys, Suite
from zrtp.protocol.hash_chain import CommitAuthentic, HelloAuthentic
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, DHPart1, DHPart2, Hello

HVI_LENGTH = 32
"""Octets of hvi: the leftmost 256 bits."""

SASHASH_BITS = 256
RETAINED_SECRET_BITS = 256


@dataclass(frozen=True, slots=True)
class HviVerified:
    """Evidence that the initiator did not change its DHPart2 after it saw our DHPart1; made by `verify_hvi`."""

    dhpart2: DHPart2


def hvi(hash_: HashAlgorithm, dhpart2: bytes, hello_of_responder: bytes) -> bytes:
    """hvi = hash(initiator's DHPart2 message || responder's Hello message), leftmost 256 bits (section 4.4.1.1)."""
    return hash_.hash(dhpart2, hello_of_responder)[:HVI_LENGTH]


def verify_hvi(hash_: HashAlgorithm, authentic: CommitAuthentic, dhpart2: DHPart2, own_hello: Hello) -> HviVerified:
    """The responder's check of the hash commitment (section 4.4.1.2), without which a SAS is worthless.

    Raises:
        PeerMisbehaved: 0x62.
    """
    committed = authentic.commit.hvi
    if committed is None or not hmac.compare_digest(hvi(hash_, dhpart2.raw, own_hello.raw), committed):
        raise PeerMisbehaved(
            ErrorCode.HVI_MISMATCH,
            "The peer's DHPart2 is not the one it committed to: somebody may be in between. Hang up and call again.",
        )
    return HviVerified(dhpart2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What both ends hash: the responder's Hello, the Commit, and in DH mode both DHParts (sections 4.4.1.4, 4.4.2.2).

    The initiator's constructor argument `peer` and the responder's `hvi` are evidence that the checks were made.
    """

    kdf_context: bytes
    """KDF_Context = ZIDi || ZIDr || total_hash."""

    @classmethod
    def of_initiator(
        cls,
        hash_: HashAlgorithm,
        own_zid: bytes,
        peer: HelloAuthentic,
        commit: Commit,
        dhpart1: DHPart1,
        dhpart2: DHPart2,
    ) -> Transcript:
        """total_hash = hash(Hello of responder || Commit || DHPart1 || DHPart2), as the initiator sees it."""
        total = hash_.hash(peer.hello.raw, commit.raw, dhpart1.raw, dhpart2.raw)
        return cls(kdf_context=own_zid + peer.hello.zid + total)

    @classmethod
    def of_responder(
        cls,
        hash_: HashAlgorithm,
        own_hello: Hello,
        commit: CommitAuthentic,
        dhpart1: DHPart1,
        dhpart2: HviVerified,
    ) -> Transcript:
        """The same as the responder sees it; needs the evidence that hvi and the Commit's MAC are right."""
        total = hash_.hash(own_hello.raw, commit.commit.raw, dhpart1.raw, dhpart2.dhpart2.raw)
        return cls(kdf_context=commit.commit.zid + own_hello.zid + total)

    @classmethod
    def without_dh(cls, hash_: HashAlgorithm, hello_of_responder: Hello, commit: Commit) -> Transcript:
        """total_hash = hash(Hello of responder || Commit), in Multistream and Preshared mode."""
        total = hash_.hash(hello_of_responder.raw, commit.raw)
        return cls(kdf_context=commit.zid + hello_of_responder.zid + total)


def s0_from_dh(
    hash_: HashAlgorithm,
    dh_result: Secret,
    transcript: Transcript,
    s1: Secret | None,
    s2: Secret | None,
    s3: Secret | None,
) -> Secret:
    """s0 of DH and KEM mode (section 4.4.1.4); wipes DHResult.

    s0 = hash(counter || DHResult || "ZRTP-HMAC-KDF" || ZIDi || ZIDr || total_hash
              || len(s1) || s1 || len(s2) || s2 || len(s3) || s3), counter = 00000001, lengths in 32 bits.
    """
    try:
        return Secret(
            hash_.hash(
                b"\x00\x00\x00\x01",
                dh_result.octets,
                b"ZRTP-HMAC-KDF",
                transcript.kdf_context,
                *_prefixed(s1, s2, s3),
            )
        )
    finally:
        dh_result.wipe()


def preshared_key(hash_: HashAlgorithm, rs1: Secret, aux: Secret | None, pbx: Secret | None) -> Secret:
    """preshared_key = hash(len(rs1) || rs1 || len(auxsecret) || auxsecret || len(pbxsecret) || pbxsecret)."""
    return Secret(hash_.hash(*_prefixed(rs1, aux, pbx)))


def key_id(hash_: HashAlgorithm, preshared: Secret) -> bytes:
    """keyID = MAC(preshared_key, "Prsh"), leftmost 64 bits (section 4.4.2)."""
    return hash_.mac(preshared.octets, b"Prsh")[:8]


def s0_from_preshared(hash_: HashAlgorithm, preshared: Secret, transcript: Transcript) -> Secret:
    """s0 = KDF(preshared_key, "ZRTP PSK", KDF_Context, hash length); wipes preshared_key (section 4.4.2.4)."""
    s0 = hash_.kdf(preshared, b"ZRTP PSK", transcript.kdf_context, hash_.length * 8)
    preshared.wipe()
    return s0


def s0_from_session(hash_: HashAlgorithm, zrtpsess: Secret, transcript: Transcript) -> Secret:
    """s0 = KDF(ZRTPSess, "ZRTP MSK", KDF_Context, hash length) (section 4.4.3.2)."""
    return hash_.kdf(zrtpsess, b"ZRTP MSK", transcript.kdf_context, hash_.length * 8)


def _prefixed(*secrets: Secret | None) -> list[bytes | bytearray]:
    """For each its length as 32 bits, and the secret; a missing secret is length zero."""
    parts: list[bytes | bytearray] = []
    for secret in secrets:
        octets = b"" if secret is None else secret.octets
        parts += (len(octets).to_bytes(4, "big"), octets)
    return parts


@dataclass(slots=True)
class StreamKeys:
    """Every key of one stream (section 4.5.3). `i` is the initiator's direction, `r` the responder's."""

    mackeyi: Secret
    mackeyr: Secret
    zrtpkeyi: Secret
    zrtpkeyr: Secret
    srtpi: SrtpKeys
    srtpr: SrtpKeys
    srtp_handed_over: bool = False
    """The SRTP keys belong to the application; they are wiped here only as long as they do not."""

    @classmethod
    def derive(
        cls,
        hash_: HashAlgorithm,
        s0: Secret,
        context: bytes,
        suite: Suite,
        cipher_key_length: int,
        salt_bits: int,
    ) -> StreamKeys:
        """KDF(s0, label, KDF_Context, length) for each label. Key length in octets, salt in bits."""
        key_bits, mac_bits = cipher_key_length * 8, hash_.length * 8
        wanted = (
            (b"Initiator HMAC key", mac_bits),
            (b"Responder HMAC key", mac_bits),
            (b"Initiator ZRTP key", key_bits),
            (b"Responder ZRTP key", key_bits),
            (b"Initiator SRTP master key", key_bits),
            (b"Initiator SRTP master salt", salt_bits),
            (b"Responder SRTP master key", key_bits),
            (b"Responder SRTP master salt", salt_bits),
        )
        mackeyi, mackeyr, zrtpkeyi, zrtpkeyr, keyi, salti, keyr, saltr = hash_.kdfs(s0, context, wanted)
        return cls(
            mackeyi=mackeyi,
            mackeyr=mackeyr,
            zrtpkeyi=zrtpkeyi,
            zrtpkeyr=zrtpkeyr,
            srtpi=SrtpKeys(cipher=suite.cipher, auth_tag=suite.auth_tag, key=keyi, salt=salti),
            srtpr=SrtpKeys(cipher=suite.cipher, auth_tag=suite.auth_tag, key=keyr, salt=saltr),
        )

    def mackey(self, role: Role) -> Secret:
        """The MAC key for what that role sends."""
        return self.mackeyi if role is Role.INITIATOR else self.mackeyr

    def of(self, role: Role) -> tuple[Secret, Secret]:
        """mackey and zrtpkey for the Confirm and SASrelay that that role sends."""
        return (self.mackeyi, self.zrtpkeyi) if role is Role.INITIATOR else (self.mackeyr, self.zrtpkeyr)

    def srtp(self, role: Role) -> tuple[SrtpKeys, SrtpKeys]:
        """The SRTP keys for what that role sends, and for what it receives."""
        return (self.srtpi, self.srtpr) if role is Role.INITIATOR else (self.srtpr, self.srtpi)

    def wipe(self) -> None:
        """Forget every key that is not the application's."""
        for secret in (self.mackeyi, self.mackeyr, self.zrtpkeyi, self.zrtpkeyr):
            secret.wipe()
        if not self.srtp_handed_over:
            self.srtpi.wipe()
            self.srtpr.wipe()


@dataclass(slots=True)
class SessionSecrets:
    """What the first stream of a call gives to the whole call (sections 4.5.2, 4.6.1)."""

    zrtpsess: Secret
    sashash: bytes = field(repr=False)
    exported_key: Secret
    new_rs1: Secret
    kdf_context: bytes

    @classmethod
    def derive(cls, hash_: HashAlgorithm, s0: Secret, context: bytes) -> SessionSecrets:
        """KDF(s0, label, KDF_Context, length) with the labels of the session."""
        bits = hash_.length * 8
        wanted = (
            (b"ZRTP Session Key", bits),
            (b"SAS", SASHASH_BITS),
            (b"Exported key", bits),
            (b"retained secret", RETAINED_SECRET_BITS),
        )
        zrtpsess, sashash, exported_key, new_rs1 = hash_.kdfs(s0, context, wanted)
        return cls(
            zrtpsess=zrtpsess,
            sashash=bytes(sashash.octets),
            exported_key=exported_key,
            new_rs1=new_rs1,
            kdf_context=context,
        )

    def wipe(self) -> None:
        self.zrtpsess.wipe()
        self.exported_key.wipe()
        self.new_rs1.wipe()


def pbxsecret(hash_: HashAlgorithm, zrtpsess: Secret, zid_i: bytes, zid_r: bytes) -> Secret:
    """pbxsecret = KDF(ZRTPSess, "Trusted MiTM key", ZIDi || ZIDr, 256) (section 7.3.1)."""
    return hash_.kdf(zrtpsess, b"Trusted MiTM key", zid_i + zid_r, 256)


def srtps(hash_: HashAlgorithm, master_key: Secret, master_salt: bytes, zid_i: bytes, zid_r: bytes) -> Secret:
    """srtps = KDF(SRTP master key of signalling, "SRTP Secret", ZIDi || ZIDr || master salt, 256) (section 8.2)."""
    return hash_.kdf(master_key, b"SRTP Secret", zid_i + zid_r + master_salt, 256)
