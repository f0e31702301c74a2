"""Calls whose SAS is signed (RFC 6189 section 7.2), in virtual time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate

from tests.support import openpgp_samples
from tests.support.cases import every
from tests.support.certificates import P256, P384, certificate, certificate_of_length, key
from tests.support.friends import hear_each_other
from tests.support.inside import call_of, core_of, installation_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Clock, Network, Pair, Side, Signing, seeded
from tests.support.vectors import transcripts
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.signatures import SignerUnknown
from zrtp.crypto.signatures.x509 import X509Signer, X509Verifier, certificate_length
from zrtp.errors import ApiMisuse, ErrorCode, ZrtpError
from zrtp.protocol import signing
from zrtp.protocol.config import Config
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Assurance,
    Continuity,
    Failed,
    Mode,
    NoPeer,
    SasRelayed,
    Secured,
    SecurityWarning,
    SignatureReceived,
    WarningCode,
)
from zrtp.protocol.exchange import Exchange, SignatureChecked, SignerIsNotUs, present
from zrtp.protocol.relaying import NO_SASHASH
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import ConfirmPlain, Error, Kind, Message, kind_of, parse

X255 = Config(key_agreements=(b"X255", b"Mult"))
CERTIFICATE = certificate(P256)
BOBS_KEY = key(ec.SECP256R1(), 2)
BOBS_CERTIFICATE = certificate(BOBS_KEY)

VERIFIES = Signing(verifiers=[X509Verifier()])
ALICE = Signing(signer=X509Signer(CERTIFICATE, P256), verifiers=[X509Verifier()])
BOB = Signing(signer=X509Signer(BOBS_CERTIFICATE, BOBS_KEY), verifiers=[X509Verifier()])


@dataclass
class RecordingSigner:
    """Gives a block of the test's choice, or an error, and remembers what it was asked to sign."""

    block: bytes = bytes(64)
    signature_type: bytes = b"X509"
    error: ZrtpError | None = None
    asked: list[bytes] = field(default_factory=list)

    def sign(self, sashash: bytes) -> bytes:
        self.asked.append(sashash)
        if self.error is not None:
            raise self.error
        return self.block


class ForeignVerifier:
    """Has no key of anybody."""

    signature_type = b"PGP "

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        raise SignerUnknown("It was made with the OpenPGP key 0123, which is not in your key ring.")


def warnings(side: Side) -> list[WarningCode]:
    return [warning.code for warning in side.seen(SecurityWarning)]


def signed(side: Side) -> bool:
    """Whether this side put a signature into its Confirm."""
    assert call_of(side.session).own_plain is not None
    return present(call_of(side.session).own_plain).signature_type is not None


class TestGoodSignatures:
    @pytest.mark.rfc("R-7.2-02", "R-7.2-04")
    def test_both_sides_sign_and_see_each_others_certificate(self) -> None:
        pair = Pair(X255, X255, alice_signing=ALICE, bob_signing=BOB).run()
        assert pair.secure and pair.keys_agree
        for side, certificate_of_other in ((pair.alice, BOBS_CERTIFICATE), (pair.bob, CERTIFICATE)):
            expected = SignatureReceived(ssrc=side.stream.ssrc, signature_type=b"X509", signer=certificate_of_other)
            assert side.seen(SignatureReceived) == [expected]
            assert side.session.peer.signature == expected
            assert warnings(side) == []

    @pytest.mark.rfc("R-7.2-04", "R-7-01")
    def test_only_the_application_can_trust_the_signer(self) -> None:
        pair = Pair(X255, X255, alice_signing=ALICE, bob_signing=BOB).run()
        session = pair.alice.session
        steps = [session.assurance]
        session.peer.trust_signer()
        steps.append(session.assurance)
        assert not session.peer.verified
        session.sas_matched("Bob")
        steps.append(session.assurance)
        assert steps == [Assurance.ENCRYPTED, Assurance.SIGNED, Assurance.VERIFIED]

    @pytest.mark.rfc("R-7.2-03", "R-7.2-06")
    def test_the_whole_sashash_is_signed_and_not_sent(self) -> None:
        signer = RecordingSigner(signature_type=b"XYZ ")
        pair = Pair(X255, X255, alice_signing=Signing(signer=signer), bob_signing=VERIFIES).run()
        assert pair.alice.session.sas is not None and call_of(pair.alice.session).own_plain is not None
        sashash = pair.alice.session.sas.sashash
        assert signer.asked == [sashash]
        assert len(sashash) == 32
        assert sashash not in present(call_of(pair.alice.session).own_plain).encode()

    @pytest.mark.rfc("R-7.2-08", "R-5.1.2.1-02")
    def test_the_hash_of_the_signature_is_its_own(self) -> None:
        config = replace(X255, hashes=(b"S256",))
        alice = Signing(signer=X509Signer(certificate(P384), P384))
        pair = Pair(config, config, alice_signing=alice, bob_signing=VERIFIES).run()
        assert call_of(pair.bob.session).suite is not None and present(call_of(pair.bob.session).suite).hash == b"S256"
        assert [event.signer for event in pair.bob.seen(SignatureReceived)] == [certificate(P384)]

    @every("agreement", [b"DH3k", b"EC25", b"EC38", b"K255", b"X1M2"])
    def test_every_kind_of_first_stream_may_be_signed(self, agreement: bytes) -> None:
        config = Config(key_agreements=(agreement,), mtu=1452)
        pair = Pair(config, config, alice_signing=ALICE, bob_signing=BOB).run()
        assert pair.secure
        assert [len(side.seen(SignatureReceived)) for side in pair.sides] == [1, 1]

    @pytest.mark.rfc("R-7.2-10")
    @pytest.mark.parametrize(("agreement", "octets"), [(b"EC25", 64), (b"EC38", 96)])
    def test_of_two_keys_the_one_of_the_exchanges_size_signs(self, agreement: bytes, octets: int) -> None:
        config = Config(key_agreements=(agreement,))
        alice = Signing(signer=[X509Signer(CERTIFICATE, P256), X509Signer(certificate(P384), P384)])
        pair = Pair(config, config, alice_signing=alice, bob_signing=VERIFIES).run()
        assert [event.signer for event in pair.bob.seen(SignatureReceived)] == [
            CERTIFICATE if octets == 64 else certificate(P384)
        ]

    @pytest.mark.rfc("R-7.2-11", "R-7.2.1-08")
    def test_an_openpgp_key_signs(self) -> None:
        pytest.importorskip("pysequoia", reason="pysequoia is not installed")
        from zrtp.crypto.signatures.openpgp import OpenPgpSigner, OpenPgpVerifier

        alice = Signing(signer=OpenPgpSigner(openpgp_samples.DSA_SECRET, "https://keys.example.org/dsa"))
        bob = Signing(verifiers=[X509Verifier(), OpenPgpVerifier(lambda _issuer: openpgp_samples.DSA_PUBLIC)])
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=bob).run()
        (received,) = pair.bob.seen(SignatureReceived)
        assert received.signature_type == b"PGP "
        assert len(received.signer) == 20


class TestWhoSigns:
    @pytest.mark.rfc("R-7.2-07", "R-7.2-01")
    def test_nothing_is_signed_for_a_peer_that_cannot_check(self) -> None:
        signer = RecordingSigner()
        pair = Pair(X255, X255, alice_signing=Signing(signer=signer, verifiers=[X509Verifier()]), bob_signing=None)
        pair.run()
        assert pair.secure
        assert signer.asked == []
        assert not signed(pair.alice) and not signed(pair.bob)

    @pytest.mark.rfc("R-7.2-07")
    def test_only_one_side_can_check(self) -> None:
        alice = Signing(signer=X509Signer(CERTIFICATE, P256))
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=BOB).run()
        assert signed(pair.alice) and not signed(pair.bob)
        assert pair.alice.seen(SignatureReceived) == []
        assert [event.signer for event in pair.bob.seen(SignatureReceived)] == [CERTIFICATE]

    @pytest.mark.rfc("R-7.2-01", "R-5.2-04")
    def test_the_s_flag_says_who_can_check(self) -> None:
        pair = Pair(X255, X255, alice_signing=VERIFIES)
        assert core_of(pair.alice.stream).hello.signature_capable
        assert not core_of(pair.bob.stream).hello.signature_capable

    @pytest.mark.rfc("R-7.2-12")
    def test_nobody_checks_openpgp_without_x509(self) -> None:
        with pytest.raises(ApiMisuse, match="add an X509Verifier"):
            Endpoint(verifiers=[ForeignVerifier()])

    @pytest.mark.rfc("R-7.2-05")
    def test_further_streams_are_not_signed(self) -> None:
        signer = RecordingSigner(signature_type=b"XYZ ")
        pair = Pair(X255, X255, alice_signing=Signing(signer=signer), bob_signing=VERIFIES).run()
        alice, bob = pair.add_streams(1, 2)
        pair.run()
        assert alice.state is bob.state is State.SECURE
        further = present(core_of(alice).exchange)
        assert further.mode is Mode.MULTISTREAM
        assert present(further.own_plain).signature_type is None
        assert len(signer.asked) == 1

    @pytest.mark.rfc("R-7.2-05")
    def test_preshared_mode_is_not_signed(self) -> None:
        caches = MemoryCache(), MemoryCache()
        first = trusting_call(*caches)
        assert first.alice.session.continuity is Continuity.FIRST_CALL
        second = trusting_call(*caches, trust=False)
        assert [event.mode for event in second.alice.seen(Secured)] == [Mode.PRESHARED]
        assert not signed(second.alice) and not signed(second.bob)
        assert second.alice.seen(SignatureReceived) == []


PRESHARED = replace(X255, key_agreements=(b"X255", b"Prsh"), preshared=True)


def trusting_call(alice: MemoryCache, bob: MemoryCache, *, trust: bool = True) -> Pair:
    """A call of two that would use Preshared mode, after which both trust the other's key."""
    pair = Pair(PRESHARED, PRESHARED, alice_cache=alice, bob_cache=bob, alice_signing=ALICE, bob_signing=BOB).run()
    assert pair.secure
    for side in hear_each_other(pair).sides:
        if trust:
            side.session.peer.trust_signer()
        side.session.close(pair.network.now)
    return pair


class TestTrust:
    def test_a_trusted_signer_founds_the_lineage_that_preshared_mode_needs(self) -> None:
        caches = MemoryCache(), MemoryCache()
        untrusting = trusting_call(*caches, trust=False)
        again = trusting_call(*caches)
        third = trusting_call(*caches, trust=False)
        modes = [[event.mode for event in pair.bob.seen(Secured)] for pair in (untrusting, again, third)]
        assert modes == [[Mode.DH], [Mode.DH], [Mode.PRESHARED]]

    @pytest.mark.rfc("R-7.2-04")
    def test_it_makes_up_for_a_cache_mismatch(self) -> None:
        alices = MemoryCache()
        trusting_call(alices, MemoryCache(), trust=False)
        # Bob comes back with the ZID that he had, and with an empty cache: the seed of his randomness is the same.
        pair = Pair(X255, X255, alice_cache=alices, bob_cache=MemoryCache(), alice_signing=ALICE, bob_signing=BOB)
        pair.run()
        session = pair.alice.session
        assert session.continuity is Continuity.MISMATCH
        assurance_before = session.assurance
        assert WarningCode.CACHE_MISMATCH in warnings(pair.alice)
        bobs_zid = session.peer.zid
        assert bobs_zid is not None
        before = alices.load(call_of(session).zid, bobs_zid)
        session.peer.trust_signer()
        after = alices.load(call_of(session).zid, bobs_zid)
        assert (assurance_before, session.assurance) == (Assurance.MISMATCH, Assurance.SIGNED)
        assert before is not None and after is not None
        assert after.rs1 != before.rs1
        assert after.trusted_lineage and not before.trusted_lineage

    @pytest.mark.rfc("R-7.2.3-01")
    def test_an_application_may_remember_self_signed_certificates_and_warn_of_new_ones(self) -> None:
        known: set[bytes] = set()
        mallory = key(ec.SECP256R1(), 3)
        forged = Signing(signer=X509Signer(certificate(mallory), mallory))
        told = []
        for signs in (BOB, BOB, forged):
            pair = Pair(X255, X255, alice_signing=VERIFIES, bob_signing=signs).run()
            (received,) = pair.alice.seen(SignatureReceived)
            told.append("as before" if received.signer in known else "new key")
            if received.signer in known:
                pair.alice.session.peer.trust_signer()
            elif not known:  # the user compared the words when the key was new
                pair.alice.session.sas_matched("Bob")
                known.add(received.signer)
            told.append(pair.alice.session.assurance.value)
        assert told == ["new key", "verified", "as before", "signed", "new key", "encrypted"]

    @pytest.mark.rfc("R-7.2.2-03")
    @pytest.mark.parametrize("honest", [True, False])
    def test_an_application_may_trace_a_certificate_to_its_root(self, honest: bool) -> None:
        authority, somebody = key(ec.SECP384R1(), 8), key(ec.SECP384R1(), 9)
        root = load_der_x509_certificate(certificate(authority))
        issued = certificate(BOBS_KEY, issuer=authority if honest else somebody)
        pair = Pair(X255, X255, alice_signing=VERIFIES, bob_signing=Signing(signer=X509Signer(issued, BOBS_KEY))).run()
        (received,) = pair.alice.seen(SignatureReceived)
        try:
            load_der_x509_certificate(received.signer).verify_directly_issued_by(root)
        except InvalidSignature:
            assert not honest
        else:
            pair.alice.session.peer.trust_signer()
        assert pair.alice.session.assurance is (Assurance.SIGNED if honest else Assurance.ENCRYPTED)

    def test_without_a_signature_there_is_nobody_to_trust(self) -> None:
        pair = Pair(X255, X255).run()
        with pytest.raises(ApiMisuse, match="did not sign"):
            pair.alice.session.peer.trust_signer()
        assert pair.alice.session.assurance is Assurance.ENCRYPTED

    @pytest.mark.attack("CNF-07")
    def test_it_does_not_make_up_for_words_that_differ(self) -> None:
        pair = Pair(X255, X255, alice_signing=ALICE, bob_signing=BOB).run()
        pair.alice.session.sas_mismatched()
        with pytest.raises(ApiMisuse, match="found to differ"):
            pair.alice.session.peer.trust_signer()
        assert pair.alice.session.assurance is Assurance.MISMATCH


class TestWrongSignatures:
    @pytest.mark.attack("CNF-07")
    @pytest.mark.parametrize("liar", ["alice", "bob"])
    @pytest.mark.parametrize(
        "block",
        [bytes(64), BOB.signer.sign(bytes(32)) if isinstance(BOB.signer, X509Signer) else b""],
        ids=["no certificate", "other sashash"],
    )
    def test_a_wrong_signature_ends_the_call_loudly(self, liar: str, block: bytes) -> None:
        wrong = Signing(signer=RecordingSigner(block), verifiers=[X509Verifier()])
        good = Signing(verifiers=[X509Verifier()])
        pair = Pair(
            X255, X255, alice_signing=wrong if liar == "alice" else good, bob_signing=good if liar == "alice" else wrong
        ).run()
        victim, other = (pair.bob, pair.alice) if liar == "alice" else (pair.alice, pair.bob)
        assert not pair.secure
        (failed,) = victim.seen(Failed)
        assert (failed.code, failed.by_peer) == (ErrorCode.SOFTWARE_ERROR, False)
        assert "signature of the SAS is wrong" in failed.text
        assert WarningCode.SIGNATURE_INVALID in warnings(victim)
        assert victim.seen(SignatureReceived) == []
        assert victim.session.sas is None
        assert [event.code for event in other.seen(Failed)] == [ErrorCode.SOFTWARE_ERROR]

    @pytest.mark.attack("PAR-20")
    @pytest.mark.parametrize("words", [0, 1, 3, 511], ids=["none, with words behind", "too few", "too many", "511"])
    def test_a_length_that_disagrees_with_the_message(self, words: int, monkeypatch: pytest.MonkeyPatch) -> None:
        encode = ConfirmPlain.encode

        def wrong_length(plain: ConfirmPlain) -> bytes:
            octets = encode(plain) + bytes(8)
            return octets[:32] + (words << 8).to_bytes(4, "big") + octets[36:]

        monkeypatch.setattr(ConfirmPlain, "encode", wrong_length)
        pair = Pair(X255, X255).run()
        assert not pair.secure
        assert pair.alice.session.sas is pair.bob.session.sas is None
        errors = [message for message in sent(pair, Kind.ERROR) if isinstance(message, Error)]
        assert ErrorCode.MALFORMED_PACKET in {message.code for message in errors}
        assert all(side.seen(SignatureReceived) == [] for side in pair.sides)


class TestUnusableSignatures:
    @pytest.mark.rfc("R-7.2-13")
    @pytest.mark.attack("CNF-07")
    def test_an_unknown_type_is_a_warning_and_counts_for_nothing(self) -> None:
        alice = Signing(signer=RecordingSigner(signature_type=b"XYZ "))
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=VERIFIES).run()
        assert pair.secure
        assert warnings(pair.bob) == [WarningCode.SIGNATURE_IGNORED]
        assert "(XYZ)" in pair.bob.seen(SecurityWarning)[0].text
        assert pair.bob.seen(SignatureReceived) == []
        assert pair.bob.session.assurance is Assurance.ENCRYPTED
        with pytest.raises(ApiMisuse):
            pair.bob.session.peer.trust_signer()

    @pytest.mark.rfc("R-7.2-13")
    def test_a_signer_whose_key_is_not_at_hand(self) -> None:
        alice = Signing(signer=RecordingSigner(signature_type=b"PGP "))
        bob = Signing(verifiers=[X509Verifier(), ForeignVerifier()])
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=bob).run()
        assert pair.secure
        assert warnings(pair.bob) == [WarningCode.SIGNATURE_IGNORED]
        assert "not in your key ring. Compare the words." in pair.bob.seen(SecurityWarning)[0].text
        assert pair.bob.session.assurance is Assurance.ENCRYPTED

    @pytest.mark.attack("CNF-07")
    def test_a_signature_that_was_not_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        signs_always(monkeypatch, BOB)
        pair = Pair(X255, X255).run()
        assert pair.secure
        for side in pair.sides:
            assert warnings(side) == [WarningCode.SIGNATURE_IGNORED]
            assert side.seen(SignatureReceived) == []
            assert side.session.assurance is Assurance.ENCRYPTED

    @pytest.mark.rfc("R-7.2-05")
    @pytest.mark.attack("CNF-07")
    def test_a_signature_on_a_further_stream(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pair = Pair(X255, X255, alice_signing=VERIFIES, bob_signing=VERIFIES).run()
        signs_always(monkeypatch, BOB)
        alice, bob = pair.add_streams(1, 2)
        pair.run()
        assert alice.state is bob.state is State.SECURE
        for side in pair.sides:
            assert warnings(side) == [WarningCode.SIGNATURE_IGNORED]
            assert side.session.peer.signature is None

    def test_the_signature_of_a_recorded_call(self) -> None:
        (recorded,) = [transcript for transcript in transcripts() if transcript.signature]
        assert recorded.signature is not None and recorded.expect.confirm2_plain is not None
        plain = ConfirmPlain.decode(recorded.expect.confirm2_plain)
        assert plain.signature_type is not None and plain.disclosure
        assert plain.signature_type + plain.signature == recorded.signature.data
        alice = Signing(signer=RecordingSigner(plain.signature, plain.signature_type))
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=VERIFIES).run()
        assert pair.secure
        assert warnings(pair.bob) == [WarningCode.SIGNATURE_IGNORED]


def signs_always(monkeypatch: pytest.MonkeyPatch, chosen: Signing) -> None:
    """Both sides sign everywhere, whatever the other one can."""
    signer = chosen.signer
    assert isinstance(signer, X509Signer)

    def sign(_stream: Stream, _exchange: Exchange, plain: ConfirmPlain, _now: float) -> ConfirmPlain:
        return replace(plain, signature_type=b"X509", signature=signer.sign(bytes(32)))

    monkeypatch.setattr(signing, "sign_confirm", sign)


def sent(pair: Pair, kind: Kind) -> list[Message]:
    """The messages of one kind that were on the wire."""
    messages = [datagram[12:-4] for _, _, datagram in pair.network.log]
    return [parse(message) for message in messages if kind_of(message) is kind]


def confirm_sizes(pair: Pair) -> list[int]:
    """Octets of the datagrams that carry Confirm1 or Confirm2, without repetitions."""
    found = {
        kind_of(datagram[12:-4]): len(datagram)
        for _, _, datagram in pair.network.log
        if kind_of(datagram[12:-4]) in (Kind.CONFIRM1, Kind.CONFIRM2)
    }
    return sorted(found.values())


class TestLongSignatures:
    @pytest.mark.rfc("R-7.2-14")
    def test_one_that_does_not_fit_into_a_packet_is_left_out(self) -> None:
        config = replace(X255, mtu=600)
        long = certificate_of_length(441)
        pair = Pair(config, config, alice_signing=Signing(signer=X509Signer(long, P256)), bob_signing=VERIFIES).run()
        assert pair.secure
        assert warnings(pair.alice) == [WarningCode.SIGNATURE_WITHHELD]
        assert "Use a shorter certificate." in pair.alice.seen(SecurityWarning)[0].text
        assert warnings(pair.bob) == []
        assert not signed(pair.alice)
        assert pair.bob.seen(SignatureReceived) == []
        assert confirm_sizes(pair) == [92, 92]

    @pytest.mark.rfc("R-7.2-14")
    def test_one_that_just_fits_is_sent(self) -> None:
        config = replace(X255, mtu=600)
        fits = certificate_of_length(600 - 96 - 64)
        pair = Pair(config, config, alice_signing=Signing(signer=X509Signer(fits, P256)), bob_signing=VERIFIES).run()
        assert confirm_sizes(pair) == [92, 600]
        assert [event.signer for event in pair.bob.seen(SignatureReceived)] == [fits]
        assert not any(datagram[0] == 0x11 for _, _, datagram in pair.network.log)

    @pytest.mark.rfc("R-7.2.2-04", "R-7.2.1-07")
    @pytest.mark.attack("PAR-21")
    @pytest.mark.parametrize("bob_signing", [VERIFIES, None], ids=["checked", "not asked for"])
    def test_the_longest_one_is_taken_by_whoever_can_send_it(
        self, bob_signing: Signing | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = replace(X255, mtu=2136)
        longest = certificate_of_length(2040 - 64)
        alice = Signing(signer=X509Signer(longest, P256))
        if bob_signing is None:
            signs_always(monkeypatch, alice)
        pair = Pair(config, config, alice_signing=alice, bob_signing=bob_signing).run()
        assert pair.secure
        assert max(confirm_sizes(pair)) == 2136
        seen = [event.signer for event in pair.bob.seen(SignatureReceived)]
        assert seen == ([longest] if bob_signing is not None else [])

    @pytest.mark.rfc("R-7.2.1-07")
    def test_more_than_511_words_are_left_out(self) -> None:
        config = replace(X255, mtu=4000)
        alice = Signing(signer=RecordingSigner(bytes(2044)))
        pair = Pair(config, config, alice_signing=alice, bob_signing=VERIFIES).run()
        assert pair.secure
        assert warnings(pair.alice) == [WarningCode.SIGNATURE_WITHHELD]

    def test_a_key_that_cannot_sign_now(self) -> None:
        alice = Signing(signer=RecordingSigner(error=ApiMisuse("The card is not in the reader.")))
        pair = Pair(X255, X255, alice_signing=alice, bob_signing=VERIFIES).run()
        assert pair.secure
        assert not signed(pair.alice)
        assert [warning.text for warning in pair.alice.seen(SecurityWarning)] == [
            "The SAS was not signed: The card is not in the reader."
        ]


@dataclass
class Reflector:
    """Somebody without a key: sends the block back that its peer sent, as it is or in another form."""

    change: Callable[[bytes], bytes] = bytes
    signature_type: bytes = b"X509"
    heard: bytes = bytes(4)

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        self.heard = block
        return X509Verifier().verify(block, sashash)

    def key_of(self, signer: bytes) -> bytes:
        return X509Verifier().key_of(signer)

    def sign(self, sashash: bytes) -> bytes:
        return self.change(self.heard)


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def other_form(block: bytes) -> bytes:
    """The same ECDSA signature with n - s in place of s, which verifies as well."""
    s = int.from_bytes(block[-32:], "big")
    return block[:-32] + (P256_ORDER - s).to_bytes(32, "big")


def other_certificate(block: bytes) -> bytes:
    """The same signature behind another certificate for the same key: anybody can have one that was renewed."""
    renewed = certificate(BOBS_KEY, serial=101)
    assert renewed != block[: certificate_length(block)]
    return renewed + bytes(-len(renewed) % 4) + block[-64:]


class TestReflection:
    @pytest.mark.attack("CNF-09")
    @pytest.mark.parametrize("change", [bytes, other_form, other_certificate])
    def test_our_own_signature_is_refused(
        self, change: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refuse = signing.refuse_our_own

        def unless_mallory(core: Core, exchange: Exchange, signature: SignatureChecked, now: float) -> SignerIsNotUs:
            return signing.NOT_US if core.ssrc == ALICE_SSRC else refuse(core, exchange, signature, now)

        monkeypatch.setattr(signing, "refuse_our_own", unless_mallory)
        reflector = Reflector(change)
        mallory = Signing(signer=reflector, verifiers=[reflector])
        pair = Pair(X255, replace(X255, passive=True), alice_signing=mallory, bob_signing=BOB).run()
        assert reflector.heard != bytes(4)
        (failed,) = pair.bob.seen(Failed)
        assert (failed.code, failed.by_peer) == (ErrorCode.SOFTWARE_ERROR, False)
        assert "our own key" in failed.text
        assert pair.bob.seen(SignatureReceived) == []
        assert pair.bob.session.assurance is Assurance.INSECURE
        assert [event.code for event in pair.alice.seen(Failed)] == [ErrorCode.SOFTWARE_ERROR]

    @pytest.mark.attack("CNF-09")
    @pytest.mark.parametrize("passive", ["alice", "bob"])
    def test_two_that_share_a_key_are_not_told_apart_from_that(self, passive: str) -> None:
        configs = [replace(X255, passive=name == passive) for name in ("alice", "bob")]
        pair = Pair(*configs, alice_signing=BOB, bob_signing=BOB).run()
        assert not pair.secure
        assert all(side.seen(Failed) and not side.seen(SignatureReceived) for side in pair.sides)

    @pytest.mark.attack("CNF-09")
    def test_somebody_else_with_a_key_is_not_refused(self) -> None:
        pair = Pair(X255, replace(X255, passive=True), alice_signing=ALICE, bob_signing=BOB).run()
        assert pair.secure
        assert [len(side.seen(SignatureReceived)) for side in pair.sides] == [1, 1]


@dataclass
class BrokenSigner:
    """Raises, or gives what is no block; what it raises tells the sashash."""

    raises: type[Exception] | None = None
    gives: object = None
    signature_type: bytes = b"X509"

    def sign(self, sashash: bytes) -> bytes:
        if self.raises is not None:
            raise self.raises(sashash.hex())
        return self.gives  # type: ignore[return-value]


class BrokenVerifier:
    signature_type = b"X509"

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        raise IndexError(sashash.hex())


class TestBrokenParts:
    @pytest.mark.parametrize("role", ["initiator", "responder"])
    @pytest.mark.parametrize(
        ("signer", "problem"),
        [
            (BrokenSigner(RuntimeError), "raised RuntimeError"),
            (BrokenSigner(OSError), "raised OSError"),
            (BrokenSigner(KeyError), "raised KeyError"),
            (BrokenSigner(gives=None), "whole words"),
            (BrokenSigner(gives="words"), "whole words"),
            (BrokenSigner(gives=b"odd"), "whole words"),
        ],
        ids=lambda value: str(value) if isinstance(value, str) else "",
    )
    def test_a_broken_signer_ends_in_a_stated_failure_without_the_sas(
        self, role: str, signer: BrokenSigner, problem: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG", logger="zrtp")
        passive = replace(X255, passive=True)
        one, other = (X255, passive) if role == "initiator" else (passive, X255)
        pair = Pair(one, other, alice_signing=Signing(signer=signer), bob_signing=VERIFIES).run()
        (failed,) = pair.alice.seen(Failed)
        assert (failed.code, failed.by_peer) == (ErrorCode.SOFTWARE_ERROR, False)
        assert problem in failed.text
        assert pair.bob.seen(Failed if role == "initiator" else NoPeer)  # nothing that came proves Alice to him
        assert not re.search("[0-9a-f]{64}", caplog.text + repr(pair.alice.events))

    def test_nothing_of_what_it_raised_hangs_at_the_failure(self) -> None:
        with pytest.raises(signing.SignerFailed) as caught:
            signing.block_of(BrokenSigner(RuntimeError), bytes(32))
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    def test_a_broken_verifier_is_a_warning_without_the_sas(self) -> None:
        bob = Signing(verifiers=[BrokenVerifier()])
        pair = Pair(X255, X255, alice_signing=ALICE, bob_signing=bob).run()
        assert pair.secure
        assert warnings(pair.bob) == [WarningCode.SIGNATURE_IGNORED]
        assert "raised IndexError. Compare" in pair.bob.seen(SecurityWarning)[0].text

    def test_a_broken_signer_costs_a_relay_its_signature_only(self) -> None:
        trusting, _far, _network = relayed(Signing(signer=BrokenSigner(RuntimeError)), confirm_signed=False)
        assert [event.signature for event in trusting.seen(SasRelayed)] == [None]


class TestRelayedSas:
    """A PBX signs the SAS of the far end, which it relays (section 5.13)."""

    @pytest.mark.rfc("R-5.13-11", "R-7.2-02", "R-7.2-06")
    def test_the_phone_sees_who_signed_the_relayed_sas(self) -> None:
        trusting, far, network = relayed(BOB)
        (event,) = trusting.seen(SasRelayed)
        assert far.session.sas is not None
        assert event.sas.sashash == far.session.sas.sashash
        assert event.signature is not None and event.signature.signer == BOBS_CERTIFICATE
        assert [size for size in relay_sizes(network) if size > 92] == [96 + len(BOB_BLOCK)]

    def test_it_may_come_unsigned(self, caplog: pytest.LogCaptureFixture) -> None:
        trusting, _far, _network = relayed(Signing())
        assert [event.signature for event in trusting.seen(SasRelayed)] == [None]
        assert "could not be signed" not in caplog.text, "nobody has to repair what is not there"

    @pytest.mark.attack("CNF-07")
    def test_a_wrong_signature_hides_the_relayed_sas(self) -> None:
        trusting, _far, network = relayed(Signing(signer=RecordingSigner(BOB_BLOCK)), confirm_signed=False)
        assert trusting.seen(SasRelayed) == []
        assert trusting.session.pbx.relayed_sas is None
        assert WarningCode.SIGNATURE_INVALID in warnings(trusting)
        assert trusting.stream.state is State.SECURE
        assert any(kind_of(datagram[12:-4]) is Kind.RELAY_ACK for _, _, datagram in network.log)

    @pytest.mark.rfc("R-7.2-13")
    def test_a_signature_that_cannot_be_checked_is_a_warning(self) -> None:
        trusting, _far, _network = relayed(Signing(signer=RecordingSigner(signature_type=b"XYZ ")))
        assert [event.signature for event in trusting.seen(SasRelayed)] == [None]
        assert WarningCode.SIGNATURE_IGNORED in warnings(trusting)

    def test_the_zeros_for_the_other_phone_are_not_signed(self) -> None:
        signer = RecordingSigner(signature_type=b"XYZ ")
        relayed(Signing(signer=signer))
        assert NO_SASHASH not in signer.asked


PBX = replace(X255, trusted_mitm=True)
BOB_BLOCK = X509Signer(BOBS_CERTIFICATE, BOBS_KEY).sign(bytes(32))


def relayed(pbx: Signing, *, confirm_signed: bool = True) -> tuple[Side, Side, Network]:
    """A call through a PBX after the trusting phone has enrolled: that phone, the far one, and the network."""
    clock = Clock()
    server = Endpoint(PBX, MemoryCache(), random=seeded(1), wall_clock=clock, signer=pbx.signer)
    phone = Endpoint(X255, MemoryCache(), random=seeded(2), wall_clock=clock, verifiers=VERIFIES.verifiers)
    other = Endpoint(X255, MemoryCache(), random=seeded(3), wall_clock=clock)
    if not confirm_signed:
        installation_of(server).signers, later = (), installation_of(server).signers
    enrolment = Network()
    trusting, leg = leg_of(enrolment, phone, server, enrol=True)
    enrolment.run(30.0)
    trusting.session.sas_matched("PBX")
    trusting.session.pbx.accept_enrolment()
    for side in (trusting, leg):
        side.session.close(30.0)

    network = Network()
    network.now = 100.0
    trusting, near_leg = leg_of(network, phone, server)
    far, far_leg = leg_of(network, other, server)
    network.run(130.0)
    if not confirm_signed:
        installation_of(server).signers = later
    assert near_leg.session.pbx.relay(far_leg.session.pbx, network.now) == near_leg.session.pbx
    network.run(160.0)
    return trusting, far, network


def leg_of(network: Network, phone: Endpoint, server: Endpoint, *, enrol: bool = False) -> tuple[Side, Side]:
    """One phone in a call with the PBX, started."""
    one, other = Side("phone", phone, phone.session()), Side("pbx", server, server.session(enrol=enrol))
    streams = one.session.add_stream(ALICE_SSRC), other.session.add_stream(BOB_SSRC)
    network.connect("phone", streams[0], "pbx", streams[1])
    for stream in streams:
        stream.start(network.now)
    return one, other


def relay_sizes(network: Network) -> list[int]:
    return [len(datagram) for _, _, datagram in network.log if kind_of(datagram[12:-4]) is Kind.SASRELAY]
