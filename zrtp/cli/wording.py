"""The words in which people are told about a call. Pure functions: events in, text out, no terminal.

One wording for call, listen and demo, so that both ends of a call read the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.cli import pictures
from zrtp.cli.jsonlines import printable
from zrtp.crypto import codes
from zrtp.crypto.sas import Sas
from zrtp.media.secure import Counters
from zrtp.protocol.events import Continuity, PeerDetected, SasReady, Secured, Suite

DEMO_QUESTION: Final = "Do both sides show the same? (ends by itself)"
KEYS: Final = ("[y] they match", "[n] they differ", "[l] later")

KEYS_VERIFIED: Final = "  [q]uit [s]how [u]ndo"
KEYS_NOT_VERIFIED: Final = "  [q]uit [s]how [v]erify"

ALARM_HINT: Final = "call again over another network, and compare again"

HASH_MISMATCH: Final = "the peer is not the one that its signalling announced"
HASH_MISMATCH_HINT: Final = "call again; if it happens again, do not trust this connection"

WAITING_FOR_ANSWER: Final = "nobody answers yet, still trying"
NOBODY_LISTENS: Final = "nobody listens at that address yet, still trying"
WAITING_FOR_CONFIRMATION: Final = "waiting for the other side to confirm"

INSECURE: Final = "INSECURE"
NOT_VERIFIED: Final = "SECURE BUT NOT VERIFIED"
VERIFIED: Final = "SECURE AND VERIFIED"
MISMATCH: Final = "INSECURE UNTIL COMPARED"

MISMATCH_ADVICE: Final = "A new phone explains this; so does a wiretapper. Compare the words before you talk."
NOT_KEPT: Final = "the other side keeps no secrets, so the next call is a first call again"
DISCLOSURE: Final = "the other side's software says it may hand over keys"

_AGREEMENTS: Final = {
    b"DH2k": "Diffie-Hellman 2048",
    b"DH3k": "Diffie-Hellman 3072",
    b"EC25": "P-256",
    b"EC38": "P-384",
    b"EC52": "P-521",
    b"X255": "X25519",
    b"E255": "X25519",
    b"X448": "X448",
    b"K255": "X25519 KEM",
    b"K448": "X448 KEM",
    b"MLK1": "ML-KEM-512",
    b"MLK2": "ML-KEM-768",
    b"MLK3": "ML-KEM-1024",
    b"X1M1": "X25519 + ML-KEM-512",
    b"X1M2": "X25519 + ML-KEM-768",
    b"X3M3": "X448 + ML-KEM-1024",
    b"Mult": "multistream",
    b"Prsh": "preshared",
}
_NOUNS: Final = {b"B256": "words", b"B32 ": "letters", b"B32E": "pictures"}
_CIPHERS: Final = {b"AES1": "AES-128", b"AES2": "AES-192", b"AES3": "AES-256"}
_AUTH_TAGS: Final = {b"HS32": "HMAC-SHA1-32", b"HS80": "HMAC-SHA1-80"}
_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def suite(chosen: Suite) -> str:
    """ "X25519 (X255), AES-256, HMAC-SHA1-80", or "P-256 (EC25), AES-256-GCM"."""
    code = codes.name(chosen.key_agreement)
    words = _AGREEMENTS.get(chosen.key_agreement)
    agreement = f"{words} ({code})" if words else code
    cipher = _CIPHERS.get(chosen.cipher, codes.name(chosen.cipher))
    if chosen.auth_tag == b"GCM ":
        return f"{agreement}, {cipher}-GCM"
    return f"{agreement}, {cipher}, {_AUTH_TAGS.get(chosen.auth_tag, codes.name(chosen.auth_tag))}"


def suite_codes(chosen: Suite) -> str:
    """The whole suite by the names of RFC 6189: "X255 S256 AES3 HS80 B256"."""
    parts = (chosen.key_agreement, chosen.hash, chosen.cipher, chosen.auth_tag, chosen.sas)
    return " ".join(map(codes.name, parts))


def traffic(packets: int, octets: int) -> str:
    """ "13 packets, 6,412 octets"."""
    return f"{packets:,} packets, {octets:,} octets"


def date(moment: float) -> str:
    """The local date of wall clock seconds, "3 March 2026"."""
    local = time.localtime(moment)
    return f"{local.tm_mday} {_MONTHS[local.tm_mon - 1]} {local.tm_year}"


def peer(news: PeerDetected) -> str:
    """The peer's software, as it calls itself."""
    return printable(news.client_id) or "unnamed software"


def name(secured: Secured) -> str:
    """The peer's name, or a stopgap."""
    return secured.peer_name or "this peer"


@dataclass(frozen=True, slots=True)
class ShownSas:
    """A SAS as it is shown."""

    parts: tuple[str, ...]
    """What to read aloud, one after the other, large."""
    aside: str
    """Another rendering of the same value, small beside it."""

    @property
    def large(self) -> str:
        return "   ".join(self.parts)


def sas(value: Sas, shows: Callable[[str], bool]) -> ShownSas:
    """The negotiated rendering, and another one of the same value beside it.

    Where the terminal cannot show pictures they are named, as the person at the other end does.
    """
    letters = f"(letters {value.letters()})"
    if value.code == b"B256":
        return ShownSas(value.words(), letters)
    if value.code == b"B32E":
        return ShownSas(tuple(value.emoji()) if shows(value.emoji()) else pictures.names(value), letters)
    if value.code == b"B32 " or not shows(value.rendered):
        return ShownSas((value.letters(),), f"(words {' '.join(value.words())})")
    return ShownSas((value.rendered,), letters)


def question(value: Sas) -> str:
    """What to do with the SAS."""
    read = f"Read the {noun(value)} aloud." if value.code != b"B32E" else "Name the pictures aloud, from left to right."
    return f"{read} Does the other person see the same?"


def demo_same(value: Sas) -> str:
    """What the person at the demo does not do."""
    verb = "name" if value.code == b"B32E" else "read"
    return f"Two people would now {verb} these {noun(value)} to each other. They are the same: nobody is in between."


def alarm(value: Sas | None) -> str:
    """What to say after "they differ"."""
    return f"The {noun(value)} differ: somebody is listening in between. Hang up and say nothing confidential."


def alarm_exit(value: Sas | None) -> str:
    """Why the call ended then."""
    return f"the {noun(value)} differ, so nothing of this call was kept"


def noun(value: Sas | None) -> str:
    """What a SAS of this rendering consists of."""
    return "words" if value is None else _NOUNS.get(value.code, "letters")


def heading(secured: Secured, sas_ready: SasReady | None) -> tuple[str, str]:
    """The state of a secure call by name, and why it is that."""
    if secured.verified:
        since = f", verified {date(secured.verified_at)}" if secured.verified_at is not None else " - verified"
        return VERIFIED, f"secure with {name(secured)}{since}"
    continuity = sas_ready.continuity if sas_ready is not None else Continuity.NONE
    if continuity is Continuity.MISMATCH:
        return MISMATCH, f"{name(secured)} no longer has the key from your last call"
    if continuity is Continuity.FIRST_CALL:
        return NOT_VERIFIED, "first call with this peer"
    if continuity is Continuity.NONE:
        return NOT_VERIFIED, "no secrets are kept, so every call is a first call"
    if secured.verified_at is not None:
        return NOT_VERIFIED, f"you verified {name(secured)}, the other side has not"
    return NOT_VERIFIED, f"you have talked to {name(secured)} before, but never compared the words"


def sound(counters: Counters) -> str:
    """ "sent 150 received 150 verified 150", and what was refused."""
    text = f"sent {counters.sent} received {counters.received} verified {counters.verified}"
    forged = counters.rejected - counters.repeated
    if forged:
        text += f" refused {forged}"
    if counters.repeated:
        text += f" repeated {counters.repeated}"
    return text


def new_device(peer_name: str) -> str:
    """Another ZID under a known name is no alarm: people have several phones."""
    return f"you know another device of {peer_name} already; both are kept"


def duration(seconds: float) -> str:
    """ "0:42" or "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
