"""What a message says, in a few lines for people; its fields one by one are in `zrtp.wire.fields`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from zrtp.cache.record import FOREVER
from zrtp.crypto import codes
from zrtp.errors import MalformedPacket, describe
from zrtp.inspection.steps import Step
from zrtp.wire.fields import Field, Value, fields_of
from zrtp.wire.messages import (
    Commit,
    Confirm1,
    Confirm2,
    ConfirmPlain,
    DHPart1,
    DHPart2,
    Error,
    Hello,
    Ping,
    PingACK,
    SASrelay,
)

_SHOWN: Final = 8
"""Octets of a value that are shown."""

NEEDS_KEYS: Final = (Commit, DHPart1, DHPart2, Confirm1, Confirm2, Hello)
"""Messages with a MAC whose key comes later, or never in clear."""


def summary(step: Step) -> list[str]:
    """What matters of a message, line by line; nothing for acknowledgements."""
    match step.message:
        case Hello() as hello:
            return _hello(hello)
        case Commit() as commit:
            return _commit(commit)
        case DHPart1() | DHPart2() as part:
            return [
                f"public value of {len(part.pv)} octets, {short(part.pv)}",
                f"secret IDs rs1 {short(part.rs1_id, 4)} rs2 {short(part.rs2_id, 4)} "
                f"aux {short(part.aux_secret_id, 4)} pbx {short(part.pbx_secret_id, 4)}",
            ]
        case Confirm1() | Confirm2():
            return [_confirm(step.plain)] if step.plain is not None else ["encrypted: H0, flags, cache expiration"]
        case Error(code=code):
            return [f"0x{code:X}: {describe(code)}"]
        case SASrelay():
            return ["encrypted: the SAS of the party behind the relay"]
        case Ping(endpoint_hash=own):
            return [f"endpoint {own.hex()}"]
        case PingACK() as answer:
            return [f"endpoint {answer.sender_endpoint_hash.hex()} for SSRC {answer.ssrc:08x}"]
    return []


def checks(step: Step) -> list[str]:
    """What was verified of a message, in one line; what turned out wrong in another."""
    good = [each.what for each in step.checks if each.good]
    bad = [f"{each.what} ({each.by})" for each in step.checks if not each.good]
    open_ = isinstance(step.message, NEEDS_KEYS) and "MAC" not in {each.what for each in step.checks}
    line = f"good: {', '.join(good)}" if good else ""
    if open_:
        line += f"{'; ' if line else ''}MAC: needs a later message or the keys"
    return ([line] if line else []) + ([f"WRONG: {', '.join(bad)}"] if bad else [])


def fields(step: Step) -> Iterator[str]:
    """Every field of a message: its place (octets from the preamble on), name and value; nothing for a repetition."""
    yield from _lines(_fields(step), "")


def fields_as_data(step: Step) -> list[dict[str, Any]]:
    """The same for machines."""
    return [_as_data(field) for field in _fields(step)]


def short(octets: bytes, shown: int = _SHOWN) -> str:
    """The first octets in hexadecimal."""
    return octets[:shown].hex() + ("..." if len(octets) > shown else "")


def text(octets: bytes) -> str:
    """Octets that should be text, with everything unprintable left out."""
    return "".join(chr(octet) for octet in octets if 32 <= octet < 127).strip()


def _fields(step: Step) -> tuple[Field, ...]:
    if step.message is None or step.repeats is not None:
        return ()
    try:
        return fields_of(step.raw)
    except MalformedPacket:
        return ()


def _lines(found: tuple[Field, ...], indent: str) -> Iterator[str]:
    for field in found:
        value = "" if field.nested else f" {_shown(field.value)}"
        yield f"{field.offset:>4} {indent}{field.name}{value}"
        yield from _lines(field.nested, indent + "  ")


def _as_data(field: Field) -> dict[str, Any]:
    value: dict[str, Any] = {"name": field.name, "offset": field.offset, "length": field.length}
    if field.nested:
        return value | {"fields": [_as_data(each) for each in field.nested]}
    return value | {"value": field.value.hex() if isinstance(field.value, bytes) else field.value}


def _shown(value: Value) -> str:
    if not isinstance(value, bytes):
        return str(value)
    printable = len(value) >= codes.LENGTH and all(32 <= octet < 127 for octet in value)
    return f'"{value.decode("ascii")}"' if printable else value.hex() or "-"


def _hello(hello: Hello) -> list[str]:
    flags = [name for name, there in (("S", hello.signature_capable), ("M", hello.mitm), ("P", hello.passive)) if there]
    lists = (hello.hashes, hello.ciphers, hello.auth_tags, hello.key_agreements, hello.sas_types)
    named = [" ".join(codes.name(code) for code in listed) or "-" for listed in lists]
    who = f'"{text(hello.client_id)}" version {codes.name(hello.version)}, ZID {hello.zid.hex()}'
    return [who + (f", flags {' '.join(flags)}" if flags else ""), " | ".join(named)]


def _commit(commit: Commit) -> list[str]:
    chosen = (commit.key_agreement, commit.hash, commit.cipher, commit.auth_tag, commit.sas)
    line = " ".join(codes.name(code) for code in chosen)
    value = f"nonce {short(commit.nonce)}" if commit.nonce is not None else f"hvi {short(commit.hvi or b'')}"
    if commit.key_id is not None:
        value += f", key ID {commit.key_id.hex()}"
    if commit.public_key:
        value += f", public key of {len(commit.public_key)} octets"
    return [line, value]


def _confirm(plain: ConfirmPlain) -> str:
    named = zip("EVAD", (plain.enrolment, plain.verified, plain.allow_clear, plain.disclosure), strict=True)
    flags = " ".join(name for name, there in named if there) or "none"
    kept = "for ever" if plain.cache_interval == FOREVER else f"{plain.cache_interval} s"
    return f"decrypted: flags {flags}, secret kept {kept}"
