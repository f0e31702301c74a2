"""No key octets in anything that people or programs can read: logs, events, reprs, JSON lines, the cache file."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.inside import call_of, core_of
from tests.support.inside import secrets_of as session_secrets
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Clock, Pair
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.screen.jsonlines import describe
from zrtp.protocol.config import Config
from zrtp.protocol.exchange import present
from zrtp.secret import Secret

CONFIG = Config(key_agreements=(b"X1M2", b"X255"), allow_clear=True, preshared=True)
WINDOW = 8
"""Octets of a key that count as the key: nobody writes that many by chance."""


def secrets_of(pair: Pair) -> dict[str, bytes]:
    """Every key of a secure call, by name."""
    found: dict[str, bytes] = {}
    for side in pair.sides:
        found |= {f"{side.name} {name}": bytes(value.octets) for name, value in session_secrets(side.session).items()}
        for stream in side.session.streams:
            keys = present(present(core_of(stream).exchange).keys)
            for name in ("mackeyi", "mackeyr", "zrtpkeyi", "zrtpkeyr"):
                found[f"{side.name} {stream.ssrc:x} {name}"] = bytes(getattr(keys, name).octets)
            for name in ("srtpi", "srtpr"):
                srtp = getattr(keys, name)
                found[f"{side.name} {stream.ssrc:x} {name} key"] = bytes(srtp.key.octets)
                found[f"{side.name} {stream.ssrc:x} {name} salt"] = bytes(srtp.salt.octets)
            found[f"{side.name} {stream.ssrc:x} h0"] = core_of(stream).chain.h0
        outcome = call_of(side.session).retention._outcome
        if outcome is not None:
            found[f"{side.name} rs1"] = bytes(outcome.new_rs1.octets)
    return found


def forms(key: bytes) -> Iterator[bytes]:
    """How octets of a key may look in text or in a file: raw, hexadecimal, base64, as Python writes them."""
    for start in range(0, len(key) - WINDOW + 1):
        part = key[start : start + WINDOW]
        yield part
        yield part.hex().encode()
        yield part.hex().upper().encode()
        yield repr(part)[2:-1].encode()
    for shift in range(3):
        yield base64.b64encode(key[shift : shift + 9])


def leaks(keys: dict[str, bytes], text: bytes) -> list[str]:
    return [name for name, key in keys.items() if any(form in text for form in forms(key))]


def call(path: Path, clock: Clock, seed: int = 0) -> Pair:
    """Audio and video, with retained secrets in files."""
    pair = Pair(
        CONFIG,
        CONFIG,
        alice_cache=SqliteCache(path / "alice.db"),
        bob_cache=SqliteCache(path / "bob.db"),
        alice_aux=b"auxsecret of thirty-two octets!!",
        bob_aux=b"auxsecret of thirty-two octets!!",
        clock=clock,
        seed=seed,
    ).run()
    pair.add_streams(ALICE_SSRC + 1, BOB_SSRC + 1)
    pair.run(pair.network.now + 5.0)
    assert pair.secure
    return pair


def reachable(pair: Pair) -> str:
    """The repr of everything that an application can hold, or a debugger show."""
    shown: list[object] = []
    for side in pair.sides:
        shown += [
            side.endpoint,
            side.session,
            *side.events,
            call_of(side.session).retention,
            call_of(side.session).retention.record,
        ]
        shown += session_secrets(side.session).values()
        for stream in side.session.streams:
            exchange = present(core_of(stream).exchange)
            shown += [stream, core_of(stream).chain, exchange, exchange.keys, exchange.own_plain, exchange.peer_plain]
    return "\n".join(repr(thing) for thing in shown)


@pytest.mark.attack("SID-05", "DOS-16")
def test_logs_events_reprs_and_json_hold_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="zrtp")
    clock = Clock()
    for number in range(2):  # the second call is a Preshared one
        pair = call(tmp_path, clock, seed=number)
        keys = secrets_of(pair)
        assert len(keys) > 40
        for side in pair.sides:
            side.session.sas_matched("friend")
            side.drain()
        lines = [json.dumps(describe(event)) for side in pair.sides for event in side.events if describe(event)]
        assert leaks(keys, caplog.text.encode()) == [], number
        assert leaks(keys, reachable(pair).encode()) == [], number
        assert leaks(keys, "\n".join(lines).encode()) == [], number
        for side in pair.sides:
            side.session.close(pair.network.now)
    assert "secure" in caplog.text


def test_the_scan_finds_what_it_looks_for(tmp_path: Path) -> None:
    keys = secrets_of(call(tmp_path, Clock()))
    name, key = next(iter(keys.items()))
    for text in (key, b"x" + key.hex().encode(), repr(key[3:14]).encode(), base64.b64encode(key)):
        assert name in leaks(keys, text)


@pytest.mark.attack("CCH-14", "SID-06")
def test_the_cache_file_holds_the_retained_secret_and_nothing_else(tmp_path: Path) -> None:
    pair = call(tmp_path, Clock())
    keys = secrets_of(pair)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert {name.split()[-1] for name in leaks(keys, files)} == {"rs1"}
    assert b"auxsecret of thirty" not in files


@pytest.mark.attack("SID-04", "SID-06")
@pytest.mark.rfc("R-4.7.3-01", "R-4.7.3-02")
def test_closing_a_call_overwrites_its_keys(tmp_path: Path) -> None:
    pair = call(tmp_path, Clock())
    held: list[bytearray] = []
    for side in pair.sides:
        held += [secret.octets for secret in session_secrets(side.session).values()]
        for stream in side.session.streams:
            keys = present(present(core_of(stream).exchange).keys)
            held += [keys.mackeyi.octets, keys.mackeyr.octets, keys.zrtpkeyi.octets, keys.zrtpkeyr.octets]
    assert all(any(octets) for octets in held) and len(held) == 20
    for side in pair.sides:
        side.session.close(pair.network.now)
    assert not any(any(octets) for octets in held)


@pytest.mark.attack("SID-05")
def test_a_secret_is_neither_pickled_nor_copied_into_a_dict() -> None:
    secret = Secret(b"0123456789abcdef")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    pair = Pair(CONFIG, CONFIG).run()
    event = pair.alice.keys()
    with pytest.raises(TypeError):
        asdict(event)
