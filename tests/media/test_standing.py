"""Whether a stream is secure now, or why it is not going to be."""

from __future__ import annotations

from tests.support.media_pair import MediaPair, Party
from zrtp.media.rtp import Packetizer
from zrtp.media.standing import StreamStanding
from zrtp.protocol.config import Config
from zrtp.protocol.events import Closed
from zrtp.protocol.states import State

ALONE = Config(key_agreements=(b"X255",), discovery_deadline=0.3, auto_secure=False)


class Watched(StreamStanding):
    """That of a party's stream, up to date with its events."""

    def __init__(self, party: Party) -> None:
        super().__init__(party.media.stream)
        self.party, self.count = party, 0

    def now(self) -> Watched:
        self.party.seen(Closed)
        for event in self.party.events[self.count :]:
            self.follow(event)
        self.count = len(self.party.events)
        return self


def in_vain() -> tuple[MediaPair, Watched]:
    """Alice has looked for Bob and has not found him."""
    pair = MediaPair(ALONE, ALONE)
    alice = pair.alice
    alice.media.start(0.0)
    alice.call.handle_timer(1.0)
    pair.now = 1.0
    assert alice.media.stream.state is State.QUIET
    return pair, Watched(alice).now()


def test_it_may_become_secure_as_long_as_nothing_else_is_known() -> None:
    pair = MediaPair(ALONE)
    standing = Watched(pair.alice)
    assert standing.secured is None and standing.why_not is None
    pair.alice.media.start(0.0)
    assert standing.now().why_not is None


def test_a_search_in_vain_is_a_reason_until_the_next_one_begins() -> None:
    pair, standing = in_vain()
    assert standing.why_not is not None and "does not answer" in standing.why_not
    pair.alice.media.start(1.0)
    assert standing.why_not is None
    pair.alice.call.handle_timer(2.0)
    assert standing.now().why_not is not None


def test_plain_sound_that_arrives_begins_one_too() -> None:
    pair, standing = in_vain()
    pair.alice.hear(Packetizer(1).packet(bytes(160)).encode(), 1.0)
    assert standing.why_not is None


def test_what_is_secure_stays_so_when_it_is_looked_for_once_more() -> None:
    pair = MediaPair().run()
    standing = Watched(pair.alice).now()
    pair.alice.media.start(pair.now)
    assert standing.now().secured is not None


def test_what_failed_or_was_closed_does_not_begin_anew_with_start() -> None:
    pair = MediaPair().run()
    standing = Watched(pair.alice).now()
    pair.alice.media.stream.close(pair.now)
    pair.alice.media.start(pair.now)
    assert standing.now().secured is None
    assert standing.why_not == "The stream is closed."


def test_encryption_that_was_switched_off_is_a_reason() -> None:
    clear = Config(key_agreements=(b"X255",), allow_clear=True)
    pair = MediaPair(clear, clear).run()
    standing = Watched(pair.alice).now()
    pair.alice.call.session.go_clear(pair.now)
    pair.run(pair.now + 1.0, stop=lambda: pair.alice.media.stream.state is State.CLEAR)
    assert standing.now().secured is None
    assert standing.why_not == "Encryption was switched off in this call."
