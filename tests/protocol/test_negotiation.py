"""Which algorithms an exchange uses, from both Hellos, and what a Commit may ask for."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import wire
from tests.support.cases import every
from zrtp.crypto.codes import MULT, PRSH
from zrtp.crypto.key_agreements.base import MERGED_ORDER, rank
from zrtp.crypto.key_agreements.ml_kem import MlKem512
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.crypto.srtp_suites import SUITES
from zrtp.errors import ApiMisuse, BackendUnavailable, ErrorCode, MalformedPacket, PeerIncompatible
from zrtp.protocol.config import Config
from zrtp.protocol.negotiation import (
    Offer,
    Version,
    check_commit,
    choose_key_agreement,
    choose_preshared_suite,
    choose_suite,
    react_to_version,
)
from zrtp.wire.messages import Commit, Hello

LINPHONE = (b"X255", b"X448", b"DH3k", b"DH2k", b"Mult")
GNU_ZRTP = (b"EC25", b"DH3k", b"EC38", b"DH2k", b"Mult")
LIBZRTP = (b"EC25", b"DH3k", b"DH2k", b"Mult")
NEWER_LINPHONE = (b"X3M3", b"X255", b"X448", b"DH3k", b"Mult")
OTHER_HYBRID_FIRST = (b"X1M1", b"X3M3", b"X255", b"DH3k", b"Mult")
CURVE_FIRST = (b"X255", b"X448", b"DH3k", b"MLK1", b"X3M3", b"Mult")

CODES = st.lists(st.sampled_from([*MERGED_ORDER, MULT, PRSH]), max_size=7).map(tuple)


def offer(**config: Any) -> tuple[Config, Offer]:
    made = Config(**config)
    return made, Offer(made)


def peer(**lists: tuple[bytes, ...]) -> Hello:
    """A Hello that offers what is given, and nothing explicitly otherwise."""
    empty: dict[str, tuple[bytes, ...]] = dict.fromkeys(
        ("hashes", "ciphers", "auth_tags", "key_agreements", "sas_types"), ()
    )
    return wire.hello(**empty | lists)


# Versions


@pytest.mark.rfc("R-4.1.1-14")
@pytest.mark.attack("PAR-17")
@every("version", [b"1.10", b"1.1 ", b"1.1a", b"1.19", b"1.1\0"])
def test_only_the_first_three_octets_of_a_version_count(version: bytes) -> None:
    assert react_to_version([b"1.10"], b"1.10", version) == (Version.AGREED, b"1.10")


@pytest.mark.rfc("R-4.1.1-08")
@pytest.mark.parametrize("version", [b"1.20", b"2.00", b"9.99"])
def test_higher_versions_are_the_other_sides_to_come_down_from(version: bytes) -> None:
    assert react_to_version([b"1.10"], b"1.10", version) == (Version.HIGHER, b"1.10")


@pytest.mark.rfc("R-4.1.1-12", "R-4.1.1-15")
@pytest.mark.attack("DWN-11")
@pytest.mark.parametrize("version", [b"1.00", b"0.95", b"0.10"])
def test_lower_versions_are_not_supported(version: bytes) -> None:
    assert react_to_version([b"1.10"], b"1.10", version) == (Version.UNSUPPORTED, b"1.10")


@pytest.mark.attack("PAR-17")
@every("version", [b"abcd", bytes(4), b"\xff\xfe\xfd\xfc", b"1x10", b"..10", b" 1.1"])
def test_what_is_no_number_is_nonsense_and_no_exception(version: bytes) -> None:
    assert react_to_version([b"1.10"], b"1.10", version) == (Version.NONSENSE, b"1.10")


@pytest.mark.rfc("R-4.1.1-10", "R-4.1.1-11")
def test_among_several_versions_the_highest_not_above_the_received_one_is_next() -> None:
    ours = [b"1.30", b"1.20", b"1.10"]
    assert react_to_version(ours, b"1.30", b"1.25") == (Version.STEP_DOWN, b"1.20")
    assert react_to_version(ours, b"1.30", b"1.10") == (Version.STEP_DOWN, b"1.10")
    assert react_to_version(ours, b"1.20", b"1.30") == (Version.HIGHER, b"1.20")


@pytest.mark.attack("DWN-12")
@pytest.mark.rfc("R-4.1.1-13")
@given(st.lists(st.integers(0, 99), min_size=1, max_size=7), st.lists(st.integers(0, 99), max_size=50))
def test_our_version_only_goes_down_however_often_the_peer_changes_its_mind(ours: list[int], theirs: list[int]) -> None:
    supported = [b"%d.%d0" % divmod(number, 10) for number in ours]
    current = max(supported)
    for number in theirs:
        reaction, following = react_to_version(supported, current, b"%d.%d0" % divmod(number, 10))
        assert following < current if reaction is Version.STEP_DOWN else following == current
        assert following in supported
        current = following


# Our offer


@pytest.mark.interop("I-06")
@pytest.mark.rfc("R-5.1.2-01", "R-5.1.3-01", "R-5.1.4-01", "R-5.1.5-01", "R-5.1.5-04", "R-5.1.6-01", "R-5.2-10")
@every(
    "config",
    [
        Config(),
        Config(hashes=(), ciphers=(), auth_tags=(), key_agreements=(), sas_types=()),
        Config(hashes=(b"S384",), ciphers=(b"AES3",), auth_tags=(b"GCM ",), key_agreements=(b"X255",)),
        Config(key_agreements=(b"DH2k", b"X255", b"E255", b"K255", b"EC25", b"X448", b"K448")),
        Config(hashes=(b"S384", b"S512", b"N256", b"N384"), sas_types=(b"B256", b"B32E")),
    ],
    ids=["default", "empty", "narrow", "seven others", "four hashes"],
)
def test_mandatory_algorithms_are_always_listed(config: Config) -> None:
    made = Offer(config)
    assert b"S256" in made.hashes
    assert b"AES1" in made.ciphers
    assert {b"HS80", b"HS32"} <= set(made.auth_tags)
    assert {b"DH3k", b"Mult"} <= set(made.key_agreements)
    assert b"B32 " in made.sas_types
    for codes in (made.hashes, made.ciphers, made.auth_tags, made.key_agreements, made.sas_types):
        assert len(codes) == len(set(codes)) <= 7


def test_a_strict_endpoint_lists_nothing_that_it_would_refuse() -> None:
    _, made = offer(hashes=(b"S384",), auth_tags=(b"GCM ",), key_agreements=(b"X448",), mandatory_always=False)
    assert made.hashes == (b"S384",)
    assert made.auth_tags == (b"GCM ",)
    assert made.key_agreements == (b"X448", b"Mult")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("key_agreements", {"key_agreements": (b"Mult",), "mandatory_always": False}),
        ("auth_tags", {"minimum_auth_tags": (b"SK64",)}),
    ],
)
def test_a_configuration_that_leaves_a_list_empty_is_refused(kind: str, config: dict[str, Any]) -> None:
    """An empty list would mean the mandatory algorithms to the peer."""
    with pytest.raises(ApiMisuse, match=rf"Config\.{kind} names no algorithm"):
        offer(**config)


@pytest.mark.rfc("R-4.1.2-01", "R-5.1.5-20")
def test_lists_keep_the_order_of_the_configuration() -> None:
    """Where hardware is slow, DH2k can stand before DH3k."""
    _, made = offer(key_agreements=(b"DH2k", b"DH3k"))
    assert made.key_agreements == (b"DH2k", b"DH3k", b"Mult")
    _, made = offer(ciphers=(b"AES1", b"AES3"), key_agreements=(b"DH3k", b"X255", b"EC25"))
    assert made.ciphers == (b"AES1", b"AES3")
    assert made.key_agreements == (b"DH3k", b"X255", b"EC25", b"Mult")


@pytest.mark.attack("DH-17")
@pytest.mark.parametrize("code", [b"KYB1", b"X1K1", b"HQD1", b"E414"])
def test_what_is_not_implemented_cannot_be_configured(code: bytes) -> None:
    """It would silently become another algorithm."""
    assert code in RECOGNISED
    with pytest.raises(ApiMisuse, match=rf"Config\.key_agreements: '{code.decode()}' is none of the algorithms here"):
        Config(key_agreements=(code, b"X255"))


@pytest.mark.parametrize(("kind", "code"), [("hashes", b"SKN3"), ("ciphers", b"2FS1"), ("auth_tags", b"SK64")])
def test_an_unknown_code_of_any_kind_cannot_be_configured(kind: str, code: bytes) -> None:
    settings: dict[str, Any] = {kind: (code,)}
    with pytest.raises(ApiMisuse, match=rf"Config\.{kind}: '{code.decode()}' is none of the algorithms here"):
        Config(**settings)


def test_what_no_library_here_computes_cannot_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MlKem512, "available", False)
    with pytest.raises(BackendUnavailable, match="X1M1 needs the package `pqcrypto`"):
        Config(key_agreements=(b"X1M1", b"Mult"))


def test_ec38_is_offered_only_with_a_hash_that_may_go_with_it() -> None:
    curves = (b"EC38", b"X255")
    assert Offer(Config(hashes=(b"S256",), key_agreements=curves)).key_agreements == (b"X255", b"DH3k", b"Mult")
    assert Offer(Config(hashes=(b"S256", b"S384"), key_agreements=curves)).key_agreements[0] == b"EC38"


@pytest.mark.attack("DWN-13")
@pytest.mark.rfc("R-5.1.5-21", "R-4.1.2-07")
def test_ec52_is_not_in_the_default_offer_and_dh2k_neither() -> None:
    assert not {b"EC52", b"DH2k"} & set(Offer(Config()).key_agreements)


@pytest.mark.rfc("R-5.1.5-02")
@pytest.mark.interop("I-20")
def test_preshared_mode_is_offered_on_request_only() -> None:
    assert PRSH not in Offer(Config()).key_agreements
    assert PRSH in Offer(Config(preshared=True)).key_agreements


# The key agreement


@pytest.mark.rfc("R-4.1.2-02", "R-4.1.2-03", "R-4.1.2-04")
@every(
    ("ours", "theirs", "chosen"),
    [
        ((b"DH3k", b"EC25"), (b"EC25", b"DH3k"), b"EC25"),
        ((b"EC38", b"EC25"), (b"EC38", b"EC25"), b"EC38"),
        ((b"DH3k", b"DH2k"), (b"DH2k", b"DH3k"), b"DH2k"),
        ((b"EC38", b"DH3k"), (b"DH3k", b"EC38"), b"DH3k"),
        ((b"EC52", b"EC38"), (b"EC38", b"EC52"), b"EC38"),
        ((b"X255", b"DH3k"), (), b"DH3k"),
    ],
)
def test_of_the_two_first_common_choices_the_faster_is_taken(
    ours: tuple[bytes, ...], theirs: tuple[bytes, ...], chosen: bytes
) -> None:
    assert choose_key_agreement(ours, theirs, rank) == chosen


@pytest.mark.interop("I-14")
@pytest.mark.interop("I-18")
@every(
    ("theirs", "chosen"),
    [
        (LINPHONE, b"X255"),
        (NEWER_LINPHONE, b"X3M3"),
        (OTHER_HYBRID_FIRST, b"X3M3"),
        (CURVE_FIRST, b"X255"),
        (GNU_ZRTP, b"EC25"),
        (LIBZRTP, b"EC25"),
        ((b"DH3k", b"Mult"), b"DH3k"),
    ],
)
def test_the_default_offer_finds_what_suits_each_stack(theirs: tuple[bytes, ...], chosen: bytes) -> None:
    assert choose_key_agreement(Offer(Config()).key_agreements, theirs, rank) == chosen


@pytest.mark.interop("I-14")
@given(CODES, CODES)
def test_both_sides_find_the_same_key_agreement(ours: tuple[bytes, ...], theirs: tuple[bytes, ...]) -> None:
    """DH3k is implied in both lists, as every Hello of ours has it."""
    ours, theirs = (*ours, b"DH3k"), (*theirs, b"DH3k")
    assert choose_key_agreement(ours, theirs, rank) == choose_key_agreement(theirs, ours, rank)


@pytest.mark.rfc("R-4.1.2-05")
@given(CODES, CODES)
def test_multistream_and_preshared_take_no_part_in_the_choice(
    ours: tuple[bytes, ...], theirs: tuple[bytes, ...]
) -> None:
    chosen = choose_key_agreement((MULT, *ours), (PRSH, MULT, *theirs), rank)
    assert chosen not in (MULT, PRSH)
    assert chosen is None or (chosen in ours and chosen in (*theirs, b"DH3k"))


def test_post_quantum_is_chosen_only_if_both_put_the_same_one_first() -> None:
    x1m2 = (b"X1M2", b"X255")
    assert choose_key_agreement(x1m2, x1m2, rank) == b"X1M2"
    assert choose_key_agreement(x1m2, (b"X255", b"X1M2"), rank) == b"X255"


@pytest.mark.rfc("R-5.9-05")
@pytest.mark.rfc("R-4.1.2-07")
def test_nothing_in_common_is_error_0x40_with_a_sentence_that_helps() -> None:
    config, made = offer(key_agreements=(b"X448",), mandatory_always=False)
    with pytest.raises(
        PeerIncompatible, match=r"No key agreement in common: the peer offers EC25.*Offer one"
    ) as caught:
        choose_suite(config, made, peer(key_agreements=(b"EC25",)))
    assert caught.value.code is ErrorCode.HELLO_MISMATCH


# The suite of our Commit


@pytest.mark.attack("PAR-13")
@pytest.mark.rfc("R-5.2-09", "R-5.2-11")
def test_an_empty_hello_means_the_mandatory_algorithms() -> None:
    config, made = offer()
    suite = choose_suite(config, made, peer())
    assert (suite.hash, suite.cipher, suite.auth_tag) == (b"S256", b"AES1", b"HS80")
    assert (suite.key_agreement, suite.sas) == (b"DH3k", b"B32 ")


@pytest.mark.attack("PAR-14")
@pytest.mark.attack("PAR-15")
@pytest.mark.attack("DH-17")
def test_repeated_and_unknown_codes_of_a_hello_are_skipped() -> None:
    config, made = offer(key_agreements=(b"X255",))
    odd = (b"\xff\0\x1b[", b"x255", b"X25\0")
    suite = choose_suite(
        config,
        made,
        peer(
            hashes=(b"SKN3", b"S256", b"S256"),
            ciphers=(b"2FS3", b"AES3", b"AES3"),
            auth_tags=(b"SK32", b"SK64", b"HS80"),
            key_agreements=(*odd, b"KYB1", b"X255", b"X255", b"X255"),
            sas_types=(b"B10D", b"B32 "),
        ),
    )
    assert suite.key_agreement == b"X255"
    assert (suite.hash, suite.cipher, suite.auth_tag, suite.sas) == (b"S256", b"AES3", b"HS80", b"B32 ")


@pytest.mark.interop("I-15")
@pytest.mark.rfc("R-4.1.2-05", "R-4.4.1.1-01")
def test_the_hash_is_the_first_of_the_peers_list_and_the_rest_is_ours() -> None:
    config, made = offer(key_agreements=(b"X255",), ciphers=(b"AES3", b"AES1"), sas_types=(b"B256", b"B32 "))
    suite = choose_suite(
        config,
        made,
        peer(hashes=(b"S384", b"S256"), ciphers=(b"AES1", b"AES3"), key_agreements=(b"X255",), sas_types=(b"B256",)),
    )
    assert (suite.hash, suite.cipher, suite.sas) == (b"S384", b"AES3", b"B256")


@pytest.mark.interop("I-17")
@pytest.mark.rfc("R-5.1.5-15", "R-5.1.2-03", "R-5.1.5-16")
def test_ec38_comes_with_a_hash_of_384_bits_and_aes_256() -> None:
    config, made = offer(key_agreements=(b"EC38",))
    suite = choose_suite(
        config, made, peer(hashes=(b"S256", b"S384"), ciphers=(b"AES1", b"AES3"), key_agreements=(b"EC38",))
    )
    assert (suite.key_agreement, suite.hash, suite.cipher) == (b"EC38", b"S384", b"AES3")


@pytest.mark.rfc("R-5.1.5-15")
def test_ec38_is_not_chosen_without_a_hash_of_384_bits_in_common() -> None:
    config, made = offer(key_agreements=(b"EC38", b"EC25"))
    suite = choose_suite(config, made, peer(hashes=(b"S256",), key_agreements=(b"EC38", b"EC25")))
    assert (suite.key_agreement, suite.hash) == (b"EC25", b"S256")


@pytest.mark.interop("I-17")
@pytest.mark.rfc("R-5.1.5-19")
def test_dh2k_comes_with_aes_128() -> None:
    config, made = offer(key_agreements=(b"DH2k",))
    suite = choose_suite(config, made, peer(ciphers=(b"AES3",), key_agreements=(b"DH2k",)))
    assert (suite.key_agreement, suite.cipher) == (b"DH2k", b"AES1")


@pytest.mark.interop("I-19")
@pytest.mark.parametrize("order", list(permutations((b"HS32", b"HS80"))))
@pytest.mark.parametrize("theirs", [(), (b"HS32", b"HS80")])
def test_hs80_is_preferred_to_hs32_whatever_the_order(order: tuple[bytes, ...], theirs: tuple[bytes, ...]) -> None:
    config, made = offer(auth_tags=order)
    assert choose_suite(config, made, peer(auth_tags=theirs)).auth_tag == b"HS80"


@pytest.mark.interop("I-19")
@pytest.mark.parametrize("ours", [(b"HS80", b"GCM ", b"HS32"), (b"HS32", b"HS80")])
def test_a_peer_that_lists_hs32_alone_gets_it(ours: tuple[bytes, ...]) -> None:
    """libzrtp's default profile, which answers a Commit to HS80 with Error 0x54."""
    config, made = offer(auth_tags=ours)
    assert choose_suite(config, made, peer(auth_tags=(b"HS32",))).auth_tag == b"HS32"


def test_gcm_is_chosen_only_with_a_cipher_that_has_it() -> None:
    config, made = offer(ciphers=(b"AES2", b"AES1"), auth_tags=(b"GCM ", b"HS80"))
    gcm = peer(ciphers=(b"AES2",), auth_tags=(b"GCM ",))
    suite = choose_suite(config, made, gcm)
    assert (suite.cipher, suite.auth_tag) == (b"AES2", b"HS80")
    preshared = choose_preshared_suite(made, gcm)
    assert (preshared.cipher, preshared.auth_tag) == (b"AES2", b"HS80")


@pytest.mark.attack("DWN-15")
def test_a_minimum_of_authentication_tags_binds_our_own_commit_too() -> None:
    config, made = offer(auth_tags=(b"GCM ", b"HS80"), minimum_auth_tags=(b"GCM ",))
    assert choose_suite(config, made, peer(auth_tags=(b"HS80", b"GCM "))).auth_tag == b"GCM "
    with pytest.raises(PeerIncompatible, match="No SRTP authentication tag in common") as caught:
        choose_suite(config, made, peer(auth_tags=(b"HS80",)))
    assert caught.value.code is ErrorCode.HELLO_MISMATCH


def test_a_preshared_suite_names_prsh_and_nothing_to_agree_on() -> None:
    _, made = offer(preshared=True)
    suite = choose_preshared_suite(made, peer(key_agreements=(PRSH,), hashes=(b"S384",)))
    assert (suite.key_agreement, suite.hash) == (PRSH, b"S384")


# What a Commit may ask for


REFUSALS = [
    ("hash", b"S512", ErrorCode.HASH_UNSUPPORTED),
    ("hash", b"\x1b[2J", ErrorCode.HASH_UNSUPPORTED),
    ("cipher", b"AES2", ErrorCode.CIPHER_UNSUPPORTED),
    ("cipher", b"2FS3", ErrorCode.CIPHER_UNSUPPORTED),
    ("auth_tag", b"SK32", ErrorCode.AUTH_TAG_UNSUPPORTED),
    ("auth_tag", b"GCM ", ErrorCode.AUTH_TAG_UNSUPPORTED),
    ("key_agreement", b"EC52", ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
    ("key_agreement", b"DH2k", ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
    ("key_agreement", b"KYB1", ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
    ("key_agreement", b"x255", ErrorCode.KEY_AGREEMENT_UNSUPPORTED),
    ("sas", b"B10D", ErrorCode.SAS_UNSUPPORTED),
]
NARROW = Config(auth_tags=(b"HS80",), key_agreements=(b"X255",))


@pytest.mark.attack("DWN-03")
@pytest.mark.attack("PAR-15")
@pytest.mark.attack("DWN-13")
@pytest.mark.rfc("R-5.9-02")
@every(("field", "code", "error"), REFUSALS)
def test_a_commit_to_what_was_not_offered_is_refused_by_the_code_of_the_field(
    field: str, code: bytes, error: ErrorCode
) -> None:
    commit = wire.commit(key_agreement=b"X255")
    assert check_commit(NARROW, Offer(NARROW), commit)
    with pytest.raises(PeerIncompatible) as caught:
        check_commit(NARROW, Offer(NARROW), wire.commit(**{"key_agreement": b"X255", field: code}))
    assert caught.value.code is error
    assert "\x1b" not in str(caught.value)


@pytest.mark.interop("I-16")
@pytest.mark.rfc("R-5.2-11")
@pytest.mark.parametrize("tag", [b"HS32", b"HS80"])
def test_a_commit_to_a_mandatory_algorithm_is_accepted_although_nobody_listed_it(tag: bytes) -> None:
    config = Config(auth_tags=(b"GCM ",), key_agreements=(b"X448",), hashes=(b"S384",))
    made = Offer(config)
    for hidden in ("auth_tags", "key_agreements", "hashes", "ciphers", "sas_types"):
        setattr(made, hidden, ())
    suite = check_commit(config, made, wire.commit(key_agreement=b"DH3k", auth_tag=tag, hash=b"S256", cipher=b"AES1"))
    assert suite.auth_tag == tag


def test_a_strict_endpoint_refuses_mandatory_algorithms_too() -> None:
    config = Config(auth_tags=(b"GCM ",), key_agreements=(b"X255",), mandatory_always=False)
    with pytest.raises(PeerIncompatible) as caught:
        check_commit(config, Offer(config), wire.commit(key_agreement=b"X255", auth_tag=b"HS80"))
    assert caught.value.code is ErrorCode.AUTH_TAG_UNSUPPORTED


@pytest.mark.attack("DWN-15")
def test_a_policy_can_refuse_short_authentication_tags() -> None:
    config = Config(key_agreements=(b"X255",), minimum_auth_tags=(b"HS80", b"GCM "))
    assert check_commit(config, Offer(config), wire.commit(key_agreement=b"X255", auth_tag=b"HS80"))
    with pytest.raises(PeerIncompatible) as caught:
        check_commit(config, Offer(config), wire.commit(key_agreement=b"X255", auth_tag=b"HS32"))
    assert caught.value.code is ErrorCode.AUTH_TAG_UNSUPPORTED


@pytest.mark.attack("DWN-15")
@pytest.mark.attack("DWN-14")
def test_hs32_and_b256_are_accepted_as_the_rfc_has_it() -> None:
    config, made = offer(key_agreements=(b"X255",))
    suite = check_commit(config, made, wire.commit(key_agreement=b"X255", auth_tag=b"HS32", sas=b"B256"))
    assert (suite.auth_tag, suite.sas) == (b"HS32", b"B256")


@pytest.mark.attack("DWN-04")
@pytest.mark.rfc("R-5.1.5-15")
def test_ec38_with_a_hash_of_256_bits_is_refused() -> None:
    config, made = offer(key_agreements=(b"EC38",))
    with pytest.raises(PeerIncompatible, match="EC38 needs a 384-bit hash, not S256") as caught:
        check_commit(config, made, wire.commit(key_agreement=b"EC38", hash=b"S256"))
    assert caught.value.code is ErrorCode.HASH_UNSUPPORTED
    assert check_commit(config, made, wire.commit(key_agreement=b"EC38", hash=b"S384"))


@pytest.mark.rfc("R-5.1.5-18", "R-5.1.5-17", "R-15.1-01")
@every(("key_agreement", "cipher"), [*product((b"DH3k", b"EC25"), (b"AES1", b"AES2", b"AES3")), (b"EC38", b"AES2")])
def test_any_aes_key_goes_with_any_key_agreement(key_agreement: bytes, cipher: bytes) -> None:
    config, made = offer(key_agreements=(b"DH3k", b"EC25", b"EC38"), ciphers=(b"AES1", b"AES2", b"AES3"))
    commit = wire.commit(key_agreement=key_agreement, cipher=cipher, hash=b"S384")
    assert check_commit(config, made, commit).cipher == cipher


@pytest.mark.parametrize("cipher", [b"AES2"])
def test_gcm_with_a_cipher_that_has_none_is_refused(cipher: bytes) -> None:
    config, made = offer(key_agreements=(b"X255",), ciphers=(b"AES2",), auth_tags=(b"GCM ",))
    with pytest.raises(PeerIncompatible) as caught:
        check_commit(config, made, wire.commit(key_agreement=b"X255", cipher=cipher, auth_tag=b"GCM "))
    assert caught.value.code is ErrorCode.CIPHER_UNSUPPORTED


@pytest.mark.attack("PAR-18")
@pytest.mark.parametrize(("key_agreement", "length"), [(b"X255", 32), (b"DH3k", 4), (b"MLK2", 1180), (b"MLK2", 0)])
def test_a_commit_whose_public_key_does_not_fit_its_key_agreement_is_malformed(
    key_agreement: bytes, length: int
) -> None:
    config = Config(key_agreements=(b"X255", b"MLK2"))
    if not DEFAULT.key_agreements[b"MLK2"].available:
        pytest.skip("ML-KEM-768 is not available here")
    commit = wire.commit(key_agreement=key_agreement, public_key=bytes(length))
    with pytest.raises(MalformedPacket):
        check_commit(config, Offer(config), commit)


@pytest.mark.rfc("R-4.4.3.1-03")
def test_the_sas_type_of_a_multistream_commit_is_ignored() -> None:
    config, made = offer(key_agreements=(b"X255",))
    commit = wire.commit(key_agreement=MULT, hvi=None, nonce=bytes(16), sas=b"????")
    assert isinstance(commit, Commit)
    assert check_commit(config, made, commit).key_agreement == MULT


def test_every_hash_that_goes_with_ec38_has_384_bits() -> None:
    config, made = offer(hashes=(b"S256", b"S384", b"N256", b"N384", b"S512"), key_agreements=(b"EC38",))
    accepted = set()
    for code in made.hashes:
        try:
            check_commit(config, made, wire.commit(key_agreement=b"EC38", hash=code))
        except PeerIncompatible as error:
            assert error.code is ErrorCode.HASH_UNSUPPORTED
        else:
            accepted.add(code)
    assert accepted == {code for code in made.hashes if DEFAULT.hashes[code].length == 48}


# What the media path can do

PROFILES = {
    "libsrtp": ((b"AES1", b"HS80"), (b"AES1", b"HS32"), (b"AES1", b"GCM "), (b"AES3", b"GCM ")),
    "ffmpeg": ((b"AES1", b"HS80"), (b"AES1", b"HS32")),
    "AES-256 in GCM alone": ((b"AES3", b"GCM "),),
    "everything": tuple(SUITES),
}


@every(
    ("profiles", "ciphers", "tags"),
    [
        ("libsrtp", (b"AES1",), (b"HS80", b"GCM ", b"HS32")),
        ("ffmpeg", (b"AES1",), (b"HS80", b"HS32")),
        ("AES-256 in GCM alone", (b"AES3",), (b"GCM ",)),
        ("everything", (b"AES3", b"AES1"), (b"HS80", b"GCM ", b"HS32")),
    ],
)
def test_only_those_are_offered_of_which_the_media_path_can_do_every_combination(
    profiles: str, ciphers: tuple[bytes, ...], tags: tuple[bytes, ...]
) -> None:
    """A peer may choose any cipher with any tag: the lists of a Hello know nothing of pairs."""
    made = Offer(Config(srtp_profiles=PROFILES[profiles]))
    assert (made.ciphers, made.auth_tags) == (ciphers, tags)


SRTP_CIPHERS, SRTP_TAGS = st.sampled_from([b"AES1", b"AES2", b"AES3"]), st.sampled_from([b"HS80", b"HS32", b"GCM "])


@given(
    st.lists(st.sampled_from(list(SUITES)), min_size=1, max_size=6, unique=True),
    st.lists(SRTP_CIPHERS, min_size=1, max_size=3, unique=True),
    st.lists(SRTP_TAGS, min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_whatever_two_such_endpoints_agree_on_both_media_paths_can_do(
    pairs: list[tuple[bytes, bytes]], ciphers: list[bytes], tags: list[bytes], strict: bool
) -> None:
    try:
        config, made = offer(srtp_profiles=tuple(pairs), mandatory_always=not strict, key_agreements=(b"X255",))
    except ApiMisuse:
        return  # nothing is left to offer, which was said at once
    try:
        suite = choose_suite(
            config, made, peer(ciphers=tuple(ciphers), auth_tags=tuple(tags), key_agreements=(b"X255",))
        )
    except PeerIncompatible:
        return
    assert (suite.cipher, suite.auth_tag) in pairs


def test_a_commit_to_what_the_media_path_cannot_do_is_refused_though_each_half_is_mandatory() -> None:
    config, made = offer(srtp_profiles=PROFILES["AES-256 in GCM alone"], key_agreements=(b"X255",))
    with pytest.raises(PeerIncompatible, match="AES1 with HS80, which the media path cannot do") as caught:
        check_commit(config, made, wire.commit(key_agreement=b"X255", cipher=b"AES1", auth_tag=b"HS80"))
    assert caught.value.code is ErrorCode.CIPHER_UNSUPPORTED


def test_pairs_that_share_nothing_with_what_is_wanted_are_refused_at_once() -> None:
    with pytest.raises(ApiMisuse, match="no combination of the ciphers"):
        Offer(Config(srtp_profiles=((b"AES2", b"HS80"),), mandatory_always=False))
