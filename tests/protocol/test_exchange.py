"""What an exchange knows, and what it must know in a state."""

from __future__ import annotations

from typing import Any

import pytest

from zrtp.errors import EngineDefect
from zrtp.protocol.exchange import DhAnswer, DhOffer, present


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
