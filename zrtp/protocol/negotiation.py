"""Which algorithms an exchange uses (RFC 6189 sections 4.1.1 and 4.1.2).

The key agreement is computed by both sides from both Hellos by one rule; everything else is the initiator's choice
from what both offer. The responder accepts nothing that it did not offer, except the mandatory algorithms, which are
implied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from zrtp.crypto.codes import MULT, PRSH, name
from zrtp.crypto.registry import Algorithms
from zrtp.errors import ApiMisuse, ErrorCode, MalformedPacket, PeerIncompatible
from zrtp.protocol import compatibility
from zrtp.protocol.config import MAX_CODES, Config
from zrtp.protocol.events import Suite
from zrtp.wire.messages import Commit, CommitMode, Hello

VERSION = b"1.10"
"""The version of RFC 6189 (section 4.1.1), and the only one that peers speak."""

MANDATORY_HASHES = (b"S256",)
MANDATORY_CIPHERS = (b"AES1",)
MANDATORY_AUTH_TAGS = compatibility.IMPLIED_AUTH_TAGS
MANDATORY_KEY_AGREEMENTS = (b"DH3k",)
MANDATORY_SAS_TYPES = (b"B32 ",)

GCM = b"GCM "
GCM_CIPHERS = (b"AES1", b"AES3")
"""Ciphers for which SRTP has an AES-GCM form (RFC 7714)."""

NEEDS_384_BITS = (b"EC38", b"E414")
"""Key agreements that may go with a hash of 384 bits only (section 5.1.5)."""

P384_HASHES = (b"S384", b"N384", b"SKN3")
"""Hashes that may go with EC38 (section 5.1.5), strongest wish first."""


class Version(Enum):
    """What a received version field means."""

    AGREED = "agreed"
    HIGHER = "higher"
    """Acknowledge and ignore: the other side comes down to ours."""
    STEP_DOWN = "step down"
    """We support a version that is not above the received one: go on with that."""
    UNSUPPORTED = "unsupported"
    """Lower than everything that we support: Error 0x30."""
    NONSENSE = "nonsense"
    """Not a version number."""


def react_to_version(supported: Iterable[bytes], current: bytes, received: bytes) -> tuple[Version, bytes]:
    """What the version of a received Hello asks for, and the version of our own Hello from then on (section 4.1.1).

    Only the first three octets count. Our version never goes up again, so that the search comes to an end.
    """
    if received[:3] == current[:3]:
        return Version.AGREED, current
    if not (received[:1] + received[2:3]).isdigit() or received[1:2] != b".":
        return Version.NONSENSE, current
    if received[:3] > current[:3]:
        return Version.HIGHER, current
    lower = [version for version in supported if version[:3] <= received[:3]]
    return (Version.STEP_DOWN, max(lower)) if lower else (Version.UNSUPPORTED, current)


class Offer:
    """The lists of our Hello: what is configured, mandatory algorithms listed explicitly, unavailable ones left out.

    Raises:
        ApiMisuse: the configuration leaves nothing in one of the lists.
    """

    __slots__ = ("auth_tags", "ciphers", "hashes", "key_agreements", "sas_types")

    def __init__(self, config: Config) -> None:
        known = config.algorithms
        implied = config.mandatory_always
        self.hashes = _listed(config.hashes, known.hashes, MANDATORY_HASHES if implied else ())
        self.ciphers = _listed(config.ciphers, known.ciphers, MANDATORY_CIPHERS if implied else ())
        tags = _listed(config.auth_tags, known.auth_tags, MANDATORY_AUTH_TAGS if implied else ())
        self.auth_tags = tuple(code for code in tags if _allowed(config, code))
        if config.srtp_profiles is not None:
            self.ciphers, self.auth_tags = _all_possible(config, self.ciphers, self.auth_tags)
        self.sas_types = _listed(config.sas_types, known.sas_types, MANDATORY_SAS_TYPES if implied else ())
        special = [MULT, PRSH] if config.preshared or PRSH in config.key_agreements else [MULT]
        available = [
            code
            for code in config.key_agreements
            if _available(known, code) and (code not in NEEDS_384_BITS or _p384(self.hashes))
        ]
        agreements = MANDATORY_KEY_AGREEMENTS if implied else ()
        room = MAX_CODES - len(special)
        self.key_agreements = (*_listed(available, known.key_agreements, agreements, room), *special)
        self._check()

    def _check(self) -> None:
        """An empty list in a Hello means the mandatory algorithms, which nobody wanted here."""
        for kind in self.__slots__:
            if not set(getattr(self, kind)) - {MULT, PRSH}:
                raise ApiMisuse(f"Config.{kind} names no algorithm that is available and allowed here.")


def _all_possible(
    config: Config, ciphers: tuple[bytes, ...], tags: tuple[bytes, ...]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Ciphers and tags of which the media path can do every combination, since a peer may choose any.

    All tags, if there are ciphers that can do all of them; otherwise those of the first cipher that can do any.
    """
    able = tuple(cipher for cipher in ciphers if all(config.can_do(cipher, tag) for tag in tags))
    if able:
        return able, tags
    for first in ciphers:
        possible = tuple(tag for tag in tags if config.can_do(first, tag))
        if possible:
            return tuple(each for each in ciphers if all(config.can_do(each, tag) for tag in possible)), possible
    raise ApiMisuse("Config.srtp_profiles has no combination of the ciphers and authentication tags that are offered.")


def _allowed(config: Config, auth_tag: bytes) -> bool:
    return config.minimum_auth_tags is None or auth_tag in config.minimum_auth_tags


def _available(known: Algorithms, code: bytes) -> bool:
    return code in known.key_agreements and known.key_agreements[code].available


def _listed(
    wanted: Iterable[bytes], known: Iterable[bytes], mandatory: tuple[bytes, ...], room: int = MAX_CODES
) -> tuple[bytes, ...]:
    """What is known of the wanted codes, once each; mandatory ones at the end, if need be in place of others."""
    usable = [code for code in dict.fromkeys(wanted) if code in known]
    missing = [code for code in mandatory if code not in usable[:room]]
    return (*[code for code in usable if code not in missing][: room - len(missing)], *missing)


def choose_key_agreement(ours: Iterable[bytes], theirs: Iterable[bytes], rank: Callable[[bytes], int]) -> bytes | None:
    """The key agreement that both sides compute alike, or None if there is none in common.

    Common entries in our order and in the peer's order; equal first entries win, otherwise the faster of the two
    (section 4.1.2, merged speed order of `rank`). DH3k is implied at the end of the peer's list.
    """
    ours = [code for code in ours if code not in (MULT, PRSH)]
    theirs = (*theirs, *MANDATORY_KEY_AGREEMENTS)
    our_first = next(filter(theirs.__contains__, ours), None)
    their_first = next(filter(ours.__contains__, theirs), None)
    if our_first is None or their_first is None:
        return None
    return our_first if our_first == their_first else min(our_first, their_first, key=rank)


def choose_suite(config: Config, offer: Offer, peer: Hello) -> Suite:
    """The suite of our Commit in DH or KEM mode.

    Raises:
        PeerIncompatible: 0x40, nothing usable in common.
    """
    known = config.algorithms
    common_hashes = [code for code in (*peer.hashes, *MANDATORY_HASHES) if code in offer.hashes]
    ours = [code for code in offer.key_agreements if code not in NEEDS_384_BITS or _p384(common_hashes)]
    key_agreement = choose_key_agreement(ours, peer.key_agreements, lambda code: known.key_agreements[code].rank)
    if key_agreement is None:
        raise _nothing_in_common("key agreement", peer.key_agreements)
    cipher = _choose_cipher(offer, peer, key_agreement)
    return Suite(
        hash=_choose_hash(config, common_hashes, key_agreement, peer),
        cipher=cipher,
        auth_tag=_choose_auth_tag(offer, peer, cipher),
        key_agreement=key_agreement,
        sas=_first_common("SAS rendering", offer.sas_types, (*peer.sas_types, *MANDATORY_SAS_TYPES)),
    )


def usual_suite(config: Config, offer: Offer) -> Suite:
    """The suite that two endpoints with this configuration agree on. Raises as `choose_suite`."""
    twin = Hello.make(
        version=config.versions[0],
        client_id=bytes(16),
        h3=bytes(32),
        zid=bytes(12),
        signature_capable=False,
        mitm=False,
        passive=False,
        hashes=offer.hashes,
        ciphers=offer.ciphers,
        auth_tags=offer.auth_tags,
        key_agreements=offer.key_agreements,
        sas_types=offer.sas_types,
        mac=lambda _: bytes(8),
    )
    return choose_suite(config, offer, twin)


def choose_preshared_suite(offer: Offer, peer: Hello) -> Suite:
    """The suite of our Commit in Preshared mode: as in DH mode, without a key agreement. Raises as `choose_suite`."""
    cipher = _choose_cipher(offer, peer, PRSH)
    return Suite(
        hash=_first_common("hash", (*peer.hashes, *MANDATORY_HASHES), offer.hashes),
        cipher=cipher,
        auth_tag=_choose_auth_tag(offer, peer, cipher),
        key_agreement=PRSH,
        sas=_first_common("SAS rendering", offer.sas_types, (*peer.sas_types, *MANDATORY_SAS_TYPES)),
    )


def _choose_hash(config: Config, common: list[bytes], key_agreement: bytes, peer: Hello) -> bytes:
    """One of those in common, which are in the order of the peer's list. EC38 needs 384 bits (section 5.1.5)."""
    if not common:
        raise _nothing_in_common("hash", peer.hashes)
    if key_agreement in NEEDS_384_BITS:
        return _p384(common)[0]
    post_quantum = config.algorithms.key_agreements[key_agreement].post_quantum
    return compatibility.hash_for_commit(common, peer, key_agreement, post_quantum=post_quantum)


def _p384(codes: Iterable[bytes]) -> list[bytes]:
    return [code for code in codes if code in P384_HASHES]


def _choose_cipher(offer: Offer, peer: Hello, key_agreement: bytes) -> bytes:
    chosen = _first_common("cipher", offer.ciphers, (*peer.ciphers, *MANDATORY_CIPHERS))
    return compatibility.cipher_for_commit(chosen, key_agreement, offer.ciphers)


def _choose_auth_tag(offer: Offer, peer: Hello, cipher: bytes) -> bytes:
    ours = offer.auth_tags if cipher in GCM_CIPHERS else tuple(code for code in offer.auth_tags if code != GCM)
    listed = [code for code in ours if code in peer.auth_tags]
    chosen = _first_common("SRTP authentication tag", listed or ours, (*peer.auth_tags, *MANDATORY_AUTH_TAGS))
    return compatibility.auth_tag_for_commit(chosen, listed or ours)


def _first_common(kind: str, first: Iterable[bytes], second: Iterable[bytes]) -> bytes:
    second = tuple(second)
    for code in first:
        if code in second:
            return code
    raise _nothing_in_common(kind, second)


def _nothing_in_common(kind: str, theirs: Iterable[bytes]) -> PeerIncompatible:
    listed = ", ".join(name(code) for code in theirs) or "only the mandatory one"
    return PeerIncompatible(
        ErrorCode.HELLO_MISMATCH, f"No {kind} in common: the peer offers {listed}. Offer one of these too."
    )


def check_commit(config: Config, offer: Offer, commit: Commit) -> Suite:
    """The suite of a received Commit, if we offered all of it (section 5.4).

    Raises:
        PeerIncompatible: 0x51 to 0x55, naming what was not offered.
        MalformedPacket: the public key in the Commit has not the length of its key agreement.
    """
    implied = config.mandatory_always
    checks = (
        (commit.hash, offer.hashes, MANDATORY_HASHES, ErrorCode.HASH_UNSUPPORTED),
        (commit.cipher, offer.ciphers, MANDATORY_CIPHERS, ErrorCode.CIPHER_UNSUPPORTED),
        (
            commit.key_agreement,
            offer.key_agreements,
            MANDATORY_KEY_AGREEMENTS,
            ErrorCode.KEY_AGREEMENT_UNSUPPORTED,
        ),
        (commit.auth_tag, offer.auth_tags, MANDATORY_AUTH_TAGS, ErrorCode.AUTH_TAG_UNSUPPORTED),
        (commit.sas, offer.sas_types, MANDATORY_SAS_TYPES, ErrorCode.SAS_UNSUPPORTED),
    )
    for code, offered, mandatory, error in checks:
        if commit.mode is CommitMode.MULTISTREAM and error is ErrorCode.SAS_UNSUPPORTED:
            continue  # the SAS type of a Multistream Commit is ignored (section 4.4.3)
        if code not in offered and not (implied and code in mandatory):
            raise PeerIncompatible(error, f"The peer commits to {name(code)}, which was not offered: {error.text}.")
    _check_combination(config, commit)
    if commit.mode is CommitMode.DH:
        agreement = config.algorithms.key_agreements[commit.key_agreement]
        if len(commit.public_key) != agreement.commit_length:
            raise MalformedPacket(
                f"A Commit to {name(commit.key_agreement)} carries {agreement.commit_length} octets of public key, "
                f"not {len(commit.public_key)}."
            )
    return Suite(
        hash=commit.hash,
        cipher=commit.cipher,
        auth_tag=commit.auth_tag,
        key_agreement=commit.key_agreement,
        sas=commit.sas,
    )


def _check_combination(config: Config, commit: Commit) -> None:
    """Whether what was offered may go together here; raises PeerIncompatible."""
    if not _allowed(config, commit.auth_tag):
        raise PeerIncompatible(
            ErrorCode.AUTH_TAG_UNSUPPORTED,
            f"The peer commits to {name(commit.auth_tag)}, which policy refuses here.",
        )
    if commit.key_agreement in NEEDS_384_BITS and commit.hash not in P384_HASHES:
        raise PeerIncompatible(
            ErrorCode.HASH_UNSUPPORTED,
            f"{name(commit.key_agreement)} needs a 384-bit hash, not {name(commit.hash)}.",
        )
    if commit.auth_tag == GCM and commit.cipher not in GCM_CIPHERS:
        raise PeerIncompatible(
            ErrorCode.CIPHER_UNSUPPORTED,
            f"AES-GCM for SRTP exists with AES1 and AES3, not {name(commit.cipher)}.",
        )
    if config.srtp_profiles is not None and not config.can_do(commit.cipher, commit.auth_tag):
        raise PeerIncompatible(
            ErrorCode.CIPHER_UNSUPPORTED,
            f"The peer commits to {name(commit.cipher)} with {name(commit.auth_tag)}, which the media path cannot do.",
        )
