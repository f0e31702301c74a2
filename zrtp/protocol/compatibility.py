"""What real peers do that RFC 6189 does not foresee: one named rule for each, with the peers and the reason.

The rest of the engine knows nothing of particular implementations. Only the rules that call `_is_this_package` look at
who the peer says it is: every other one holds for everybody, so it also helps with a peer that nobody has met yet.
Where several stacks contradict each other, as about GoClear, the configuration decides.

Numbers like I-15 name the interoperability rules in the tests. Two more rules are about the order of steps, and live in
`zrtp.protocol.discovery`. Every Hello is acknowledged at once, in every state, and before a Commit (I-09: GNU ZRTP and
zrtp4j drop an early Commit), but for the exception above. Our own Hello goes out before the HelloACK when both are due
(I-11: GNU ZRTP never commits after the reverse). The media path has its own rules: `zrtp.media.srtp.tags` (SRTCP tags
that are too short) and `zrtp.media.sdp` (spellings of a=zrtp-hash).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from hmac import compare_digest

from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.crypto.hashes import HashAlgorithm, sha256
from zrtp.errors import ErrorCode
from zrtp.protocol.config import OWN_CLIENT_ID, ClearDialect
from zrtp.protocol.events import Suite
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.secret import Secret
from zrtp.system import RandomSource
from zrtp.wire.messages import SHORTEST_PLAIN, Commit, CommitMode, ConfirmPlain, DHPart1, Hello

LAST_FIRST_SEQUENCE = 0x0FFF
COPIES_BEFORE_YIELDING = 2
PEERS_WITHOUT_PRESHARED = 256
SECRETS_OF_HELLO = 12.0
"""Seconds for which the secrets of the moment of Hello count: so long libzrtp repeats its own."""

IMPLIED_AUTH_TAGS = (b"HS80", b"HS32")
"""The mandatory SRTP authentication tags, in the order in which they are appended to a list without them.

Peers: bzrtp 5.1 commits HS80 to a peer that listed HS32 alone. Reason: the RFC leaves the order open. Rule I-16.
"""


def first_sequence_number(random: RandomSource) -> int:
    """Where the sequence numbers of a stream's packets begin: at random in 1..4095.

    Peers: bzrtp 5.1 and 5.5. Reason: they drop 0 as a first number and whatever is not above the number before, so
    that numbers must not wrap around during a call; the RFC allows any start. Rule I-02.
    """
    return 1 + int.from_bytes(random(2), "big") % LAST_FIRST_SEQUENCE


def takes_commit_for_hello_ack(peer: Hello) -> bool:
    """Whether a Commit may take the place of HelloACK with this peer, as RFC 6189 section 5.3 has it.

    Peers: this package takes it. GNU ZRTP and zrtp4j drop a Commit that comes before HelloACK. Reason: section 5.4 can
    be read so that HelloACK comes first. It saves one way of the path, and is done only where signalling has bound the
    peer's Hello, so that the name in it is the peer's own word. Rule I-09.
    """
    return _is_this_package(peer)


def id_of_answer(commit: Commit, peer: Hello) -> bytes:
    """What our DHPart1 carries as pbxsecretIDr where there is no pbxsecret: which Commit it answers, 8 octets; none,
    for random ones, if the peer would not look at it.

    Peers: this package. Reason: to two Commits, one of them a stranger's, two DHPart1 go to the same address, and the
    RFC leaves nothing by which an initiator knows its own. See `answers_another_commit`. Rule I-49.
    """
    return sha256(b"DHPart1 for Commit" + commit.raw)[:8] if _is_this_package(peer) else b""


def answers_another_commit(dhpart1: DHPart1, commit: Commit, peer: Hello, *, pbxsecret: bool, copies_sent: int) -> bool:
    """Whether a DHPart1 is the answer to somebody else's Commit, by `id_of_answer`.

    Peers: this package. Reason: its public value is none for our Commit. After two more copies of that since the first
    such answer it counts nevertheless: the peer may be older, or have a pbxsecret that we lost. Rule I-49.
    """
    named = _is_this_package(peer) and not pbxsecret and copies_sent <= COPIES_BEFORE_YIELDING
    return named and not compare_digest(dhpart1.pbx_secret_id, id_of_answer(commit, peer))


def hash_for_commit(common: Sequence[bytes], peer: Hello, key_agreement: bytes, *, post_quantum: bool) -> bytes:
    """The hash of our Commit, from those in common in the order of the peer's list: the first one.

    Peers: bzrtp 5.1 and 5.5. Reason: they compute the IDs of their retained secrets when our Hello arrives, with the
    hash that they would choose; another one is a false cache mismatch at their end. With X448, K448 or a post-quantum
    code bzrtp 5.5, which shows by S512 or GCM in its Hello, chooses the strongest one. Rule I-15.
    """
    strongest = post_quantum or key_agreement in (b"X448", b"K448")
    if strongest and (b"S512" in peer.hashes or b"GCM " in peer.auth_tags):
        return next((code for code in (b"S512", b"S384") if code in common), common[0])
    return common[0]


def cipher_for_commit(chosen: bytes, key_agreement: bytes, offered: Container[bytes]) -> bytes:
    """The cipher of our Commit: AES1 with DH2k, otherwise the chosen one.

    Peers: GNU ZRTP, libzrtp. Reason: for them the two belong together, where the RFC says SHOULD. Rule I-17.
    """
    return b"AES1" if key_agreement == b"DH2k" and b"AES1" in offered else chosen


def auth_tag_for_commit(chosen: bytes, common: Container[bytes]) -> bytes:
    """The SRTP authentication tag of our Commit: HS80 instead of HS32 where both sides list it.

    Peers: Linphone, libzrtp, GNU ZRTP. Reason: with HS32 they shorten the tags of SRTCP to 32 bits as well, against
    RFC 3711. A peer that lists HS32 alone, as libzrtp does by default, gets HS32: it answers HS80 with Error 0x54.
    Rule I-19.
    """
    return b"HS80" if chosen == b"HS32" and b"HS80" in common else chosen


def yields_without_losing(own: Commit, peer: Commit, copies_sent: int) -> bool:
    """Whether we become the responder although our Commit wins the contention: nobody answered two more copies of it,
    and the two name different key agreements.

    Peers: bzrtp 5.1 and 5.5. Reason: they compare hvi only between Commits of the same key agreement, and stay
    initiator for ever if the codes differ. Rule I-13.
    """
    return (
        own.mode is CommitMode.DH
        and peer.mode is CommitMode.DH
        and own.key_agreement != peer.key_agreement
        and copies_sent > COPIES_BEFORE_YIELDING
    )


def read_confirm(plain: bytes) -> ConfirmPlain:
    """The decrypted part of the peer's Confirm; one of 19 words has no signature, whatever its length field says.

    Peers: libzrtp. Reason: where it goes secure again, or falls back from Preshared mode, the length field holds stale
    octets; the MAC is right, and 19 words mean "no signature" (RFC 6189 section 5.7). In longer messages the lengths
    have to agree. Raises MalformedPacket where they do not. Rule I-47.
    """
    if len(plain) == SHORTEST_PLAIN:
        plain = plain[:32] + bytes(3) + plain[35:]
    return ConfirmPlain.decode(plain)


def forgo_preshared(with_whom: dict[bytes, None], zid: bytes) -> None:
    """Note that Preshared mode led to nothing with this peer: from the next call on it goes by DH, as long as the
    program runs. `with_whom` keeps the last ones.

    Peers: libzrtp. Reason: it does not renew rs1 in Preshared mode, so that nothing matches from the third call on, and
    some builds compute other keys, so that no call succeeds. Anybody can bring this about, and it costs public-key
    operations alone. Rule I-48.
    """
    with_whom[zid] = None
    if len(with_whom) > PEERS_WITHOUT_PRESHARED:
        del with_whom[next(iter(with_whom))]


def secrets_of_hello(
    known: KnownSecrets, record: PeerRecord | None, at_hello: PeerRecord | None, *, waited: float, now: float
) -> KnownSecrets:
    """What counts as known of a peer whose Hello came `waited` seconds ago, when `at_hello` was its record: if other
    calls have put new secrets into `record` since, the rs1 of that moment stands in place of rs2, and if none was
    expected then, a missing one is no alarm. This ends when somebody compares the SAS. `now` is wall clock time.

    Peers: libzrtp as a PBX. Reason: it reads its secrets when Hello comes, and lets one of two calls at the same moment
    wait for the other, so that the IDs of the later one are from before the first. Where a secret was expected, one
    still has to match; a call without any is a first call, as it is for the peer. Rule I-50.
    """
    if waited > SECRETS_OF_HELLO or known.rs1 is None or _compared(record) != _compared(at_hello):
        return known
    before = None if at_hello is None else at_hello.rs1
    if before is not None and not known.unsure and before not in (known.rs1, known.rs2):
        known = replace(known, rs2=before)
    expected = at_hello is not None and at_hello.expects_match(now)
    return replace(known, rs1_expected=known.rs1_expected and expected)


def multistream_confirm(first: ConfirmPlain, h0: bytes) -> ConfirmPlain:
    """Our Confirm on a further stream: the flags of the first stream's once more, no signature.

    Peers: libzrtp. Reason: a Confirm with V=0 clears its stored "verified", also in Multistream mode, where the RFC
    gives the flags no meaning. Rule I-23.
    """
    return ConfirmPlain(
        h0=h0,
        enrolment=first.enrolment,
        verified=first.verified,
        allow_clear=first.allow_clear,
        disclosure=first.disclosure,
        cache_interval=FOREVER,
    )


def refusal_of_multistream_suite(first: Suite, further: Suite, *, strict: bool) -> ErrorCode | None:
    """Why the peer's Commit for a further stream is refused on account of its algorithms; None if it is accepted.

    Peers: bzrtp 5.1 (Linphone). Reason: it chooses hash, cipher and tag of a further stream by its own list once more,
    where the RFC says that they SHOULD be those of the first stream; half of all video calls would fail. All of them
    were offered, and the Confirm proves ZRTPSess, so that nothing weaker than policy allows can come of it; `strict`
    insists on the same ones. Rule I-21.
    """
    if strict and further.hash != first.hash:
        return ErrorCode.HASH_UNSUPPORTED
    if strict and further.cipher != first.cipher:
        return ErrorCode.CIPHER_UNSUPPORTED
    if strict and further.auth_tag != first.auth_tag:
        return ErrorCode.AUTH_TAG_UNSUPPORTED
    return None


def goclear_ends_every_stream(dialect: ClearDialect) -> bool:
    """Whether a GoClear on one stream switches encryption off on all streams of the call (RFC 6189 section 4.7.2).

    Peers: libzrtp clears the stream that it is about, and ignores a Commit on the others, which it holds to be secure.
    Reason: unknown; so each stream gets its own GoClear, and one that the peer did not clear stays as it is. Rule I-37.
    """
    return dialect is not ClearDialect.LIBZRTP


def goclear_covered(dialect: ClearDialect) -> bytes:
    """What clear_mac covers: "GoClear ", eight octets (RFC 6189 section 5.11), or without the space.

    Peers: libzrtp leaves out the space. Reason: it takes the text, not the type block. Rule I-37.
    """
    return b"GoClear" if dialect is ClearDialect.LIBZRTP else b"GoClear "


def zrtpsess_after_goclear(
    hash_: HashAlgorithm, zrtpsess: Secret, zid_i: bytes, zid_r: bytes, dialect: ClearDialect
) -> Secret:
    """ZRTPSess = KDF(ZRTPSess, "New ZRTP Session", ZIDi || ZIDr, hash length) (RFC 6189 section 4.7.2.1).

    The ZIDs are in the roles of the exchange that made ZRTPSess, about which the RFC is silent.

    Peers: bzrtp 5.5 has only the responder's ZID, followed by zeros, in the context; libzrtp just hashes ZRTPSess.
    Reason: unknown, and neither accepts the other's. Rule I-37.
    """
    if dialect is ClearDialect.LIBZRTP:
        return Secret(hash_.hash(zrtpsess.octets))
    context = zid_r + bytes(len(zid_r)) if dialect is ClearDialect.BZRTP else zid_i + zid_r
    return hash_.kdf(zrtpsess, b"New ZRTP Session", context, hash_.length * 8)


def _is_this_package(peer: Hello) -> bool:
    """Whether the peer says that it is a copy of this package."""
    return peer.client_id.startswith(OWN_CLIENT_ID)


def _compared(record: PeerRecord | None) -> tuple[float | None, float | None]:
    """When people compared the SAS with this peer, and what came of it."""
    return (None, None) if record is None else (record.verified_at, record.differed_at)
