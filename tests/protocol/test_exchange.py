"""What an exchange knows, and what it must know in a state."""

from __future__ import annotations

import pytest

from zrtp.errors import EngineDefect
from zrtp.protocol.exchange import present


def test_what_a_state_guarantees_is_there_or_the_engine_is_broken() -> None:
    assert present(b"") == b""
    with pytest.raises(EngineDefect, match="report this defect"):
        present(None)
