"""An attacker's script against two real endpoints with toy cryptography, from any stage of a call.

An input is a stage and then commands of a few octets each: deliver, lose, repeat, tamper, cut, forge, replay, reflect,
fire timers, press buttons. CRCs are always made right again, since the codec has its own target.
"""

from __future__ import annotations

from functools import cache

from tests.security.toy import toy_config
from tests.security.world import World, two_parties, with_crc
from tests.support import wire
from zrtp.protocol.states import State
from zrtp.wire.packet import encode_fragment

COMMANDS = 60
ACTIONS = (
    *("go_clear", "agree_to_clear", "go_secure", "matched", "mismatched", "forget", "rename"),
    *("export", "add_stream", "srtp", "close"),
)


def run(data: bytes) -> None:
    """One execution."""
    script = Script(data)
    stages = all_stages()
    world = stages[script.number() % len(stages)].copy()
    for _ in range(COMMANDS):
        if script.over:
            break
        command(world, script)
    world.settle()
    world.check()


class Script:
    """Reads commands; after the end everything is zero."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def over(self) -> bool:
        return self.at >= len(self.data)

    def number(self, octets: int = 1) -> int:
        value = int.from_bytes(self.data[self.at : self.at + octets], "big")
        self.at += octets
        return value

    def octets(self, count: int) -> bytes:
        value = self.data[self.at : self.at + count]
        self.at += count
        return value


def command(world: World, script: Script) -> None:
    """One thing that the attacker, the network or a user does."""
    match script.number() % 16:
        case 0 | 1 | 2 | 3:
            world.deliver()
        case 4:
            world.deliver(script.number(), keep=True)
        case 5:
            world.drop(script.number())
        case 6 | 7:
            world.tamper(script.number() % 4, script.number(2), script.number())
        case 8:
            world.cut(script.number() % 4, script.number() % 16 - 8)
        case 9:
            which = script.number()
            if which & 2:
                world.work(which & 1)
            else:
                world.timer(which & 1)
        case 10:
            world.wait(script.number() / 8)
        case 11:
            which = script.number()
            world.act(which & 1, ACTIONS[(which >> 1) % len(ACTIONS)])
        case 12:
            which = script.number()
            world.replay(script.number(), reflect=bool(which & 1))
        case 13:
            which = script.number()
            samples = messages()
            raw = bytearray(samples[script.number() % len(samples)])
            position = script.number(2) % len(raw)
            raw[position] ^= script.number()
            world.forge(which & 1, which >> 1 & 1, bytes(raw), ssrc=0x5EED if which & 4 else None)
        case 14:
            which = script.number()
            octets = b"\x10\x00\x00\x01ZRTP" + script.octets(4 * (script.number() % 16))
            world.inject(which & 1, which >> 1, with_crc(octets + bytes(4)))
        case 15:
            which = script.number()
            total, offset, length = script.number(2), script.number(), script.number() % 32
            fragment = encode_fragment(
                1,
                world.parties[1 - (which & 1)].streams[0].ssrc,
                message_id=which >> 1,
                total_words=total,
                offset_words=offset,
                data=script.octets(4 * length).ljust(4 * length, b"\0"),
            )
            world.inject(which & 1, 0, fragment)


@cache
def messages() -> list[bytes]:
    """One message of each kind."""
    return [message.raw for message in wire.one_of_each()]


@cache
def all_stages() -> list[World]:
    """A call stopped at every message of its exchange, in each mode, and in every state after it."""
    worlds: list[World] = []
    for prepare in (dh, crossing, preshared, multistream, resecured, offloaded):
        world = prepare()
        while world.under_way or any(party.works for party in world.parties):
            worlds.append(world.copy())
            world.deliver()
            if not world.under_way:
                world.work(0)
                world.work(1)
        worlds.append(world.copy())
    cleared = dh()
    cleared.settle(1.0)
    cleared.act(0, "go_clear")
    worlds.append(cleared.copy())
    cleared.settle(1.0)
    worlds.append(cleared)
    return worlds


def started(world: World, *sides: int) -> World:
    for side in sides:
        world.parties[side].streams[0].start(world.now)
        world._collect()
    return world


def dh() -> World:
    config = toy_config(allow_clear=True)
    return started(two_parties(config, toy_config(allow_clear=True, passive=True)), 0, 1)


def crossing() -> World:
    return started(two_parties(), 0, 1)


def offloaded() -> World:
    return started(two_parties(offload=True), 0, 1)


def preshared() -> World:
    config = toy_config(preshared=True, allow_clear=True)
    return started(two_parties(config, config, trusted=True), 0, 1)


def multistream() -> World:
    world = dh()
    world.settle(1.0)
    for side in (0, 1):
        assert world.parties[side].streams[0].state is State.SECURE
        world.act(side, "add_stream")
    return world


def resecured() -> World:
    world = dh()
    world.settle(1.0)
    world.act(1, "go_clear")
    world.settle(1.0)
    world.act(0, "agree_to_clear")
    world.act(0, "go_secure")
    return world
