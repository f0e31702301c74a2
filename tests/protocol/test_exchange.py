"""What an exchange knows, and what it must know in a state."""

from __future__ import annotations

from typing import Any

import pytest

from zrtp.errors import EngineDefect
from zrtp.protocol.exchange import DhAnswer, DhOffer, Past, present


def test_what_a_state_guarantees_is_there_or_the_engine_is_broken() -> None:
    assert present(b"") == b""
    with pytest.raises(EngineDefect, match="report this defect"):
        present(None)


SHARE = "a key share"


@pytest.mark.attack("SID-05")
def test_key_shares_are_not_shown() -> None:
    """Those of the package show nothing by themselves; an application's own may."""
    anything: Any = SHARE
    other: Any = "shown"
    assert SHARE not in repr(DhOffer(anything, other))
    assert SHARE not in repr(DhAnswer(anything, other, other))


@pytest.mark.attack("DOS-34")
def test_two_of_four_public_values_are_kept_for_who_is_known_to_hear_us() -> None:
    past = Past()
    for _ in range(2):
        assert past.may_send_public_value(0.0, heard=False)
        past.count_public_value(0.0)
    assert not past.may_send_public_value(0.0, heard=False)
    for _ in range(2):
        assert past.may_send_public_value(0.0, heard=True)
        past.count_public_value(0.0)
    assert not past.may_send_public_value(0.0, heard=True)
    assert past.may_send_public_value(10.0, heard=True) and not past.may_send_public_value(10.0, heard=False)
