"""No octet of any secret that a call ever makes can be read: in every mode, in failures, on the wire and on a screen.

`tests/security/test_key_octets.py` looks for the keys that are left in a secure call; here every `Secret` is caught as
it is made, so that DHResult, s0 and the keys of failed and cleared exchanges are among them, and so are the octets
drawn for H0 and private keys.
"""

from __future__ import annotations

import base64
import io
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.cli.stage import Stream as Screen
from tests.cli.stage import ticking
from tests.support.actor import FAST, WAITING, Actor, alone
from tests.support.inside import cache_of, core_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Pair, Side
from tests.support.pbx import Exchange as Office
from tests.support.vault import Vault, reachable, watch
from zrtp.cache.memory import MemoryCache
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.screen import logs
from zrtp.cli.screen.jsonlines import JsonLines
from zrtp.cli.screen.presenter import Presenter
from zrtp.cli.screen.terminal import Terminal
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ZrtpError
from zrtp.protocol import dispatch
from zrtp.protocol.config import Config
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, KeysReady, Mode, NoPeer, WentClear
from zrtp.secret import Secret
from zrtp.wire.messages import DHPart2

AUX = bytes.fromhex("8f13d94b7ac0e25c6e11f70b3d92a5486ab1c07e5f2d3984de6017bc43a9f8e2")

needs_ml_kem = pytest.mark.skipif(
    not DEFAULT.key_agreements[b"X1M2"].available, reason="the installed cryptography has no ML-KEM"
)


@dataclass
class Watched:
    """A vault, and everything that was written while it watched."""

    vault: Vault
    screen: Screen
    log: io.StringIO
    texts: list[str] = field(default_factory=list)

    def look_at(self, *sides: Side) -> None:
        """What can be read of these now: the repr of whatever they hold, and their events on screen and as JSON."""
        for side in sides:
            side.drain()
            for stream in side.session.streams:
                exchange = core_of(stream).exchange
                if exchange is not None and exchange.commit.key_id is not None:
                    self.vault.forget(exchange.commit.key_id)  # kept in a Secret to be compared in constant time
        roots = [thing for side in sides for thing in (side.endpoint, side.session, *side.events)]
        self.texts += [repr(thing) for thing in reachable(roots)]
        for side in sides:
            lines = io.StringIO()
            audiences = JsonLines(lines, ticking()), Presenter(Terminal(out=self.screen, err=self.screen), ticking())
            for event in side.events:
                for audience in audiences:
                    audience.show(event)
            self.texts.append(lines.getvalue())

    @property
    def found(self) -> set[str]:
        return self.vault.leaks(*self.texts, self.screen.getvalue(), self.log.getvalue())


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The log goes where `-v` sends it, and with everything that a record holds to another place."""
    logger = logging.getLogger("zrtp")
    before = logger.handlers[:], logger.level, logger.propagate
    watched = Watched(watch(monkeypatch), Screen(), io.StringIO())
    logs.to_terminal(Terminal(out=watched.screen, err=watched.screen), verbose=True)
    everything = logging.StreamHandler(watched.log)
    everything.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))
    logger.addHandler(everything)
    refuse = dispatch._refuse

    def remember(core: Core, error: ZrtpError, now: float) -> None:
        watched.texts += ["".join(traceback.format_exception(error)), repr(error), repr(error.args)]
        refuse(core, error, now)

    monkeypatch.setattr(dispatch, "_refuse", remember)
    make = Endpoint.__init__

    def drawing(endpoint: Endpoint, *args: object, **options: object) -> None:
        options["random"] = watched.vault.drawing(options["random"], "an endpoint")  # type: ignore[arg-type]
        make(endpoint, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Endpoint, "__init__", drawing)
    yield watched
    logger.handlers[:], level, logger.propagate = before
    logger.setLevel(level)


def unsent(pair: Pair, vault: Vault) -> None:
    """H1 and H2 that no message has revealed yet."""
    wire = b"".join(datagram for _, _, datagram in pair.network.log)
    for side in pair.sides:
        for name in ("h1", "h2"):
            octets = getattr(core_of(side.stream).chain, name)
            if octets not in wire:
                vault.keep(f"{name} before it is sent", octets)
            else:
                vault.forget(octets)


def lived(watched: Watched, pair: Pair, until: float = 5.0) -> Pair:
    """A call that is looked at after every datagram."""
    pair.start()
    seen = 0

    def look() -> bool:
        nonlocal seen
        if len(pair.network.log) > seen:
            seen = len(pair.network.log)
            unsent(pair, watched.vault)
            watched.look_at(*pair.sides)
            assert watched.found == set()
            watched.texts.clear()
        return pair.secure

    pair.network.run(until, stop=look)
    unsent(pair, watched.vault)
    watched.look_at(*pair.sides)
    return pair


@pytest.mark.attack("SID-05")
@pytest.mark.parametrize(
    "agreement",
    [
        b"X255",
        pytest.param(b"EC25", marks=pytest.mark.long),
        pytest.param(b"DH3k", marks=pytest.mark.long),
        pytest.param(b"X1M2", marks=[needs_ml_kem, pytest.mark.long]),
    ],
    ids=lambda code: code.decode(),
)
def test_a_call_shows_no_secret_at_any_moment(watched: Watched, agreement: bytes) -> None:
    config = Config(key_agreements=(agreement, b"Mult"))
    pair = lived(watched, Pair(config, config, alice_aux=AUX, bob_aux=AUX))
    pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.run(pair.network.now + 5.0)
    pair.alice.session.sas_matched("Bob")
    watched.look_at(*pair.sides)
    assert pair.secure and pair.bob.session.streams[1].mode is Mode.MULTISTREAM
    assert watched.found == set()
    assert watched.vault.leaks(*(datagram for _, _, datagram in pair.network.log)) == set()
    assert len(watched.vault.windows) > 500
    assert "secure" in watched.screen.getvalue()


@pytest.mark.long
@pytest.mark.attack("SID-05")
def test_a_preshared_call_shows_no_secret(watched: Watched) -> None:
    config = Config(key_agreements=(b"X255",), preshared=True)
    caches = MemoryCache(), MemoryCache()
    modes = []
    for number in range(3):
        pair = Pair(config, config, seed=number, alice_cache=caches[0], bob_cache=caches[1])
        lived(watched, pair)
        for side in pair.sides:
            side.session.sas_matched()
        watched.look_at(*pair.sides)
        modes.append(pair.alice.stream.mode)
        assert watched.vault.leaks(*(datagram for _, _, datagram in pair.network.log)) == set()
        for side in pair.sides:
            side.session.close(pair.network.now)
    assert Mode.PRESHARED in modes
    assert watched.found == set()


def let_go(side: Side) -> None:
    """What an application does with the SRTP keys that it was given, once they are of no use any more."""
    for event in side.seen(KeysReady):
        event.send.wipe()
        event.receive.wipe()


@pytest.mark.attack("SID-05", "SID-06")
def test_goclear_shows_no_secret_and_wipes_the_keys(watched: Watched) -> None:
    config = Config(key_agreements=(b"X255", b"Mult"), allow_clear=True)
    pair = lived(watched, Pair(config, config))
    keys = [octets for side in pair.sides for event in side.seen(KeysReady) for octets in _octets(event)]
    assert keys and all(any(octets) for octets in keys)
    pair.alice.session.go_clear(pair.network.now)
    pair.run(pair.network.now + 2.0)
    pair.bob.session.agree_to_clear()
    watched.look_at(*pair.sides)
    assert pair.alice.seen(WentClear)
    for side in pair.sides:
        let_go(side)
    assert not any(any(octets) for octets in keys)
    pair.alice.session.go_secure(pair.network.now)
    pair.run(pair.network.now + 5.0)
    watched.look_at(*pair.sides)
    assert pair.secure
    assert watched.found == set()
    assert watched.vault.leaks(*(datagram for _, _, datagram in pair.network.log)) == set()


def _octets(event: KeysReady) -> list[bytearray]:
    return [secret.octets for keys in (event.send, event.receive) for secret in (keys.key, keys.salt)]


@pytest.mark.attack("SID-05")
def test_enrolment_and_relaying_show_no_secret(watched: Watched) -> None:
    office = Office()
    office.enrol(alice=True, bob=True)
    legs = office.call()
    legs.relay()
    watched.look_at(*legs.sides)
    assert legs.alice.session.pbx.relayed_sas is not None
    assert watched.found == set()
    assert watched.vault.leaks(*(datagram for _, _, datagram in legs.network.log)) == set()


def zero_public_value(mallory: Actor) -> None:
    mallory.send(mallory.commit(mallory.dhpart2(pv=bytes(32))))
    assert mallory.own_dhpart2 is not None
    mallory.send(mallory.own_dhpart2)


def another_dhpart2(mallory: Actor) -> None:
    mallory.send(mallory.commit())
    mallory.send(mallory.dhpart2(pv=b"\x09" + bytes(31)))


def wrong_confirm(mallory: Actor) -> None:
    dhpart1 = mallory.send(mallory.commit())[-1]
    mallory.take_dhpart1(dhpart1)  # type: ignore[arg-type]
    mallory.send(mallory.dhpart2())
    assert mallory.keys is not None
    mallory.keys.mackeyi = Secret(bytes(32))
    mallory.send(mallory.confirm())


def wrong_h0(mallory: Actor) -> None:
    dhpart1 = mallory.send(mallory.commit())[-1]
    mallory.take_dhpart1(dhpart1)  # type: ignore[arg-type]
    mallory.send(mallory.dhpart2())
    mallory.send(mallory.confirm(h0=bytes(range(32))))


def broken_chain(mallory: Actor) -> None:
    mallory.send(mallory.commit())
    mallory.send(mallory.dhpart2(h1=bytes(range(32))))


@pytest.mark.attack("SID-05", "SID-06")
@pytest.mark.parametrize("attack", [zero_public_value, another_dhpart2, wrong_confirm, wrong_h0, broken_chain])
def test_a_failing_handshake_shows_no_secret_in_its_exceptions(
    watched: Watched, attack: Callable[[Actor], None]
) -> None:
    bob = alone(WAITING)
    mallory = Actor(bob.stream)
    mallory.discover()
    attack(mallory)
    watched.look_at(bob)
    assert any("Traceback" in text for text in watched.texts)
    mallory.wait(30.0)
    watched.look_at(bob)
    assert len(bob.seen(Failed)) + len(bob.seen(NoPeer)) == 1 and not bob.seen(KeysReady)
    assert watched.found == set()
    assert not any(isinstance(message, DHPart2) for message in mallory.heard)


def test_the_vault_finds_what_it_looks_for(watched: Watched) -> None:
    pair = Pair(FAST, FAST).run()
    key = bytes(pair.alice.keys().send.key.octets)
    number = int.from_bytes(key, "big")
    forms: list[str | bytes] = [
        *(b"x" + key[3:12], f"a{key.hex()}", key.hex().upper(), key.hex(":"), key.hex(" ", 4), repr(key)),
        *(repr(bytearray(key)), repr(list(key)), str(number), str(int.from_bytes(key, "little"))),
    ]
    forms += [base64.b64encode(key[shift:]) for shift in range(3)] + [base64.urlsafe_b64encode(key)]
    for form in forms:
        assert watched.vault.leaks(form), form
    assert watched.vault.leaks(repr(core_of(pair.alice.stream).chain.h0))


@pytest.mark.attack("CCH-14", "SID-06")
def test_the_cache_holds_retained_secrets_and_nothing_else_of_a_call(watched: Watched, tmp_path: Path) -> None:
    for number in range(2):
        pair = Pair(
            FAST,
            FAST,
            seed=number,
            alice_cache=SqliteCache(tmp_path / "alice.db"),
            bob_cache=SqliteCache(tmp_path / "bob.db"),
            alice_aux=AUX,
            bob_aux=AUX,
        ).run()
        watched.look_at(*pair.sides)
        assert pair.secure
    files = [path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert watched.vault.leaks(*files)
    for side in pair.sides:
        (entry,) = cache_of(side.endpoint).peers()
        for secret in (entry.record.rs1, entry.record.rs2, entry.record.pbxsecret):
            if secret is not None:
                watched.vault.forget(bytes(secret.octets))
    assert watched.vault.leaks(*files) == set()


@pytest.mark.attack("SID-04", "SID-06")
def test_after_closing_every_secret_of_the_call_is_zero(watched: Watched) -> None:
    """Whatever the call ever put into a `Secret`. What the cache holds may be left, and the hash that people read to
    each other, which is no key.
    """
    caches = MemoryCache(), MemoryCache()
    kept: set[bytes] = set()
    for number in range(2):
        pair = Pair(FAST, FAST, seed=number, alice_cache=caches[0], bob_cache=caches[1], alice_aux=AUX, bob_aux=AUX)
        pair.run()
        pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
        pair.run(pair.network.now + 5.0)
        assert pair.secure
        kept |= {side.session.sas.sashash for side in pair.sides if side.session.sas is not None}
        for side in pair.sides:
            side.session.close(pair.network.now)
            let_go(side)
    for cache in caches:
        for entry in cache.peers():
            kept |= {bytes(secret.octets) for secret in (entry.record.rs1, entry.record.rs2) if secret is not None}
    left = [octets for octets in watched.vault.buffers if any(octets) and bytes(octets) not in kept]
    assert left == []


@pytest.mark.attack("SID-05")
def test_nothing_that_holds_a_secret_is_pickled_or_turned_into_a_dict() -> None:
    pair = Pair(FAST, FAST).run()
    for event in pair.alice.seen(KeysReady):
        with pytest.raises(TypeError):
            pickle.dumps(event)
        with pytest.raises(TypeError):
            asdict(event)
    for holder in (pair.alice.stream, pair.alice.session, core_of(pair.alice.stream).exchange):
        with pytest.raises((TypeError, pickle.PicklingError)):
            pickle.dumps(holder)
