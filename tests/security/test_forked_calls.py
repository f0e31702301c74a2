"""Two phones answer at one port within milliseconds: the caller always completes with one of them."""

from __future__ import annotations

import random

import pytest

from tests.security.toy import TOY_ALGORITHMS
from tests.support.cases import a_tenth_by_default
from tests.support.pair import Netem, Network, Side, same_keys, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import AnotherPeer
from zrtp.protocol.states import State

AGREEMENTS = {
    "DH": b"TOY1",
    "KEM": b"X1M2",
}
LOSSES = {"no loss": 0.0, "a tenth is lost": 0.1}
RUNS = 15
"""Calls of each test; 40 tests are 600 calls."""

needs_ml_kem = pytest.mark.skipif(
    not DEFAULT.key_agreements[b"X1M2"].available, reason="the installed cryptography has no ML-KEM"
)


class Fork:
    """A caller whose offer reached two phones. What it sends arrives at both, since it knows one address only."""

    def __init__(self, agreement: bytes, loss: float, seed: int) -> None:
        self.dice = random.Random(seed)
        self.network = Network(Netem(loss=loss, jitter=0.01, seed=seed))
        who_commits = self.dice.choice(["all", "the caller", "the phones"])
        self.caller = self._side("caller", 3 * seed, agreement, passive=who_commits == "the phones")
        self.phones = [
            self._side(name, 3 * seed + number, agreement, passive=who_commits == "the caller")
            for number, name in enumerate(("first", "second"), start=1)
        ]
        for phone in self.phones:
            self.network.connect("caller", self.caller.stream, phone.name, phone.stream)
        self.network.filter = self._both

    def _side(self, name: str, seed: int, agreement: bytes, *, passive: bool) -> Side:
        config = Config(key_agreements=(agreement, b"Mult"), algorithms=TOY_ALGORITHMS, passive=passive)
        endpoint = Endpoint(config, MemoryCache(), random=seeded(seed))
        side = Side(name, endpoint, endpoint.session())
        side.session.add_stream(0xF0000000 + seed)
        return side

    def _both(self, sender: str, datagram: bytes) -> bytes:
        """The link to the first phone carries it to both."""
        if sender == "caller":
            self.network.send(self.phones[1].stream, datagram)
        return datagram

    def ring(self) -> Fork:
        """The caller looks for a phone; both answer at about the same moment."""
        self.caller.stream.start(0.0)
        answers = sorted((0.1 + self.dice.random() * 0.05, number) for number in (0, 1))
        for moment, number in answers:
            self.network.run(moment)
            self.network.now = moment
            self.phones[number].stream.start(moment)
        self.network.run(60.0)
        return self

    @property
    def answered(self) -> list[str]:
        """The phones that have the same keys as the caller."""
        if self.caller.stream.state is not State.SECURE:
            return []
        keys = self.caller.keys()
        return [
            phone.name
            for phone in self.phones
            if phone.stream.state is State.SECURE and same_keys(phone.keys().send, keys.receive)
        ]

    @property
    def unanswered(self) -> set[bytes]:
        """ZIDs of the phones that the caller is not connected with."""
        return {phone.endpoint.zid for phone in self.phones if phone.name not in self.answered}


@needs_ml_kem
@pytest.mark.attack("NET-22")
@pytest.mark.attack("DOS-33")
@pytest.mark.parametrize(
    ("agreement", "loss", "begin"),
    a_tenth_by_default(
        [(agreement, loss, begin) for agreement in AGREEMENTS for loss in LOSSES for begin in range(10)]
    ),
)
def test_the_caller_completes_with_one_of_two_phones_and_hears_of_the_other(
    agreement: str, loss: str, begin: int
) -> None:
    failed: list[object] = []
    for seed in range(RUNS * begin, RUNS * (begin + 1)):
        fork = Fork(AGREEMENTS[agreement], LOSSES[loss], seed).ring()
        if len(fork.answered) != 1:
            failed.append((seed, fork.caller.stream.state, [phone.stream.state for phone in fork.phones]))
        told = {event.zid for event in fork.caller.seen(AnotherPeer)}
        if told != fork.unanswered and (told or not LOSSES[loss]):  # its one Hello may be lost, and never come again
            failed.append((seed, fork.caller.seen(AnotherPeer), fork.phones))
    assert failed == []
