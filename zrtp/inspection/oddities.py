"""What in a ZRTP message is not as RFC 6189 says, or worth a remark: one small rule each, with its section.

Rules look at one message and at what came before it; nothing here needs a key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.errors import MalformedPacket, PeerMisbehaved, describe
from zrtp.inspection.exchange import Progress, RecordedExchange
from zrtp.inspection.findings import Findings, Severity
from zrtp.inspection.steps import Step
from zrtp.protocol.contention import Winner, resolve
from zrtp.wire.messages import (
    Commit,
    CommitMode,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    GoClear,
    Hello,
    Kind,
    Message,
    SASrelay,
)

SideNames = tuple[str, str]

_LISTS: Final = {
    "hashes": ("hash", "5.1.2", {b"S256", b"S384", b"N256", b"N384"}, {b"S256"}),
    "ciphers": ("cipher", "5.1.3", {b"AES1", b"AES2", b"AES3", b"2FS1", b"2FS2", b"2FS3"}, {b"AES1"}),
    "auth_tags": ("auth_tag", "5.1.4", {b"HS32", b"HS80", b"SK32", b"SK64"}, {b"HS32", b"HS80"}),
    "key_agreements": (
        "key_agreement",
        "5.1.5",
        {b"DH2k", b"DH3k", b"EC25", b"EC38", b"EC52", b"Prsh", b"Mult"},
        {b"DH3k"},
    ),
    "sas_types": ("sas", "5.1.6", {b"B32 ", b"B256"}, {b"B32 "}),
}
"""List in Hello -> choice in Commit, section, codes of the RFC, and those that everybody has without listing them."""

_FLAGS: Final = slice(76, 80)
_UNUSED_FLAGS: Final = 0x8FF00000
_CONFIRM_WITHOUT_SIGNATURE: Final = 76


def of_header(findings: Findings, step: Step, mark: bytes) -> None:
    """The twelve unused bits of a packet's header."""
    if step.number and mark != b"\x10\x00":
        findings.add(Severity.ODD, "Unused bits in the header of a packet are set.", "5", step.number)


def of_message(exchange: RecordedExchange, step: Step, message: Message, names: SideNames) -> None:
    """Everything odd about a message that was not seen before."""
    rule = _RULES.get(message.kind)
    if rule is not None:
        rule(exchange, step, message, names[step.side])


def winner_of(exchange: RecordedExchange, earlier: Step, later: Step) -> Step | None:
    """Whose Commit counts when both sides sent one; None if neither does."""
    ours, theirs = earlier.message, later.message
    if not isinstance(ours, Commit) or not isinstance(theirs, Commit):
        return None
    hellos = (exchange.hello_of(earlier.side), exchange.hello_of(later.side))
    mitm = [hello is not None and hello.mitm for hello in hellos]
    try:
        winner = resolve(ours, mitm[0], theirs, mitm[1])
    except PeerMisbehaved:
        return None
    return {Winner.OWN: earlier, Winner.PEER: later}.get(winner)


def _hello(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, Hello)  # noqa: S101
    add = exchange.findings.add
    if message.version[:3] != b"1.1":
        text = f"{name} speaks version {codes.name(message.version)}."
        add(Severity.ODD, text, "4.1.1", step.number)
    if int.from_bytes(step.raw[_FLAGS], "big") & _UNUSED_FLAGS:
        add(Severity.ODD, f"Unused bits in the Hello of {name} are set.", "5.2", step.number)
    if message.mitm:
        text = f"{name} says that it is a server that may stand in between and relay the SAS (M flag)."
        add(Severity.ODD, text, "7.3", step.number)
    if message.passive:
        add(Severity.NOTE, f"{name} never sends a Commit (P flag).", "5.2", step.number)
    for table, (_, section, known, _) in _LISTS.items():
        listed: tuple[bytes, ...] = getattr(message, table)
        beyond = [code for code in dict.fromkeys(listed) if code not in known]
        if beyond:
            text = f"{name} lists {_texts(beyond)}, not in the RFC: {'; '.join(_meaning(code) for code in beyond)}."
            add(Severity.NOTE, text, section, step.number)
        if len(set(listed)) != len(listed):
            add(Severity.ODD, f"{name} lists an algorithm twice.", section, step.number)
    other = exchange.hello_of(1 - step.side)
    if other is not None and other.zid == message.zid:
        text = "Both sides have the same ZID: one call looped back to itself, or one side pretends."
        add(Severity.SERIOUS, text, "5.9", step.number)
    changed = [
        each
        for each in exchange.steps
        if each.side == step.side and isinstance(each.message, Hello) and each.ssrc == step.ssrc and each is not step
    ]
    if changed and not any(each.raw == step.raw for each in changed):
        text = f"{name} sent two different Hellos: a change of version, a restart, or somebody else."
        add(Severity.ODD, text, "4.1.1", step.number)


def _commit(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, Commit)  # noqa: S101
    add = exchange.findings.add
    own, other = exchange.hello_of(step.side), exchange.hello_of(1 - step.side)
    if own is not None and own.zid != message.zid:
        add(Severity.SERIOUS, f"The ZID in the Commit of {name} is not that of its Hello.", "5.4", step.number)
    if own is not None and own.passive:
        add(Severity.ODD, f"{name} sent a Commit although it said that it never does.", "5.2", step.number)
    if own is None or other is None:
        text = f"{name} sent a Commit, and the Hello of {'one side' if own or other else 'both sides'} is not recorded."
        add(Severity.NOTE, text, "4.1", step.number)
    for table, (choice, section, _, implied) in _LISTS.items():
        code: bytes = getattr(message, choice)
        if message.mode is CommitMode.MULTISTREAM and choice == "sas":
            continue
        for hello, whose in ((own, "it"), (other, "the other side")):
            if hello is not None and code not in getattr(hello, table) and code not in implied:
                text = f"The Commit of {name} names {codes.name(code)}, which {whose} did not list."
                add(Severity.ODD, text, section, step.number)
    if message.key_agreement == b"EC38" and message.hash not in (b"S384", b"N384"):
        add(Severity.ODD, "EC38 goes with a hash of 384 bits only.", "5.1.5", step.number)
    if message.key_agreement == b"DH2k" and message.cipher != b"AES1":
        add(Severity.ODD, "DH2k should go with AES1.", "5.1.5", step.number)
    if message.public_key:
        text = "The Commit carries a public key: a key encapsulation, which the RFC does not know."
        add(Severity.NOTE, text, "5.4", step.number)
    nonces = [
        each.message.nonce for each in exchange.steps if isinstance(each.message, Commit) and each.raw != step.raw
    ]
    if message.nonce is not None and message.nonce in nonces:
        add(Severity.SERIOUS, f"{name} used a nonce again.", "4.4.3.1", step.number)


def _dhpart(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, DHPart1 | DHPart2)  # noqa: S101
    chosen = exchange.chosen
    if chosen is None:
        exchange.findings.add(
            Severity.NOTE, f"{message.kind.text} of {name} came, and no Commit is recorded.", "4.4.1", step.number
        )
        return
    agreement = DEFAULT.key_agreements.get(chosen.key_agreement)
    if agreement is None:
        return
    check = agreement.check_dhpart1 if isinstance(message, DHPart1) else agreement.check_dhpart2
    try:
        check(message.pv)
    except MalformedPacket as error:
        exchange.findings.add(Severity.ODD, f"{name}: {error}", "5.1.5", step.number)
    except PeerMisbehaved as error:
        exchange.findings.add(Severity.SERIOUS, f"{name}: {error}", "4.4.1.2", step.number)


def _confirm(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, Confirm1 | Confirm2)  # noqa: S101
    if len(step.raw) > _CONFIRM_WITHOUT_SIGNATURE:
        words = (len(step.raw) - _CONFIRM_WITHOUT_SIGNATURE) // 4
        text = f"{message.kind.text} of {name} has room for a signature of {words} words."
        exchange.findings.add(Severity.NOTE, text, "7.2", step.number)


def _error(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, Error)  # noqa: S101
    late = exchange.progress in (Progress.SECURE, Progress.CLEARED)
    text = f"{name} sent Error 0x{message.code:X}: {describe(message.code)}."
    if late:
        text += " It came after the end of the exchange, where nobody needs to believe it."
    exchange.findings.add(Severity.ODD, text, "5.9", step.number)


def _go_clear(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, GoClear)  # noqa: S101
    exchange.findings.add(Severity.ODD, f"{name} asked to go on without encryption.", "4.7.2", step.number)


def _relay(exchange: RecordedExchange, step: Step, message: Message, name: str) -> None:
    assert isinstance(message, SASrelay)  # noqa: S101
    text = f"{name} relays the SAS of somebody behind it: it is in between, and both sides have to trust it."
    exchange.findings.add(Severity.ODD, text, "7.3", step.number)


_RULES: Final[dict[Kind, Callable[[RecordedExchange, Step, Message, str], None]]] = {
    Kind.HELLO: _hello,
    Kind.COMMIT: _commit,
    Kind.DHPART1: _dhpart,
    Kind.DHPART2: _dhpart,
    Kind.CONFIRM1: _confirm,
    Kind.CONFIRM2: _confirm,
    Kind.ERROR: _error,
    Kind.GOCLEAR: _go_clear,
    Kind.SASRELAY: _relay,
}


def _texts(listed: list[bytes]) -> str:
    return ", ".join(codes.name(code) for code in listed)


def _meaning(code: bytes) -> str:
    if code in RECOGNISED:
        return f"{codes.name(code)} is {RECOGNISED[code]}"
    implemented = any(code in getattr(DEFAULT, table) for table in _LISTS)
    return f"{codes.name(code)} is an extension" if implemented else f"{codes.name(code)} is unknown"
