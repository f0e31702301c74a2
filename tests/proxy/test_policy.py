"""What happens to a media section, for every kind of section and both policies."""

from __future__ import annotations

import pytest

from zrtp.proxy.policy import Handling, Policy, handling_of_network, handling_of_phone

PLAIN, KEYED, SECURE, FOREIGN = (
    {"plain_rtp": True, "secure_profile": False, "has_keys": False},
    {"plain_rtp": True, "secure_profile": False, "has_keys": True},
    {"plain_rtp": False, "secure_profile": True, "has_keys": True},
    {"plain_rtp": False, "secure_profile": False, "has_keys": False},
)


@pytest.mark.parametrize(
    ("section", "required", "best_effort"),
    [
        (PLAIN, Handling.PROTECTED, Handling.PROTECTED),
        (KEYED, Handling.REFUSED, Handling.LEFT_ALONE),
        (SECURE, Handling.LEFT_ALONE, Handling.LEFT_ALONE),
        (FOREIGN, Handling.REFUSED, Handling.LEFT_ALONE),
    ],
)
def test_of_the_phone(section: dict[str, bool], required: Handling, best_effort: Handling) -> None:
    assert handling_of_phone(used=True, **section, policy=Policy.REQUIRE) is required
    assert handling_of_phone(used=True, **section, policy=Policy.BEST_EFFORT) is best_effort
    assert handling_of_phone(used=False, **section, policy=Policy.REQUIRE) is Handling.UNUSED


@pytest.mark.parametrize(
    ("section", "required", "best_effort"),
    [
        (PLAIN, Handling.PROTECTED, Handling.PROTECTED),
        (KEYED, Handling.PROTECTED, Handling.PROTECTED),
        (SECURE, Handling.LEFT_ALONE, Handling.LEFT_ALONE),
        (FOREIGN, Handling.REFUSED, Handling.LEFT_ALONE),
    ],
)
def test_of_the_network(section: dict[str, bool], required: Handling, best_effort: Handling) -> None:
    known = {name: value for name, value in section.items() if name != "has_keys"}
    assert handling_of_network(used=True, **known, policy=Policy.REQUIRE) is required
    assert handling_of_network(used=True, **known, policy=Policy.BEST_EFFORT) is best_effort
    assert handling_of_network(used=False, **known, policy=Policy.REQUIRE) is Handling.UNUSED
