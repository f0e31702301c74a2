"""The options that demo, call and listen share, and their meaning."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, NoReturn

from zrtp.cache.interface import SecretCache
from zrtp.cache.location import default_path
from zrtp.cache.sqlite import SqliteCache
from zrtp.cli.calls.impairment import Impairment
from zrtp.cli.errors import CommandError, Exit
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse, CacheError
from zrtp.media.addresses import Address
from zrtp.media.sdp import parse_zrtp_hash
from zrtp.protocol.config import Config

DEFAULT_PORT: Final = 5004
"""The registered port of RTP (RFC 3551 section 8)."""

SAS_TYPES: Final = (b"B256", b"B32 ")
"""Words first: they are easier to read aloud than letters."""

_LISTS: Final = {
    "agreement": ("key_agreements", "key agreements"),
    "hash": ("hashes", "hashes"),
    "cipher": ("ciphers", "ciphers"),
    "auth_tag": ("auth_tags", "SRTP authentication tags"),
    "sas": ("sas_types", "renderings of the SAS"),
}


class Verdict(Enum):
    """What a person, or `--verify`, says about the two renderings of the SAS."""

    ASK = "ask"
    MATCH = "match"
    MISMATCH = "mismatch"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """The shared options, checked."""

    config: Config
    cache: Path | None
    """None: keep no secrets."""
    bind: Address | None
    audio: str
    record: Path | None
    seconds: float | None
    verify: Verdict | None
    """None: ask on a terminal, later elsewhere."""
    name: str | None
    peer_hash: bytes | None
    aux: bytes | None = field(repr=False)
    ssrc: int | None
    impair: Impairment
    json: bool
    plain: bool
    verbose: bool

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> CallOptions:
        """From the parsed command line; reads the auxsecret if it is elsewhere. Raises CommandError."""
        return cls(
            config=_config(arguments),
            cache=None if arguments.cache == "none" else cache_path(arguments.cache),
            bind=arguments.bind,
            audio=arguments.audio,
            record=arguments.record,
            seconds=arguments.seconds,
            verify=Verdict(arguments.verify) if arguments.verify else None,
            name=arguments.name,
            peer_hash=arguments.peer_hash,
            aux=None if arguments.aux is None else _aux_secret(arguments.aux),
            ssrc=arguments.ssrc,
            impair=arguments.impair,
            json=arguments.json,
            plain=arguments.plain,
            verbose=arguments.verbose,
        )


class Parser(argparse.ArgumentParser):
    """A parser whose complaints look like the command's other errors."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise CommandError(message, f"{self.prog} --help shows every option", code=Exit.USAGE)


def add_call_options(parser: argparse.ArgumentParser, *, bind: str) -> None:
    """The options of the contract; `bind` describes the default of `--bind`."""
    call = parser.add_argument_group("call")
    call.add_argument("--bind", type=address, metavar="HOST:PORT", help=f"local media port (default: {bind})")
    call.add_argument(
        "--cache", metavar="PATH", help='file of retained secrets (default: in your data folder); "none" keeps none'
    )
    call.add_argument(
        "--role", choices=("auto", "passive"), default="auto", help="passive never starts the key agreement itself"
    )
    call.add_argument("--ssrc", type=_ssrc, metavar="HEX", help="own SSRC (default: random)")
    call.add_argument(
        "--aux",
        metavar="HEX",
        help="secret known to both sides by other means. On the command line other users of this computer can see it: "
        "@FILE reads it from a file, - from the terminal or standard input",
    )
    call.add_argument(
        "--peer-hash", type=_peer_hash, metavar='"1.10 HEX"', help="zrtp-hash of the peer, received by signalling"
    )
    call.add_argument(
        "--trust-peer-hash",
        action="store_true",
        help="the --peer-hash came by a way on which nobody could change it, for example signed",
    )
    call.add_argument(
        "--allow-clear",
        action="store_true",
        help="the other side may switch encryption off; you are asked before any sound leaves unprotected",
    )

    algorithms = parser.add_argument_group("algorithms, comma separated, best first")
    for name, (attribute, meaning) in _LISTS.items():
        known = ", ".join(map(codes.name, getattr(DEFAULT, attribute)))
        algorithms.add_argument(
            f"--{name.replace('_', '-')}", type=_algorithms(name), metavar="LIST", help=f"{meaning}: {known}"
        )

    sound = parser.add_argument_group("sound")
    sound.add_argument(
        "--audio",
        default="tone",
        metavar="FILE.wav|tone|silence|mic",
        help="what to send (default: tone); mic also plays what is heard",
    )
    sound.add_argument("--record", type=Path, metavar="FILE.wav", help="where to store what is heard")
    sound.add_argument("--seconds", type=_seconds, metavar="N", help="hang up N seconds after the call is secure")

    verdict = parser.add_argument_group("verdict")
    verdict.add_argument(
        "--verify",
        choices=[verdict.value for verdict in Verdict],
        help="do the words match? (default: ask on a terminal, later elsewhere)",
    )
    verdict.add_argument(
        "--name",
        help="whom you expect: what the peer is called once the words match, and a warning if it is known"
        " under another name",
    )

    output = parser.add_argument_group("output and experiments")
    output.add_argument("--json", action="store_true", help="events as JSON lines on standard output")
    output.add_argument("--plain", action="store_true", help="no colour, no cursor movement (also: NO_COLOR)")
    output.add_argument("-v", "--verbose", action="store_true", help="state transitions")
    output.add_argument(
        "--impair",
        type=_impairment,
        default=Impairment(),
        metavar="LIST",
        help="make the network worse, each way: loss=20%%,dup=5%%,reorder=5%%,delay=80ms,seed=7",
    )


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """`--cache` for verbs without a call."""
    parser.add_argument("--cache", metavar="PATH", help="file of retained secrets (default: in your data folder)")


def cache_path(given: str | None) -> Path:
    """Where the retained secrets are. Raises CommandError without a home folder."""
    try:
        return default_path() if given is None else Path(given)
    except CacheError as error:
        raise CommandError.from_sentences(str(error)) from error


def open_cache(path: Path | None) -> SecretCache | None:
    """The cache of that file; None for none. Raises CommandError."""
    try:
        return None if path is None else SqliteCache(path)
    except CacheError as error:
        raise CommandError.from_sentences(str(error)) from error


def address(text: str) -> Address:
    """HOST:PORT, also PORT, HOST and [IPv6]:PORT; the host defaults to all interfaces, the port to 5004."""
    host, port = text, str(DEFAULT_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.isdecimal():
        host, port = "", text
    elif text.count(":") == 1:
        host, port = text.split(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65535 or any(c.isspace() for c in host):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 192.0.2.20:5004")
    return host or "0.0.0.0", int(port)  # noqa: S104


def remote_address(text: str) -> Address:
    """HOST:PORT of a peer; the host cannot be left out."""
    host, port = address(text)
    if text.startswith(":") or text.isdecimal() or not port:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 192.0.2.20:5004")
    return host, port


def _algorithms(name: str) -> Any:
    attribute, meaning = _LISTS[name]

    def parse(text: str) -> tuple[bytes, ...]:
        known = _by_folded_name(
            getattr(DEFAULT, attribute), extra=(codes.MULT, codes.PRSH) if name == "agreement" else ()
        )
        chosen = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            if part.casefold() not in known:
                names = ", ".join(map(codes.name, known.values()))
                raise argparse.ArgumentTypeError(f"{part} is not among the {meaning} known here: {names}")
            chosen.append(known[part.casefold()])
        if not chosen:
            raise argparse.ArgumentTypeError("the list is empty")
        return tuple(dict.fromkeys(chosen))

    return parse


def _by_folded_name(entries: Mapping[bytes, Any], extra: Iterable[bytes]) -> dict[str, bytes]:
    return {codes.name(code).casefold(): code for code in (*entries, *extra)}


def _config(arguments: argparse.Namespace) -> Config:
    lists = {attribute: getattr(arguments, name) for name, (attribute, _) in _LISTS.items() if getattr(arguments, name)}
    agreements = lists.get("key_agreements", ())
    missing = [
        code for code in agreements if code in DEFAULT.key_agreements and not DEFAULT.key_agreements[code].available
    ]
    if missing:
        raise CommandError(
            f"{codes.name(missing[0])} is not available with the installed cryptography library",
            "install a newer one: python -m pip install --upgrade cryptography",
            code=Exit.USAGE,
        )
    preshared = codes.PRSH in agreements
    if preshared:
        lists["key_agreements"] = tuple(code for code in agreements if code != codes.PRSH)
    lists.setdefault("sas_types", SAS_TYPES)
    if arguments.trust_peer_hash and arguments.peer_hash is None:
        raise CommandError("--trust-peer-hash needs --peer-hash", "give both, or neither", code=Exit.USAGE)
    try:
        return Config(
            passive=arguments.role == "passive",
            preshared=preshared,
            allow_clear=arguments.allow_clear,
            signalling_protected=arguments.trust_peer_hash,
            **lists,
        )
    except ApiMisuse as error:
        raise CommandError.from_sentences(str(error), code=Exit.USAGE) from error


def _aux_secret(text: str) -> bytes:
    """The octets of --aux, from the command line, a file, or what is typed."""
    if text == "-":
        text = getpass.getpass("zrtp: auxsecret in hexadecimal: ") if sys.stdin.isatty() else sys.stdin.readline()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not plain text"
            raise CommandError(f"the auxsecret cannot be read from {text[1:]}: {reason}") from error
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if not octets:
        raise CommandError(
            "the auxsecret is not hexadecimal",
            "32 octets are usual: python -c 'import secrets; print(secrets.token_hex())' makes one",
            code=Exit.USAGE,
        )
    return octets


def _ssrc(text: str) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFFFFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of up to eight hexadecimal digits")
    return number


def _peer_hash(text: str) -> bytes:
    parsed = parse_zrtp_hash(text)
    if parsed is None:
        raise argparse.ArgumentTypeError(f'{text!r} is not a zrtp-hash such as "1.10" and 64 hexadecimal digits')
    return parsed.hash


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _impairment(text: str) -> Impairment:
    try:
        return Impairment.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
