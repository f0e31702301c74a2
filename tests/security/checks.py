"""The security checks that are taken out one at a time, each with the tests that have to notice.

A check is known by its shape (`tests.security.structure`), so that moving code or laying it out anew does not touch
this list; the name of a function stands beside it where the shape alone fits in two places.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.security.structure import Found, find, guards

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "zrtp"

ROOMS = ("secret.py", "wire", "crypto", "cache", "protocol", "media")
"""Below zrtp/: where the checks are that the security of every call rests on."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its absence."""

    name: str
    shape: str
    """What stands in the code once; or what comes of the check, `says: <a part of the text>`, for its condition."""
    without: str
    """What the code has instead of it; "" takes a statement out."""
    tests: tuple[str, ...]
    """Test modules or folders below tests/, the likeliest first."""
    within: str = ""
    """The function around it."""

    def found(self, package: Path = PACKAGE) -> Found:
        """Where it stands.

        Raises:
            LookupError: nowhere, or at more than one place.
        """
        says = self.shape.removeprefix("says: ")
        everywhere = (find if says == self.shape else guards)(says, package, self.within)
        places = [place for place in everywhere if place.path.relative_to(package).parts[0] in ROOMS]
        if len(places) != 1:
            where = ", ".join(map(str, places)) or "nowhere"
            raise LookupError(f'The check "{self.name}" should stand in the code once, but was found: {where}.')
        return places[0]


def files_called(name: str, root: Path = ROOT) -> list[Path]:
    """A folder below tests/, or the test modules with this name, wherever they are."""
    folder = root / "tests" / name
    return [folder] if folder.is_dir() else sorted((root / "tests").rglob(f"{name}.py"))


CHECKS = (
    Check(
        "only who repeats our Ping hears us",
        "compare_digest(ack.received_endpoint_hash, _.past.challenge)",
        "True",
        ("test_hearing",),
    ),
    Check(
        "also while an exchange runs",
        "not hearing.is_answer(core, ack.message)",
        "False",
        ("test_hearing",),
        within="on_ping_ack_in_exchange",
    ),
    Check(
        "half of the public values are kept for who hears us",
        "0.0 if heard else limits.PUBLIC_VALUES_KEPT",
        "0.0",
        ("test_hearing",),
    ),
    Check(
        "the last place is kept for who hears us",
        "not heard and sum(not one.heard for one in exchanges) >= limit - 1",
        "False",
        ("test_side_by_side", "test_hearing"),
    ),
    Check(
        "a quarter of the half-open exchanges is kept for who hears us",
        "not heard and sum(not exchange.heard for exchange in crowd) >= limit - limit // 4",
        "False",
        ("test_half_open", "test_installation", "test_commitment"),
    ),
    Check(
        "on a stream who hears us makes no room for who may not",
        "had_time and not exchange.proved and heard >= exchange.heard",
        "had_time and not exchange.proved",
        ("test_side_by_side",),
        within="_end_one",
    ),
    Check(
        "at an endpoint who hears us makes no room for who may not",
        "had_time and not exchange.proved and heard >= exchange.heard",
        "had_time and not exchange.proved",
        ("test_half_open",),
        within="make_room",
    ),
    Check(
        "in a crowd who hears us comes first",
        "not hearing.admit(_, candidate.ssrc, now)",
        "False",
        ("test_hearing", "test_initiation"),
    ),
    Check(
        "hvi",
        "committed is None or not hmac.compare_digest(hvi(hash_, dhpart2.raw, own_hello.raw), committed)",
        "committed is None",
        ("test_agreement", "test_key_schedule"),
    ),
    Check(
        "each Commit is answered with a fresh key pair",
        "stock.popleft() if stock else None",
        "stock[0] if stock else None",
        ("test_commitment", "test_prepared"),
    ),
    Check(
        "no Commit on a chain whose H1 is out",
        "_.own.h1_shown = True",
        "",
        ("test_initiation",),
    ),
    Check(
        "a newcomer is told once a second",
        "_.past.told_of_newcomer is None or now - _.past.told_of_newcomer >= limits.NEWCOMER_INTERVAL",
        "True",
        ("test_newcomers",),
    ),
    Check(
        "a DHPart of a newcomer continues his own Hello",
        "hmac.compare_digest(sha256(sha256(_.h1)), _.hello.h3)",
        "True",
        ("test_newcomers",),
    ),
    Check(
        "the peer's own Commit introduces nobody",
        "_.zid == _.call.zid or _leads_to_the_peer(_, sha256(_.h2))",
        "False",
        ("test_newcomers",),
    ),
    Check(
        "an Error of somebody who proved nothing fails no stream",
        "not exchange.proved",
        "False",
        ("test_ending",),
        within="on_grace_over",
    ),
    Check(
        "whoever ended it with an Error begins no new search",
        "_.state is State.QUIET and hello.message.h3 in _.past.ended_by_error",
        "False",
        ("test_ending",),
    ),
    Check(
        "two ends do not commit anew in the same moment",
        "left and _.call.zid > max(left)",
        "False",
        ("test_initiation",),
    ),
    Check(
        "only the first sign of a peer extends the search",
        "_.discovery_ends is None or Trigger.DISCOVERY_DEADLINE not in _.deadlines",
        "True",
        ("test_discovery",),
    ),
    Check(
        "nothing in common only shortens the search",
        "min(shorter, _.deadlines[Trigger.DISCOVERY_DEADLINE])",
        "shorter",
        ("test_discovery",),
    ),
    Check("H3 from H2", "hmac.compare_digest(hashlib.sha256(h2).digest(), hello.h3)", "True", ("test_hash_chain",)),
    Check("H2 from H1", "hmac.compare_digest(hashlib.sha256(h1).digest(), commit.h2)", "True", ("test_hash_chain",)),
    Check("H1 from H0", "hmac.compare_digest(hashlib.sha256(h0).digest(), dhpart.h1)", "True", ("test_hash_chain",)),
    Check(
        "H2 continues the Hello",
        'raise ChainBroken("H2 does not belong to the Hello")',
        "",
        ("test_hash_chain", "test_commitment", "test_agreement"),
    ),
    Check("source of Commit", "candidate.ssrc != received.ssrc", "False", ("test_commitment",)),
    Check(
        "H1 of DHPart2 continues the Commit",
        'raise ChainBroken("H1 does not belong to the Commit")',
        "",
        ("test_hash_chain", "test_agreement"),
    ),
    Check(
        "H0 of Confirm continues DHPart",
        'raise ChainBroken("H0 does not belong to the DHPart message")',
        "",
        ("test_hash_chain", "test_confirmation"),
    ),
    Check(
        "H0 of a Multistream Confirm continues the Hello",
        "verify_hello(hello, sha256(sha256(h0)))",
        "",
        ("test_hash_chain", "test_confirmation"),
    ),
    Check(
        "H0 of a Multistream Confirm continues the Commit",
        "verify_commit(commit, sha256(h0))",
        "",
        ("test_hash_chain", "test_confirmation"),
    ),
    Check(
        "MACs of Hello, Commit and DHPart",
        "not hmac.compare_digest(hmac.digest(key, covered, 'sha256')[:MAC_LENGTH], message.mac)",
        "False",
        ("test_hash_chain",),
    ),
    Check(
        "Confirm MAC",
        "not hmac.compare_digest(_.mac(mackey, ciphertext)[:MAC_LENGTH], mac)",
        "False",
        ("test_confirmation",),
    ),
    Check("ZID of Commit", "commit.zid != candidate.hello.zid", "False", ("test_commitment",)),
    Check("equal ZIDs", "hello.zid == _.zid", "False", ("test_discovery",), within="acknowledge"),
    Check(
        "zrtp-hash",
        "expected is None or compare_digest(sha256(hello.raw), expected)",
        "True",
        ("test_discovery",),
    ),
    Check(
        "offered algorithms",
        "code not in offered and (not (implied and code in mandatory))",
        "False",
        ("test_negotiation", "test_commitment"),
    ),
    Check("one key agreement in a call", "_.zrtpsess is not None", "False", ("test_commitment",), within="respond"),
    Check("nonce", "commit.nonce in _.used", "False", ("test_nonces", "test_commitment")),
    Check(
        "range of a finite-field public value",
        'not 1 < int.from_bytes(pv, "big") < _.prime - 1',
        "False",
        ("crypto/key_agreements", "crypto"),
    ),
    Check(
        "range of a point's coordinates",
        "x >= _.prime or y >= _.prime or x == y == 0",
        "False",
        ("crypto/key_agreements", "crypto"),
    ),
    Check("all-zero secret", "len(result) != length or not any(result)", "False", ("crypto/key_agreements", "crypto")),
    Check(
        "own public value reflected",
        "agreement.same_point(pv, _.public_value)",
        "False",
        ("crypto/key_agreements", "crypto"),
    ),
    Check(
        "mismatch gate", "not _X or (unproved and not _.authenticated)", "not _X", ("test_retention", "test_session")
    ),
    Check(
        "no verdict makes a compromised call good", "_.compromised", "False", ("test_session",), within="sas_matched"
    ),
    Check("SAS only after both Confirms", "_.sas is None", "False", ("test_session",), within="need_sas"),
    Check(
        "gate for clear media",
        "state in IN_EXCHANGE or state in (State.SECURE, State.GOCLEAR_SENT, State.CLEAR_PENDING)",
        "False",
        ("test_stream", "test_ending"),
    ),
    Check("gate for SRTP", "_.sending is Sending.SRTP", "True", ("test_secure",), within="SecureMedia.protect"),
    Check("gate for SRTCP", "_.sending is Sending.SRTP", "True", ("test_secure",), within="may_send"),
    Check(
        "no SRTP before Conf2ACK",
        "transmission.send_in_exchange(_X, confirm2, exchange, received.at)",
        "_X.open_gate(confirmed); transmission.send_in_exchange(_X, confirm2, exchange, received.at)",
        ("test_confirmation",),
    ),
    Check("GoClear MAC", "hmac.compare_digest(expected, message.clear_mac)", "True", ("test_clearing",)),
    Check(
        "GoClear only if we allowed it",
        "not own.allow_clear or own.enrolment or peer.enrolment",
        "False",
        ("test_clearing",),
    ),
    Check(
        "relayed SAS only from a declared server",
        "not exchange.peer.hello.mitm",
        "False",
        ("test_attacks_relay", "test_relaying"),
    ),
    Check(
        "relayed SAS only from an enrolled server",
        "exchange.matched.s3 is None",
        "False",
        ("test_attacks_relay", "test_relaying"),
    ),
    Check(
        "enrolment only by the user",
        "if _.enrol and (not _._enrolment_waits(exchange)): ...",
        "if True: ...",
        ("test_relaying", "test_attacks_relay"),
        within="enrol",
    ),
    Check("an Error needs a grace period", "_.later(received.at, limits.ERROR_GRACE)", "received.at", ("test_ending",)),
    Check("length of a fragmented message", "4 * fragment.total_words > _.limit_octets", "False", ("test_fragments",)),
    Check(
        "frame of a fragmented message",
        "check_frame(message)",
        "",
        ("test_fragmented_messages",),
        within="take_reassembled",
    ),
    Check("place of a fragment", "fragment.offset_words + words > fragment.total_words", "False", ("test_fragments",)),
    Check(
        "a relayed SAS is not verified by what was compared before",
        "if changed: ...",
        "if changed and compared: ...",
        ("test_attacks_relay",),
        within="take_relayed_sas",
    ),
    Check("a PingACK needs a Ping", "not _.pings", "False", ("test_discovery", "test_discovery_under_attack")),
    Check(
        "a signature by our own key is refused",
        "hmac.compare_digest(_key_of(_, ours), _key_of(_, received.signer))",
        "False",
        ("test_signatures",),
    ),
    Check(
        "a part with a sequence number far away waits",
        "all(_near(parts[0], part) for part in parts)",
        "True",
        ("test_fragments",),
    ),
    Check(
        "a whole copy counts although others claim its places",
        "all(_follows(one, other) for one, other in pairwise(parts))",
        "False",
        ("test_fragments", "test_fragmented_messages"),
    ),
    Check("CRC", "raise BadChecksum(...)", "", ("test_packet",)),
    Check("SRTP tag", "not hmac.compare_digest(_.tag(data, len(tag)), tag)", "False", ("test_transforms", "test_srtp")),
    Check("SRTP replay", "_.used >> age & 1", "False", ("test_replay",)),
    Check("SRTP replay window", "age >= WINDOW", "False", ("test_replay",)),
    Check("answers to duplicates are bounded", "times >= limits.DUPLICATE_ANSWERS", "False", ("test_stream",)),
    Check(
        "answers to strangers are bounded",
        "not _.take(now, kept)",
        "False",
        ("test_stream", "test_discovery"),
    ),
    Check(
        "Commit goes to whoever acknowledged our Hello",
        "known.ssrc != _.acknowledged_by",
        "False",
        ("test_initiation",),
        within="by_preference",
    ),
    Check("Hello is repeated for a peer that did not get it", "_.preceded_by = _.hello", "", ("test_discovery",)),
    Check("MAC of Hello", "_verify_mac(h2, hello)", "", ("test_hash_chain", "test_commitment")),
    Check("MAC of Commit", "_verify_mac(h1, commit)", "", ("test_hash_chain", "test_agreement")),
    Check("MAC of DHPart", "_verify_mac(h0, dhpart)", "", ("test_hash_chain", "test_confirmation")),
    Check(
        "MAC keys go by role",
        "_X if _ is Role.INITIATOR else _Y",
        "_X",
        ("test_confirm", "test_attacks_goclear"),
        within="mackey",
    ),
    Check(
        "keys of Confirm go by role",
        "_X if _ is Role.INITIATOR else _Y",
        "_X",
        ("test_confirm", "test_vectors"),
        within="of",
    ),
    Check(
        "SRTP keys go by role",
        "_X if _ is Role.INITIATOR else _Y",
        "_X",
        ("test_key_schedule", "test_confirmation"),
        within="srtp",
    ),
    Check("own Hello reflected", "_.is_own_hello(hello.raw)", "False", ("test_discovery",)),
    Check("a further stream commits to the peer's ZID only", "peer_zid in (None, _.zid)", "True", ("test_one_peer",)),
    Check(
        "a stream waits for another one",
        "_.has_to_wait(core, now)",
        "False",
        ("test_other_streams",),
        within="commit_to",
    ),
    Check(
        "the keys of a call come from one stream",
        "_is_decided(core) or (exchange.role is Role.INITIATOR and _loses_to_another(core, exchange))",
        "False",
        ("test_other_streams",),
    ),
    Check(
        "a Multistream Commit is the peer's", "commit.zid != _.peer_zid", "False", ("test_commitment", "test_session")
    ),
    Check(
        "source of a message of the exchange",
        "_.exchange is not None and ssrc != _.ssrc and (not may_be_the_peers(core, kind, ssrc))",
        "False",
        ("test_stream", "test_ending"),
    ),
    Check("our own SSRC", "ssrc == _.ssrc", "False", ("test_discovery", "test_stream"), within="take_message"),
    Check("Error about a malformed packet to the peer only", "_.knows(ssrc)", "True", ("test_strangers",)),
    Check("fragments of the peer only", "limit == 0 or not _.knows(fragment.ssrc)", "limit == 0", ("test_strangers",)),
    Check(
        "HelloACK of a known source only",
        "ack.ssrc not in [known.ssrc for known in _.values()]",
        "False",
        ("test_discovery_under_attack",),
    ),
    Check(
        "HelloACK of whoever sent the Hello",
        "_.state in (State.HELLO_ACKED, State.QUIET) and _.acknowledged_by != candidate.ssrc",
        "False",
        ("test_discovery_under_attack",),
    ),
    Check(
        "length of a public value", "len(octets) != length", "False", ("crypto/key_agreements",), within="check_length"
    ),
    Check(
        "lineage of a Preshared secret",
        "record.trusted_lineage",
        "True",
        ("test_retention", "test_commitment"),
        within="allows_preshared",
    ),
    Check(
        "Preshared calls in a row",
        "record.preshared_count < _.preshared_limit",
        "True",
        ("test_retention", "test_commitment"),
    ),
    Check(
        "keyID",
        'found is None and Secret(key_id(exchange.hash, key)) == Secret(exchange.commit.key_id or b"")',
        "found is None",
        ("test_commitment",),
    ),
    Check(
        "signature of the SAS",
        '_.warn(WarningCode.SIGNATURE_INVALID, f"The other side\'s signature is wrong: {error}", now)',
        "",
        ("test_signatures",),
    ),
    Check(
        "clear media stops when we commit",
        "_.set_sending(Sending.BLOCKED)",
        "",
        ("test_commitment", "test_secure"),
        within="commit_to",
    ),
    Check(
        "clear media stops when the peer commits",
        "_.set_sending(Sending.BLOCKED)",
        "",
        ("test_gates",),
        within="become_responder",
    ),
    Check(
        "plain RTP after secure is dropped",
        "_.note_refused(error, now)",
        "return packet",
        ("test_secure",),
        within="SecureMedia.unprotect",
    ),
    Check(
        "what counted at Hello counts for a while",
        "waited > SECRETS_OF_HELLO or known.rs1 is None or _compared(record) != _compared(at_hello)",
        "known.rs1 is None or _compared(record) != _compared(at_hello)",
        ("test_compatibility", "test_retention", "test_rules"),
    ),
    Check(
        "what counted at Hello counts until somebody compares",
        "waited > SECRETS_OF_HELLO or known.rs1 is None or _compared(record) != _compared(at_hello)",
        "waited > SECRETS_OF_HELLO or known.rs1 is None",
        ("test_compatibility", "test_rules"),
    ),
    Check(
        "a secret that was expected at Hello has to match",
        "known.rs1_expected and expected",
        "False",
        ("test_compatibility", "test_retained_secrets"),
    ),
    Check(
        "V flag only with a match",
        "exchange.matched.s1 is not None",
        "True",
        ("test_session", "test_retained_secrets", "test_whole_calls"),
    ),
    Check(
        "verified only if both remember it",
        "peer.verified",
        "True",
        ("test_session", "test_retained_secrets"),
        within="verified_before",
    ),
    Check(
        "an Error has no effect without an exchange",
        "ending.on_error_without_effect",
        "ending.on_error",
        ("test_ending", "test_transitions"),
    ),
    Check(
        "least authentication tag",
        "config.minimum_auth_tags is None or auth_tag in config.minimum_auth_tags",
        "True",
        ("test_negotiation", "test_commitment"),
    ),
    Check(
        "EC38 needs a hash of 384 bits",
        "commit.key_agreement in NEEDS_384_BITS and commit.hash not in P384_HASHES",
        "False",
        ("test_negotiation",),
    ),
    Check("counts of algorithms in Hello", "word & _COUNTS_ABOVE_SEVEN", "False", ("test_messages",)),
    Check("length of a signature", "4 * words != len(octets)", "False", ("test_messages",)),
    Check("length word of a message", "4 * words != octets", "False", ("test_packet",)),
    Check("length word of a fragment", "4 * words != len(data)", "False", ("test_packet",)),
    Check(
        "half-open exchanges", "_has_room(crowd, _._limit, heard=heard)", "True", ("test_half_open", "test_endpoint")
    ),
    Check(
        "half-open exchanges of one ZID", "_has_room(crowd, _._limit_of_zid, heard=heard)", "True", ("test_half_open",)
    ),
    Check(
        "who proved to be there keeps the exchange among many",
        "had_time and not exchange.proved and heard >= exchange.heard",
        "had_time and heard >= exchange.heard",
        ("test_half_open",),
        within="make_room",
    ),
    Check(
        "who proved to be there keeps the exchange on a stream",
        "had_time and not exchange.proved and heard >= exchange.heard",
        "had_time and heard >= exchange.heard",
        ("test_side_by_side",),
        within="_end_one",
    ),
    Check(
        "Commits of one source answered side by side",
        "sum(compare_digest(one.peer.hello.h3, h3) for one in answered) >= limits.ANSWERED_OF_SOURCE + heard",
        "False",
        ("test_side_by_side",),
    ),
    Check(
        "exchanges side by side",
        "len(exchanges) < limit",
        "True",
        ("test_side_by_side", "test_commitment"),
    ),
    Check(
        "candidate Hellos",
        "len(candidates) >= limits.CANDIDATES",
        "False",
        ("test_discovery",),
    ),
    Check(
        "MAC of a late GoClear",
        "late is not None and hmac.compare_digest(late.clear_mac, message.clear_mac)",
        "late is not None",
        ("test_clearing", "test_attacks_goclear"),
    ),
    Check("a crossing GoClear does not count", "late.counts", "True", ("test_attacks_goclear", "test_clearing")),
    Check(
        "no RTP before the user agrees",
        "Sending.BLOCKED",
        "Sending.CLEAR",
        ("test_clearing", "test_attacks_goclear"),
        within="let_go",
    ),
    Check(
        "no export after GoClear", "_.forget_exported_key()", "", ("test_attacks_goclear",), within="replace_secrets"
    ),
    Check("s0 is wiped", "s0.wipe()", "", ("test_confirmation",)),
    Check(
        "secrets are not printed",
        'f"Secret(<{_} octets>)"',
        'f"Secret({self._octets.hex()})"',
        ("test_key_octets", "test_key_schedule"),
    ),
    Check("two directions do not share a key", "send.key == receive.key", "False", ("test_srtp",)),
    Check(
        "another relayed SAS withdraws the verdict",
        "_._verdict = False",
        "",
        ("test_attacks_relay",),
        within="take_relayed_sas",
    ),
    Check(
        "enrolment needs evidence",
        "_.assurance in doubtful and (not despite_unverified)",
        "False",
        ("test_relaying", "test_attacks_relay"),
    ),
    Check(
        "call in clear is not verified",
        "_X is None or all(_ for _ in _.members)",
        "_X is None",
        ("test_attacks_goclear",),
    ),
    Check(
        "gate for SRTP of a closed stream",
        "if _.sending is Sending.SRTP: ...",
        "",
        ("test_stream", "test_stateful"),
        within="on_close",
    ),
)
