"""What the proxy does with media that it cannot protect, or not yet."""

from __future__ import annotations

from enum import Enum

from zrtp.errors import ZrtpError


class PolicyRefusal(ZrtpError):
    """The policy does not let a call pass; the text says why."""


class Policy(Enum):
    """Chosen when the proxy is started; holds for every call."""

    REQUIRE = "require"
    """Nothing in clear ever leaves towards the network: media waits until it is secure, or is refused."""
    BEST_EFFORT = "best-effort"
    """Without a ZRTP peer the call goes on in clear, and everybody who looks is told so."""


class Handling(Enum):
    """What happens to one media section (an m= line and what follows it)."""

    PROTECTED = "protected"
    """Plain RTP on the phone's side, ZRTP and SRTP on the network's."""
    LEFT_ALONE = "left alone"
    """Passes beside this proxy: the phone encrypts by itself, or it is no RTP and the policy allows that."""
    REFUSED = "refused"
    """Its port becomes 0: the policy does not let it pass."""
    UNUSED = "unused"
    """Its port is 0 already."""


def handling_of_phone(*, used: bool, plain_rtp: bool, secure_profile: bool, has_keys: bool, policy: Policy) -> Handling:
    """How to treat a section that the phone offers.

    A phone that brings keys for a profile which may fall back to clear (RTP/AVP with a=crypto, RFC 8643) is left alone
    only where clear media is allowed: its keys are never taken out.
    """
    if not used:
        return Handling.UNUSED
    if plain_rtp and not has_keys:
        return Handling.PROTECTED
    if secure_profile or policy is Policy.BEST_EFFORT:
        return Handling.LEFT_ALONE
    return Handling.REFUSED


def handling_of_network(*, used: bool, plain_rtp: bool, secure_profile: bool, policy: Policy) -> Handling:
    """How to treat a section that the network offers; keys beside plain RTP are for phones without a proxy."""
    if not used:
        return Handling.UNUSED
    if plain_rtp:
        return Handling.PROTECTED
    if secure_profile or policy is Policy.BEST_EFFORT:
        return Handling.LEFT_ALONE
    return Handling.REFUSED
