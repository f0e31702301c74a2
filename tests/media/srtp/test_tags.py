"""SRTCP tags: as the standard says, and as deployed peers read it."""

from __future__ import annotations

from tests.support.cases import every
from zrtp.media.srtp.profiles import PROFILES, SrtpProfile
from zrtp.media.srtp.tags import ShortSrtcpTag, SrtcpTags

HS32 = SrtpProfile.of(b"AES1", b"HS32")


def test_with_hs32_both_lengths_are_tried_and_the_long_one_is_sent() -> None:
    tags = SrtcpTags(HS32)
    assert tags.sending == 10
    assert tags.trying == (10, 4)


def test_the_length_of_the_peer_is_followed() -> None:
    tags = SrtcpTags(HS32)
    tags.note_verified(4)
    assert (tags.sending, tags.trying) == (4, (4, 10))
    tags.note_verified(4)
    assert (tags.sending, tags.trying) == (4, (4, 10))


def test_a_peer_that_has_used_the_long_one_is_not_believed_to_use_the_short_one() -> None:
    tags = SrtcpTags(HS32)
    tags.note_verified(4)
    tags.note_verified(10)
    assert (tags.sending, tags.trying) == (10, (10,))


def test_accepting_without_following() -> None:
    tags = SrtcpTags(HS32, ShortSrtcpTag.ACCEPT)
    tags.note_verified(4)
    assert (tags.sending, tags.trying) == (10, (4, 10))


def test_refusing() -> None:
    tags = SrtcpTags(HS32, ShortSrtcpTag.REFUSE)
    assert (tags.sending, tags.trying) == (10, (10,))


@every("profile", [p for p in PROFILES if p.auth_tag != b"HS32"], ids=lambda p: p.name)
def test_only_hs32_has_two_lengths(profile: SrtpProfile) -> None:
    assert SrtcpTags(profile).trying == (profile.srtcp_tag_length,)
