"""The options that demo, call and listen share, and what they settle about one call."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.options import algorithms, cache, network, output, peer, sound, verdict
from zrtp.cli.options.parser import one_of
from zrtp.cli.options.sound import Accept
from zrtp.cli.options.verdict import Verdict
from zrtp.media.addresses import Address
from zrtp.protocol.config import Config
from zrtp.stores.address import Place
from zrtp.stores.keys import KeySource

_ROLES: Final = ("auto", "passive")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What the command line says about one call, checked."""

    config: Config
    cache: Place | None
    """None: keep no secrets."""
    cache_keys: KeySource | None
    """None: the secrets there are not sealed."""
    bind: Address | None
    wait: float | None
    """Seconds for which the other side is waited for; None: for ever, or as long as discovery takes."""
    audio: str | None
    """None: the microphone where there is one, otherwise a tone."""
    input: str | None
    output: str | None
    accept: Accept
    record: Path | None
    seconds: float | None
    verdict: Verdict | None
    """None: a person is asked."""
    name: str | None
    peer_hash: bytes | None
    aux: bytes | None = field(repr=False)
    ssrc: int | None
    impair: Impairment
    json: bool
    plain: bool
    verbose: bool

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> CallSettings:
        """From the parsed command line; reads the auxsecret if it is elsewhere. Raises CommandError."""
        peer.check(arguments)
        sound.check(arguments)
        config = algorithms.config(
            arguments,
            passive=arguments.role == "passive",
            allow_clear=arguments.allow_clear,
            signalling_protected=arguments.trust_peer_hash,
            **({} if arguments.mtu is None else {"mtu": arguments.mtu}),
        )
        return cls(
            config=config,
            cache=cache.path_of(arguments.cache),
            cache_keys=cache.keys_of(arguments.cache_keys),
            bind=arguments.bind,
            wait=arguments.wait,
            audio=arguments.audio,
            input=arguments.input,
            output=arguments.output,
            accept=Accept(arguments.accept),
            record=arguments.record,
            seconds=arguments.seconds,
            verdict=verdict.decided(arguments.verify),
            name=arguments.name,
            peer_hash=arguments.peer_hash,
            aux=None if arguments.aux is None else peer.aux_secret(arguments.aux),
            ssrc=arguments.ssrc,
            impair=arguments.impair,
            json=arguments.json,
            plain=arguments.plain,
            verbose=arguments.verbose,
        )


def add(
    parser: argparse.ArgumentParser,
    *,
    bind: str,
    cache_default: str = cache.DEFAULT,
    audio: str = "the microphone where there is one, otherwise tone",
    answers: bool = False,
) -> None:
    """All of them; `bind`, `cache_default` and `audio` describe the defaults of these options, `answers` is for whoever
    is called."""
    group = parser.add_argument_group("call")
    network.add(group, bind=bind)
    cache.add(group, default=cache_default)
    group.add_argument(
        "--role",
        type=one_of(_ROLES),
        choices=_ROLES,
        default="auto",
        help="passive never starts the key agreement itself",
    )
    peer.add(group)
    group.add_argument(
        "--allow-clear",
        action="store_true",
        help="the other side may switch encryption off; you are asked before any sound leaves unprotected",
    )
    algorithms.add(parser)
    sound.add(parser, default=audio, answers=answers)
    verdict.add(parser)
    last = parser.add_argument_group("output and experiments")
    output.add(last)
    network.add_impairment(last)
