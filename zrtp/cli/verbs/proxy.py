"""`zrtp proxy sip|rtp`: any phone gains ZRTP."""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path
from typing import Final

from zrtp.cli.calls.impairment import BadNetwork, Impairment
from zrtp.cli.calls.names import explained
from zrtp.cli.calls.opening import cannot_open
from zrtp.cli.calls.proxying import ProxySettings, run_proxy
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options import algorithms, cache, network, output, verdict
from zrtp.cli.options.addresses import address, remote_address
from zrtp.cli.options.parser import Parser
from zrtp.cli.screen.terminal import Terminal
from zrtp.errors import CacheError
from zrtp.media.addresses import Address, is_number
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.bare import BareOptions, BareRtp
from zrtp.proxy.news import CallVerdict, Tell, View
from zrtp.proxy.policy import Policy
from zrtp.proxy.server import ProxyOptions, SipProxy
from zrtp.proxy.sip import host_port
from zrtp.proxy.upstream import NoSuchServer, Upstream

SYNOPSIS: Final = "sip --upstream SERVER [options]  |  rtp LOCAL_PORT HOST:PORT [options]"

DESCRIPTION: Final = """\
Stands between a phone that has no ZRTP and the network: the phone's sound is plain on its side, and encrypted end to
end on the other. `sip` is the phone's outbound proxy, `rtp` is one stream for phones and tools without SIP.
Whoever can listen between the phone and this proxy hears everything, so keep both on one computer."""

EXAMPLE: Final = """\
example:
  zrtp proxy sip --upstream sip.example.org --web 127.0.0.1:8080
      then set the phone's outbound proxy to sip:127.0.0.1:5070
  zrtp proxy sip --upstream "sip.example.org;transport=tls" --listen 127.0.0.1:5072 --json
  zrtp proxy rtp 7000 192.0.2.20:5004 --bind 0.0.0.0:5004

Runs until Ctrl-C or q. Exit codes: 0 ended with q, 2 usage, 6 local failure (port, server, cache), 130 interrupted."""

DEFAULT_LISTEN: Final = "127.0.0.1:5070"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="sip|rtp", parser_class=Parser)
    sip = kinds.add_parser("sip", prog="zrtp proxy sip", help="the outbound proxy of SIP phones")
    sip.add_argument(
        "--listen",
        type=address,
        default=address(DEFAULT_LISTEN),
        metavar="HOST:PORT",
        help=f"where the phone finds it, UDP and TCP (default: {DEFAULT_LISTEN})",
    )
    sip.add_argument(
        "--upstream",
        required=True,
        type=_upstream,
        metavar="SERVER",
        help="the SIP server: a domain, HOST or HOST:PORT, with ;transport=tcp or tls if it is not UDP",
    )
    sip.add_argument(
        "--bind", type=address, metavar="HOST:PORT", help="own address towards the server (default: found out)"
    )
    sip.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust in place of the system's, for TLS")
    rtp = kinds.add_parser("rtp", prog="zrtp proxy rtp", help="one stream without SIP")
    rtp.add_argument("local", type=_local, metavar="LOCAL_PORT", help="where the phone sends RTP; RTCP one above")
    rtp.add_argument("remote", type=remote_address, metavar="HOST:PORT", help="where the other side is")
    rtp.add_argument(
        "--phone", type=remote_address, metavar="HOST:PORT", help="where the phone hears (default: where it sends from)"
    )
    rtp.add_argument("--bind", type=address, metavar="HOST:PORT", help="own media port (default: any free one)")
    for each in (sip, rtp):
        _add_shared(each)


def run(arguments: argparse.Namespace) -> int:
    endpoint = _endpoint(arguments)
    policy = Policy.BEST_EFFORT if arguments.best_effort else Policy.REQUIRE
    settings = ProxySettings(
        json=arguments.json,
        plain=arguments.plain,
        verbose=arguments.verbose,
        verdict=verdict.decided(arguments.verify),
        name=arguments.name,
        web=arguments.web,
    )
    if arguments.kind == "rtp":
        return run_proxy(lambda tell: _Rtp.of(arguments, endpoint, policy, tell), settings)
    if arguments.listen[0] in ("0.0.0.0", "::"):  # noqa: S104
        raise CommandError(
            "--listen needs the address that the phone reaches, not all of them",
            "for a phone on this computer 127.0.0.1, otherwise the address in its network",
            code=Exit.USAGE,
        )
    return run_proxy(lambda tell: _Sip.of(arguments, endpoint, policy, tell), settings)


class _Sip:
    """The SIP proxy, as the command runs it."""

    def __init__(self, proxy: SipProxy) -> None:
        self._proxy = proxy

    @classmethod
    async def of(cls, arguments: argparse.Namespace, endpoint: Endpoint, policy: Policy, tell: Tell) -> _Sip:
        options = ProxyOptions(
            listen=await _numbers(arguments.listen),
            upstream=arguments.upstream,
            policy=policy,
            bind=await _numbers(arguments.bind) if arguments.bind else None,
            ca=arguments.ca,
            path=_path(arguments.impair),
        )
        return cls(SipProxy(options, endpoint, tell))

    async def open(self) -> dict[str, str]:
        phone, outside = await self._proxy.open()
        return {"outbound_proxy": f"sip:{phone.sent_by}", "bind": f"{outside.transport} {outside.sent_by}"}

    async def close(self) -> None:
        await self._proxy.close()

    def views(self) -> list[View]:
        return self._proxy.calls.views()

    def judge(self, number: int, words: str, judgement: CallVerdict, name: str | None = None) -> None:
        self._proxy.calls.judge(number, words, judgement, name)


class _Rtp:
    """One stream, as the command runs it."""

    def __init__(self, proxy: BareRtp) -> None:
        self._proxy = proxy

    @classmethod
    async def of(cls, arguments: argparse.Namespace, endpoint: Endpoint, policy: Policy, tell: Tell) -> _Rtp:
        options = BareOptions(
            local=await _numbers(arguments.local),
            remote=await _numbers(arguments.remote),
            policy=policy,
            phone=await _numbers(arguments.phone) if arguments.phone else None,
            bind=await _numbers(arguments.bind) if arguments.bind else None,
            path=_path(arguments.impair),
        )
        return cls(BareRtp(options, endpoint, tell))

    async def open(self) -> dict[str, str]:
        phone, outside = self._proxy.open()
        return {"phone": host_port(*phone), "bind": host_port(*outside)}

    async def close(self) -> None:
        await self._proxy.close()

    def views(self) -> list[View]:
        return self._proxy.views()

    def judge(self, number: int, words: str, judgement: CallVerdict, name: str | None = None) -> None:
        self._proxy.judge(number, words, judgement, name)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    policy = parser.add_mutually_exclusive_group()
    policy.add_argument(
        "--require", action="store_true", help="nothing in clear ever leaves towards the network (default)"
    )
    policy.add_argument(
        "--best-effort", action="store_true", help="without ZRTP at the other side, go on in clear and say so loudly"
    )
    cache.add(parser)
    algorithms.add(parser)
    verdict.add(parser, name="what the other side is called once --verify says that the words match")
    group = parser.add_argument_group("output and experiments")
    group.add_argument(
        "--web", type=_web, metavar="127.0.0.1:PORT", help="a page that shows the calls and takes the verdict"
    )
    output.add(group)
    network.add_impairment(group)


def _endpoint(arguments: argparse.Namespace) -> Endpoint:
    """The installation. Raises CommandError."""
    try:
        return Endpoint(
            algorithms.config(arguments),
            cache.opened(cache.path_of(arguments.cache), cache.keys_of(arguments.cache_keys)),
        )
    except CacheError as error:
        raise CommandError.from_sentences(str(error)) from error


def _path(impair: Impairment) -> BadNetwork | None:
    return BadNetwork(impair) if impair != Impairment() else None


def _upstream(text: str) -> Upstream:
    try:
        return Upstream.parse(text)
    except NoSuchServer as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _local(text: str) -> Address:
    """A port of this computer, or HOST:PORT for another of its addresses."""
    return ("127.0.0.1", address(text)[1]) if text.isdecimal() else address(text)


def _web(text: str) -> Address:
    host, port = ("127.0.0.1", int(text)) if text.isdecimal() else address(text)
    host = "127.0.0.1" if host == "localhost" else host
    if host not in ("127.0.0.1", "::1"):
        raise argparse.ArgumentTypeError(f"the page is for this computer only: 127.0.0.1:{port} or [::1]:{port}")
    return host, port


async def _numbers(given: Address) -> Address:
    """The address in numbers. Raises CommandError for a name that cannot be found."""
    if is_number(given[0]):
        return given
    try:
        with explained(Terminal.of_process(json=True).note, given):
            found = await asyncio.get_running_loop().getaddrinfo(*given, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise cannot_open(error, None, given) from error
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    return str(found[0][4][0]), given[1]
