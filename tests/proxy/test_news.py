"""What is told about a call, to machines and to people."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.proxy.two_phones import TwoPhones
from zrtp.proxy.news import described, headline


def test_a_call_is_described_without_any_key() -> None:
    stage = TwoPhones()
    stage.call()
    view = stage.alice.proxy.view

    shown = described(view)

    assert view.sas is not None
    assert json.loads(json.dumps(shown)) == shown
    assert shown["sas"] == view.sas.rendered
    assert (shown["call"], shown["direction"], shown["phase"], shown["state"]) == (1, "out", "up", "secure")
    assert set(shown) == {
        *("call", "direction", "peer", "phase", "state", "streams", "sas", "words", "letters", "assurance"),
        *("verified", "mismatch", "name", "who", "notice", "sent", "verified_packets", "withheld"),
    }


def test_counting_packets_changes_nothing_that_a_person_sees() -> None:
    stage = TwoPhones()
    stage.call()
    view = stage.alice.proxy.view

    assert headline(view) == headline(replace(view, sent=view.sent + 1))
    assert headline(view) != headline(replace(view, verified=True))
