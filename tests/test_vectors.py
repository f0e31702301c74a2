"""Every recorded exchange, played again by the engine in both roles, and every list of single computations.

What a recording lacks and what stands in for it is described in `tests.support.replay`. With the environment variable
ZRTP_VECTORS=<folder> the recordings in that folder are played too; one of them whose algorithms are not implemented
is a failure, unless ZRTP_VECTORS_LENIENT is set.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import Test, every
from tests.support.inside import call_of, core_of
from tests.support.replay import Replay, missing_algorithms
from tests.support.vectors import (
    SrtpSample,
    Transcript,
    code,
    has_stale_length,
    item_id,
    primitive_lists,
    primitives,
    transcripts,
)
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto.codes import name
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.errors import ErrorCode, PeerMisbehaved
from zrtp.media.srtp import srtp_pair
from zrtp.protocol.clearing import clear_mac
from zrtp.protocol.compatibility import read_confirm
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.confirm import seal_sas_relay
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Continuity,
    EnrolmentOffered,
    GoingSecure,
    PeerDetected,
    Role,
    SasReady,
    SasRelayed,
    Secured,
    SecurityWarning,
    Sending,
    SrtpKeys,
    WarningCode,
)
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import OwnChain, message_mac, verify_commit, verify_dhpart, verify_hello
from zrtp.protocol.key_schedule import hvi, key_id, preshared_key
from zrtp.protocol.retained_secrets import KnownSecrets, SecretIds, match, own_ids
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, DHPart1, DHPart2, GoClear, Hello, Kind, SASrelayPlain, parse
from zrtp.wire.packet import encode_packet

LENIENT = bool(os.environ.get("ZRTP_VECTORS_LENIENT"))

UNSUPPORTED: dict[str, list[str]] = {
    "zrtpcpp_e255_skn2_2fs1_sk32_b32e": ["SKN2", "2FS1", "SK32"],
    "zrtpcpp_e414_skn3_2fs3_sk64_b10d": ["SKN3", "2FS3", "SK64", "B10D", "E414"],
    "zrtpcpp_ec38_s384_2fs3_sk64_b32": ["2FS3", "SK64"],
}
"""The recordings of this project that are not played, with the algorithms that are not implemented."""

WITHOUT_ML_KEM_512: dict[str, list[str]] = {
    "bzrtp_mlk1_s512_aes3_hs80_initiator": ["MLK1"],
    "bzrtp_x1m1_s512_aes3_hs80_responder": ["X1M1"],
}
"""The same where the optional package `pqcrypto` is not installed."""

if not DEFAULT.key_agreements[b"MLK1"].available:
    UNSUPPORTED |= WITHOUT_ML_KEM_512

GIVEN = [transcript for transcript in transcripts() if not transcript.extra]
EXTRA = [transcript for transcript in transcripts() if transcript.extra]
PLAYED = [transcript for transcript in transcripts() if not missing_algorithms(transcript)]
BOTH_ROLES = [(transcript, role) for transcript in PLAYED for role in Role]


@cache
def played(index: int) -> Replay:
    """A finished replay, for tests that only look at it."""
    transcript, role = BOTH_ROLES[index]
    return Replay(transcript, role).run()


def every_replay(test: Callable[[Any, Replay], None]) -> Test:
    """Look at all finished replays in one test."""

    def run(self: object, index: int) -> None:
        test(self, played(index))

    vars(run).update(vars(test))
    run.__name__ = test.__name__
    ids = [f"{transcript}-{role.value}" for transcript, role in BOTH_ROLES]
    return every("index", range(len(BOTH_ROLES)), ids)(run)


EVERY_EXCHANGE = every("transcript", PLAYED, ids=str)


def replays(condition: str) -> Callable[[Test], Test]:
    """The recordings that have this part, in both roles; each test plays its own."""
    chosen = [
        (transcript, role)
        for transcript, role in BOTH_ROLES
        if getattr(transcript, condition, None) or getattr(transcript.expect, condition, None)
    ]
    return every(("transcript", "role"), chosen, [f"{transcript}-{role.value}" for transcript, role in chosen])


def why(missing: list[str]) -> str:
    """The missing algorithms with their full names."""
    return ", ".join(f"{name(code(one))} ({RECOGNISED.get(code(one), 'library not installed')})" for one in missing)


class TestEveryRecordingIsAccountedFor:
    def test_which_ones_are_not_played(self) -> None:
        assert len(GIVEN) == 83
        assert {str(one): missing_algorithms(one) for one in GIVEN if missing_algorithms(one)} == UNSUPPORTED

    @pytest.mark.parametrize("transcript", [one for one in transcripts() if missing_algorithms(one)], ids=str)
    def test_not_supported(self, transcript: Transcript) -> None:
        text = f"{transcript} is not supported: {why(missing_algorithms(transcript))}"
        if transcript.extra and not LENIENT:
            pytest.fail(text)
        pytest.skip(text)

    def test_the_further_folder_has_recordings(self) -> None:
        if "ZRTP_VECTORS" in os.environ:
            assert EXTRA, "ZRTP_VECTORS names a folder without recordings of the format zrtp-transcript-1"

    def test_every_mode_is_among_them(self) -> None:
        assert {one.mode for one in PLAYED} == {"dh", "kem", "multistream", "preshared"}

    def test_how_often_something_stands_in(self) -> None:
        """A DHResult from the file instead of a private value, a Confirm that the recorded end never received."""
        counted: Counter[str] = Counter()
        for index, (transcript, role) in enumerate(BOTH_ROLES):
            replay = played(index)
            if transcript.extra or str(transcript) in WITHOUT_ML_KEM_512:
                continue
            agreed = transcript.mode in ("dh", "kem")
            counted["replays"] += 1
            counted["with the private value"] += agreed and replay.public_key_operation
            counted["with DHResult from the file"] += agreed and not replay.public_key_operation
            counted["without key agreement"] += not agreed
            counted["with the peer's Confirm made here"] += replay.sealed_here
            known = (transcript.initiator if role is Role.INITIATOR else transcript.responder).secret is not None
            assert not agreed or known == replay.public_key_operation
        assert counted == {
            "replays": 156,
            "with the private value": 104,
            "with DHResult from the file": 34,
            "without key agreement": 18,
            "with the peer's Confirm made here": 13,
        }

    def test_what_the_recorded_software_put_into_its_confirm_and_this_one_would_not(self) -> None:
        """Everything else in every recorded Confirm is what the engine makes of its configuration and its cache."""
        differing = {
            (str(transcript), role.value): played(index).policies
            for index, (transcript, role) in enumerate(BOTH_ROLES)
            if played(index).policies and not transcript.extra
        }
        # V without a retained secret that could have been verified (RFC 6189 section 7.1); and another interval than
        # 0xffffffff in Multistream mode (section 5.7).
        assert differing == {
            ("libzrtp_goclear_after", "responder"): {"cache_interval"},
            ("libzrtp_mult_s1", "initiator"): {"cache_interval"},
            ("libzrtp_mult_s1", "responder"): {"cache_interval"},
            ("synthetic_dh3k_n256_aes1", "initiator"): {"verified"},
            ("synthetic_ec52_s384_aes3", "initiator"): {"verified"},
        }


class TestReplay:
    """The engine in one role, the recording in the other."""

    @pytest.mark.rfc("R-5-11", "R-5-12", "R-4.6-06", "R-8.1.1-02")
    @every_replay
    def test_ends_secure(self, replay: Replay) -> None:
        assert replay.stream.state is State.SECURE
        assert replay.stream.sending is Sending.SRTP
        (secured,) = [event for event in replay.events if isinstance(event, Secured)]
        assert (secured.role, secured.mode.value) == (replay.role, replay.transcript.mode)

    @every_replay
    def test_drops_nothing_but_what_crossed(self, replay: Replay) -> None:
        assert set(replay.stream.counters) <= {
            "Hello is acknowledged already",
            "Commit lost the contention",
            "repeated message",
            "we are the responder",  # libzrtp's Confirm1 for a Preshared Commit, where a DH one has taken its place
        }

    @pytest.mark.rfc("R-4.4.1.1-07", "R-4.4.1.1-08", "R-4.4.1.1-09", "R-4.3.1-05", "R-5.7-11", "R-5.7-09")
    @every_replay
    def test_sends_the_recorded_messages_octet_for_octet(self, replay: Replay) -> None:
        recorded = replay.transcript.messages
        if replay.role is Role.INITIATOR:
            own = {
                Kind.HELLO: recorded.hello_i,
                Kind.COMMIT: recorded.commit,
                Kind.DHPART2: recorded.dhpart2,
                Kind.CONFIRM2: recorded.confirm2,
            }
        else:
            own = {Kind.HELLO: recorded.hello_r, Kind.DHPART1: recorded.dhpart1, Kind.CONFIRM1: recorded.confirm1}
        expect = replay.transcript.expect
        stale = has_stale_length(expect.confirm2_plain if replay.role is Role.INITIATOR else expect.confirm1_plain)
        for kind, message in own.items():
            if stale and kind in (Kind.CONFIRM1, Kind.CONFIRM2):
                continue  # ours counts no signature that is not there
            if message is not None:
                assert replay.sent.of(kind) == [message], kind

    @pytest.mark.rfc("R-4.2-04", "R-4.2-05", "R-4.2-06")
    @every_replay
    def test_finds_the_initiator_when_commits_cross(self, replay: Replay) -> None:
        roles = [event.role for event in replay.events if isinstance(event, GoingSecure)]
        crossed = replay.transcript.messages.commit_lost is not None
        if crossed and replay.role is Role.RESPONDER:
            assert roles == [Role.INITIATOR, Role.RESPONDER]
        else:
            assert roles == [replay.role]
            assert replay.stream.counters["Commit lost the contention"] == int(crossed)

    @every_replay
    def test_sends_under_its_ssrc_in_fragments_of_the_recorded_size(self, replay: Replay) -> None:
        assert replay.sent.ssrcs == {replay.recorded.own_ssrc}
        assert [(one.total_words, one.offset_words, one.data) for one in replay.sent.fragments] == [
            (one.total_words, one.offset_words, one.data) for one in replay.recorded.own_fragments
        ]

    @pytest.mark.rfc("R-4.4.1.4-01", "R-4.4.1.4-03", "R-4.4.1.4-08", "R-4.4.2.4-01", "R-4.4.3.2-01", "R-4.4.3.2-03")
    @every_replay
    def test_shared_secret(self, replay: Replay) -> None:
        observed, expect = replay.observed, replay.transcript.expect
        assert observed.dh_result == expect.dh_result
        assert observed.total_hash == expect.total_hash
        assert observed.kdf_context == expect.kdf_context
        assert observed.s0 == expect.s0

    @pytest.mark.rfc("R-4.3-04", "R-4.3-08", "R-4.3-09", "R-4.3-10", "R-4.3-11", "R-4.3.1-06", "R-4.3.1-07")
    @every_replay
    def test_matched_secrets(self, replay: Replay) -> None:
        """s1, s2 and s3; in Preshared mode what went into preshared_key."""
        matched, expect, inputs = replay.exchange.matched, replay.transcript.expect, replay.transcript.preshared
        hashed = (expect.s1, expect.s2, expect.s3)
        if inputs is not None:
            hashed = (inputs.rs1, inputs.auxsecret, inputs.pbxsecret)
        assert replay.observed.matched == hashed
        reported = expect.cache_mismatch.get(replay.role.value, False)
        assert (matched.continuity is Continuity.MISMATCH) == reported

    @pytest.mark.rfc("R-4.5.1-01", "R-4.5.3-01", "R-4.5.3-02", "R-4.5.3-11", "R-4.5.3-12", "R-4.5.3-13", "R-4.5.3-14")
    @every_replay
    def test_keys_of_the_stream(self, replay: Replay) -> None:
        keys, expect = replay.exchange.keys, replay.transcript.expect
        assert keys is not None
        for secret, value in (
            (keys.mackeyi, expect.mackeyi),
            (keys.mackeyr, expect.mackeyr),
            (keys.zrtpkeyi, expect.zrtpkeyi),
            (keys.zrtpkeyr, expect.zrtpkeyr),
            (keys.srtpi.key, expect.srtpkeyi),
            (keys.srtpr.key, expect.srtpkeyr),
            (keys.srtpi.salt, expect.srtpsalti),
            (keys.srtpr.salt, expect.srtpsaltr),
        ):
            assert bytes(secret.octets) == value

    @pytest.mark.rfc("R-4.5.3-05", "R-4.5.3-07", "R-4.5.3-08", "R-4.5.3-09", "R-4.5.3-10")
    @every_replay
    def test_hands_over_the_srtp_keys_in_their_directions(self, replay: Replay) -> None:
        suite, expect, ready = replay.transcript.suite, replay.transcript.expect, replay.keys_ready
        of_initiator, of_responder = (expect.srtpkeyi, expect.srtpsalti), (expect.srtpkeyr, expect.srtpsaltr)
        send, receive = of_initiator, of_responder
        if replay.role is Role.RESPONDER:
            send, receive = receive, send
        assert _key_and_salt(ready.send) == send
        assert _key_and_salt(ready.receive) == receive
        assert (ready.send.cipher, ready.send.auth_tag) == (suite.cipher, suite.auth_tag)

    @pytest.mark.rfc("R-4.5.2-01", "R-4.5.2-06", "R-4.5.2-11", "R-4.4.3.1-03")
    @every_replay
    def test_secrets_of_the_session(self, replay: Replay) -> None:
        session, expect = replay.session, replay.transcript.expect
        if replay.transcript.mode == "multistream":
            assert _octets(call_of(session).zrtpsess) == replay.transcript.zrtpsess_in
            assert present(replay.exchange.derived).secrets is None
            return
        assert _octets(call_of(session).zrtpsess) == expect.zrtpsess
        assert _octets(call_of(session).exported) == expect.exported_key
        for label, key in expect.exported_labels.items():
            assert session.keys.export(label.encode(), len(key)).octets == key

    @pytest.mark.rfc("R-4.5.2-07", "R-4.5.2-08", "R-4.5.2-09")
    @every_replay
    def test_short_authentication_string(self, replay: Replay) -> None:
        expect = replay.transcript.expect
        ready = [event for event in replay.events if isinstance(event, SasReady) and event.ssrc == replay.stream.ssrc]
        if expect.sashash is None:
            assert not ready
            return
        (event,) = ready
        assert event.sas.sashash == expect.sashash
        assert event.sas.sashash[:4] == expect.sas
        assert event.sas.rendered == expect.sas_rendered
        assert event.sas.code == replay.transcript.suite.sas

    @pytest.mark.rfc("R-4.6-02", "R-4.6-03", "R-4.6-04", "R-4.6-05", "R-5.7-01")
    @every_replay
    def test_opens_both_confirms(self, replay: Replay) -> None:
        messages, expect, box = replay.transcript.messages, replay.transcript.expect, replay.exchange.box
        for role, message, plain in (
            (Role.RESPONDER, messages.confirm1, expect.confirm1_plain),
            (Role.INITIATOR, messages.confirm2, expect.confirm2_plain),
        ):
            if message is not None and plain is not None:
                assert box.open(role, message[12:20], message[20:36], message[36:]) == plain
                used = replay.exchange.own_plain if role is replay.role else replay.exchange.peer_plain
                assert used == read_confirm(plain)

    @pytest.mark.rfc("R-4.6.1-01", "R-4.6.1-05", "R-4.6.1-06", "R-4.6.1-07", "R-4.6.1-08", "R-4.6.1.1-03")
    @every_replay
    def test_retained_secret_in_the_cache(self, replay: Replay) -> None:
        """rs2 becomes the secret that matched, otherwise the old rs1; nothing changes after a mismatch. In Preshared
        mode too, where that one goes when the peer has shown that it finished.
        """
        transcript, party = replay.transcript, replay.party
        record = replay.cache.load(party.zid, replay.peer.zid)
        old = (party.rs1, party.rs2)
        if transcript.mode == "multistream":
            assert record is None
            return
        own, peer = replay.exchange.own_plain, replay.exchange.peer_plain
        assert own is not None and peer is not None
        if replay.session.continuity is Continuity.MISMATCH or 0 in (own.cache_interval, peer.cache_interval):
            assert (None, None) if record is None else _retained(record) == old
            return
        assert record is not None
        rs2 = transcript.expect.s1 or party.rs1
        assert _retained(record) == (transcript.expect.new_rs1, rs2)
        assert record.interval == min(own.cache_interval, peer.cache_interval)
        enrolled = transcript.enrolment if call_of(replay.session).enrol else None
        assert _octets(record.pbxsecret) == (party.pbxsecret if enrolled is None else enrolled.pbxsecret)


def _octets(secret: Secret | None) -> bytes | None:
    return None if secret is None else bytes(secret.octets)


def _key_and_salt(keys: SrtpKeys) -> tuple[bytes, bytes]:
    return bytes(keys.key.octets), bytes(keys.salt.octets)


def _retained(record: PeerRecord) -> tuple[bytes | None, bytes | None]:
    return _octets(record.rs1), _octets(record.rs2)


class TestPartsOfSomeRecordings:
    @pytest.mark.rfc("R-4.5.3-03", "R-4.5.3-05")
    @replays("srtp_samples")
    def test_srtp_packets(self, transcript: Transcript, role: Role) -> None:
        ready = Replay(transcript, role).run().keys_ready
        own_direction = "i2r" if role is Role.INITIATOR else "r2i"
        sender, receiver = srtp_pair(ready.send, ready.receive)
        for sample in transcript.expect.srtp_samples:
            if sample.direction == own_direction:
                assert sender.protect(sample.plain) == sample.wire
            else:
                assert receiver.unprotect(sample.wire) == sample.plain
        assert _directions(transcript.expect.srtp_samples) <= {"i2r", "r2i"}

    @pytest.mark.rfc("R-4.3.2-01", "R-4.3.2-04", "R-4.6.1.1-03", "R-4.6.1.1-04")
    @replays("cache_mismatch")
    def test_cache_mismatch(self, transcript: Transcript, role: Role) -> None:
        replay = Replay(transcript, role).run()
        warned = {event.code for event in replay.events if isinstance(event, SecurityWarning)}
        assert (WarningCode.CACHE_MISMATCH in warned) == transcript.expect.cache_mismatch[role.value]
        replay.session.sas_matched()
        record = replay.cache.load(replay.party.zid, replay.peer.zid)
        assert record is not None and _retained(record) == (transcript.expect.new_rs1, replay.party.rs1)

    @pytest.mark.rfc("R-7.3.1-01", "R-7.3.1-02", "R-7.3.1-03", "R-7.3.1-07")
    @replays("enrolment")
    def test_enrolment(self, transcript: Transcript, role: Role) -> None:
        enrolment = transcript.enrolment
        assert enrolment is not None
        replay = Replay(transcript, role).run()
        offered = [event for event in replay.events if isinstance(event, EnrolmentOffered)]
        record = replay.cache.load(replay.party.zid, replay.peer.zid)
        assert record is not None
        if role.value != enrolment.pbx:
            assert offered and record.pbxsecret is None
            replay.session.pbx.accept_enrolment(despite_unverified=True)
            record = replay.cache.load(replay.party.zid, replay.peer.zid)
            assert record is not None
        assert _octets(record.pbxsecret) == enrolment.pbxsecret

    @pytest.mark.rfc("R-7.3-01", "R-7.3-02")
    @replays("sasrelay")
    def test_relayed_sas(self, transcript: Transcript, role: Role) -> None:
        relay = transcript.sasrelay
        assert relay is not None
        replay = Replay(transcript, role).run()
        if role.value == relay.sender:
            plain = SASrelayPlain.decode(relay.plain)
            sealed = seal_sas_relay(replay.exchange.box, role, plain, lambda _: relay.message[20:36])
            assert sealed.raw == relay.message
            return
        if not any(packet.data[12:-4] == relay.message for packet in transcript.packets):
            replay.receive(replay.packet(relay.message))
        (relayed,) = [event for event in replay.events if isinstance(event, SasRelayed)]
        assert (relayed.sas.sashash, relayed.sas.code) == (relay.relayed_sashash, relay.sas_type)
        assert replay.sent.of(Kind.RELAY_ACK)

    @pytest.mark.rfc("R-5.7-05", "R-5.7-06")
    @replays("signature")
    def test_signature(self, transcript: Transcript, role: Role) -> None:
        """Sent as recorded (`test_sends_the_recorded_messages_octet_for_octet`); one that nobody checks is said so."""
        signature = transcript.signature
        assert signature is not None
        replay = Replay(transcript, role).run()
        plain = replay.exchange.own_plain if replay.recorded.own_plain is not None else None
        warned = {event.code for event in replay.events if isinstance(event, SecurityWarning)}
        if (signature.message == "confirm2") == (role is Role.INITIATOR):
            assert plain is not None and plain.signature_type is not None
            assert plain.signature_type + plain.signature == signature.data
            assert len(signature.data) == 4 * signature.words
        else:
            assert WarningCode.SIGNATURE_IGNORED in warned
            assert not call_of(replay.session).signed

    @pytest.mark.rfc("R-4.7.2-01", "R-4.7.2-07", "R-4.7.2.1-05")
    @replays("clear_mac_i")
    def test_goclear_of_this_end(self, transcript: Transcript, role: Role) -> None:
        replay = Replay(transcript, role).run()
        replay.session.go_clear(replay.now)
        replay.settle()
        (message,) = [parse(one) for one in replay.sent.of(Kind.GOCLEAR)]
        assert isinstance(message, GoClear)
        expect = transcript.expect
        assert message.clear_mac == (expect.clear_mac_i if role is Role.INITIATOR else expect.clear_mac_r)

    @pytest.mark.rfc("R-4.7.2-01", "R-4.7.2-07", "R-4.7.2.1-05")
    @replays("clear_mac_i")
    def test_goclear_of_the_other_end(self, transcript: Transcript, role: Role) -> None:
        replay = Replay(transcript, role).run()
        expect = transcript.expect
        recorded = expect.clear_mac_r if role is Role.INITIATOR else expect.clear_mac_i
        assert recorded is not None
        replay.receive(replay.packet(GoClear.make(clear_mac=recorded).raw))
        assert replay.stream.state is State.CLEAR_PENDING
        assert _octets(call_of(replay.session).zrtpsess) == expect.zrtpsess_after_goclear


def _directions(samples: tuple[SrtpSample, ...]) -> set[str]:
    return {sample.direction for sample in samples}


class TestChecksOnTheMessagesThemselves:
    """What both ends check of each other, with the engine's functions and without its state machine."""

    @pytest.mark.rfc("R-9-01", "R-9-02", "R-9-04", "R-8.1.1-05", "R-5.2-12", "R-5.4-06", "R-5.5-03")
    @EVERY_EXCHANGE
    def test_hash_chain_and_message_macs(self, transcript: Transcript) -> None:
        recorded = transcript.messages
        for party, greeting, commitment, part in (
            (transcript.initiator, recorded.hello_i, recorded.commit, recorded.dhpart2),
            (transcript.responder, recorded.hello_r, recorded.commit_lost, recorded.dhpart1),
        ):
            chain = OwnChain.make(lambda _, h0=party.h0: h0)  # type: ignore[misc]
            hello = parse(greeting)
            assert isinstance(hello, Hello)
            assert verify_hello(hello, chain.h2).hello is hello
            if commitment is not None:
                commit = parse(commitment)
                assert isinstance(commit, Commit)
                assert verify_commit(commit, chain.h1).commit is commit
            if part is not None:
                dhpart = parse(part)
                assert isinstance(dhpart, DHPart1 | DHPart2)
                assert verify_dhpart(dhpart, chain.h0).h0 == party.h0

    @pytest.mark.rfc("R-4.4.1.1-07", "R-4.4.1.2-06")
    @EVERY_EXCHANGE
    def test_hvi(self, transcript: Transcript) -> None:
        recorded, expect = transcript.messages, transcript.expect
        if recorded.dhpart2 is None:
            assert expect.hvi is None
            return
        assert hvi(DEFAULT.hashes[transcript.suite.hash], recorded.dhpart2, recorded.hello_r) == expect.hvi


# Single computations

COVERED = {
    "clear_mac": __name__,
    "confirm_flags": "tests.wire.test_messages",
    "contention": __name__,
    "crc32c": "tests.wire.test_crc",
    "dh_result": "tests.crypto.key_agreements.test_transcripts",
    "hash_chain": __name__,
    "hello_flags": __name__,
    "kdf": "tests.crypto.test_hashes",
    "kem_combine": "tests.crypto.key_agreements.test_kem",
    "kem_ecdh": "tests.crypto.key_agreements.test_kem_parts",
    "message_mac": __name__,
    "modp": "tests.crypto.key_agreements.test_transcripts",
    "preshared": __name__,
    "public_value": "tests.crypto.key_agreements.test_transcripts",
    "s1_selection": __name__,
    "sas": "tests.crypto.test_sas",
    "secret_ids": __name__,
    "srtp_session_keys": "tests.media.srtp.test_kdf",
    "zrtp_hash": __name__,
}
"""Every list of primitives.json, and the module that goes through it."""


def test_every_list_is_gone_through() -> None:
    assert set(primitive_lists()) == set(COVERED)
    for kind, module in COVERED.items():
        source = Path(__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
        assert "primitives" in source and f'"{kind}"' in source, f"{module} does not read {kind}"


@pytest.mark.rfc("R-9-01")
@every("item", primitives("hash_chain"), ids=lambda item: item["h3"][:8])
def test_hash_chain(item: dict[str, Any]) -> None:
    chain = OwnChain.make(lambda _: bytes.fromhex(item["h0"]))
    assert [chain.h1.hex(), chain.h2.hex(), chain.h3.hex()] == [item["h1"], item["h2"], item["h3"]]


@pytest.mark.rfc("R-8.1.1-05")
@every("item", primitives("message_mac"), ids=lambda item: item["mac"])
def test_message_mac(item: dict[str, Any]) -> None:
    assert message_mac(bytes.fromhex(item["key"]), bytes.fromhex(item["data"])).hex() == item["mac"]


@pytest.mark.rfc("R-8.1-01")
@every("item", primitives("zrtp_hash"), ids=item_id)
def test_hash_of_a_hello(item: dict[str, Any]) -> None:
    stream = Endpoint(cache=MemoryCache()).session().add_stream(1)
    hello = parse(bytes.fromhex(item["hello"]))
    assert isinstance(hello, Hello)
    core_of(stream).hello = hello
    assert item["sdp"].lower() == f"a=zrtp-hash:{stream.hello_hash}"


@pytest.mark.rfc("R-5.2-03", "R-5.2-08")
@pytest.mark.attack("PAR-24")
@every("item", primitives("hello_flags"), ids=lambda item: item["word"])
def test_flags_and_counts_of_a_hello(item: dict[str, Any]) -> None:
    """As the application hears of them; unused bits change nothing."""
    counts = [item[key] for key in ("hc", "cc", "ac", "kc", "sc")]
    codes = b"".join(bytes((65 + place,)) * 4 for place, count in enumerate(counts) for _ in range(count))
    message = b"Hello   1.10" + bytes(16) + b"3" * 32 + b"peer's ZID.." + bytes.fromhex(item["word"]) + codes + bytes(8)
    message = b"\x50\x5a" + (1 + len(message) // 4).to_bytes(2, "big") + message
    session = Endpoint(Config(passive=True), MemoryCache()).session()
    stream = session.add_stream(1)
    stream.start(0.0)
    stream.receive_datagram(encode_packet(1, 2, message), 0.0)
    (seen,) = [event for event in iter(session.next_event, None) if isinstance(event, PeerDetected)]
    lists = (seen.hashes, seen.ciphers, seen.auth_tags, seen.key_agreements, seen.sas_types)
    assert [len(one) for one in lists] == counts
    assert all(set(one) <= {bytes((65 + place,)) * 4} for place, one in enumerate(lists))
    assert [seen.signature_capable, seen.mitm, seen.passive] == [bool(item[key]) for key in ("S", "M", "P")]


def _known(secrets: dict[str, Any]) -> KnownSecrets:
    known = {key: Secret(bytes.fromhex(value)) for key, value in secrets.items() if value is not None}
    rs1, rs2, aux, pbx = (known.get(name) for name in ("rs1", "rs2", "aux", "pbx"))
    return KnownSecrets(rs1=rs1, rs2=rs2, aux=aux, pbx=pbx, rs1_expected=rs1 is not None)


def _dhpart(kind: type[DHPart1] | type[DHPart2], ids: SecretIds) -> DHPart1 | DHPart2:
    return kind.make(
        h1=bytes(32),
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=bytes(4),
        mac=lambda _: bytes(8),
    )


@pytest.mark.rfc("R-4.3.1-01", "R-4.3.1-02", "R-4.3.1-03", "R-4.3.1-04")
@every("item", primitives("secret_ids"), ids=item_id)
def test_ids_of_secrets(item: dict[str, Any]) -> None:
    """Sent by each role as recorded, and recognised by the other."""
    field = {"auxsecret": "aux", "pbxsecret": "pbx"}.get(item["kind"], item["kind"])
    known = _known({field: item["secret"]})
    hash_ = DEFAULT.hashes[code(item["hash"])]
    h3 = {role: bytes.fromhex(item.get(f"h3_{role.value}", "")) for role in Role}
    for role in Role:
        ids = own_ids(hash_, known, role, h3[role], random.Random(1).randbytes)
        assert getattr(ids, field).hex() == item[f"{role.value}_id"]
        matched = match(hash_, known, _dhpart(DHPart1, ids), role, h3[role])
        found = {"aux": matched.s2, "pbx": matched.s3}.get(field, matched.s1)
        assert found is getattr(known, field)


@pytest.mark.rfc("R-4.3-04", "R-4.3-05", "R-4.3-06", "R-4.3-07", "R-4.3.2-01", "R-4.3.2-02")
@every("item", primitives("s1_selection"))
def test_choice_of_s1(item: dict[str, Any]) -> None:
    hash_ = DEFAULT.hashes[b"S256"]
    known = {role: _known(item[role.value]) for role in Role}
    for role in Role:
        ids = own_ids(hash_, known[role.other], role.other, b"", random.Random(1).randbytes)
        received = _dhpart(DHPart1 if role is Role.INITIATOR else DHPart2, ids)
        matched = match(hash_, known[role], received, role.other, b"")
        assert matched.s1 == (None if item["s1"] is None else Secret(bytes.fromhex(item["s1"])))
        assert (matched.continuity is Continuity.MISMATCH) == item["cache_mismatch"][role.value]


@pytest.mark.rfc("R-4.4.2.2-03", "R-4.4.2.2-04")
@pytest.mark.parametrize("item", primitives("preshared"), ids=item_id)
def test_preshared_key(item: dict[str, Any]) -> None:
    hash_ = DEFAULT.hashes[code(item["hash"])]
    rs1, aux, pbx = (
        None if item[key] is None else Secret(bytes.fromhex(item[key])) for key in ("rs1", "auxsecret", "pbxsecret")
    )
    assert rs1 is not None
    key = preshared_key(hash_, rs1, aux, pbx)
    assert key.octets.hex() == item["preshared_key"]
    assert key_id(hash_, key).hex() == item["key_id"]


@pytest.mark.rfc("R-4.2-02", "R-4.2-03", "R-4.2-04", "R-4.2-05", "R-4.2-06", "R-4.2-07")
@every("item", primitives("contention"), ids=lambda item: item["initiator"])
def test_contention(item: dict[str, Any]) -> None:
    """Both sides come to the same initiator."""
    for own, peer in (("a", "b"), ("b", "a")):
        commits = [parse(bytes.fromhex(item[side]["commit"])) for side in (own, peer)]
        assert isinstance(commits[0], Commit) and isinstance(commits[1], Commit)
        crossing = (commits[0], bool(item[own]["m_flag"]), commits[1], bool(item[peer]["m_flag"]))
        if item["initiator"] == "error":
            with pytest.raises(PeerMisbehaved) as caught:
                resolve(*crossing)
            assert caught.value.code == ErrorCode.SOFTWARE_ERROR
        else:
            assert resolve(*crossing) is (Winner.OWN if item["initiator"] == own else Winner.PEER)


@pytest.mark.rfc("R-4.7.2-01")
@every("item", primitives("clear_mac"), ids=item_id)
def test_clear_mac(item: dict[str, Any]) -> None:
    mackey = Secret(bytes.fromhex(item["mackey"]))
    assert clear_mac(DEFAULT.hashes[code(item["hash"])], mackey, ClearDialect.RFC).hex() == item["mac"]
