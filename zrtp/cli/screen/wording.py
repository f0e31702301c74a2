"""The words in which people are told about a call. Pure functions: events in, text out, no terminal.

One wording for call, listen and demo, so that both ends of a call read the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zrtp.cli.calls.notices import Agreed
from zrtp.cli.errors import as_line
from zrtp.cli.screen import pictures
from zrtp.cli.screen.jsonlines import printable
from zrtp.crypto import codes
from zrtp.crypto.hashes import sha256
from zrtp.crypto.sas import Sas
from zrtp.media.secure import Counters
from zrtp.media.sound.level import STEPS
from zrtp.protocol.events import Assurance, Continuity, NoPeer, PeerDetected, PongReceived, SignatureReceived, Suite
from zrtp.system import date_in_words

DEMO_QUESTION: Final = "Do both sides show the same? (ends by itself)"

KEY_QUIT: Final = "  [q]uit"
KEYS: Final = "  [q]uit [s]how"
KEY_VERIFY: Final = " [v]erify"
KEY_UNDO: Final = " [u]ndo"
KEY_MUTE: Final = " [m]ute"
KEY_CLEAR: Final = " [c]lear"
KEYS_CLEAR: Final = "  [q]uit [e]ncrypt"

GO_CLEAR_QUESTION: Final = "Switch encryption off? Everybody on the way can hear the call then."
NOTHING_SENT: Final = "encryption is switched off, and nothing is sent now"
CONTINUE_NO: Final = "no, hang up"
NOT_UNPROTECTED: Final = "you hung up rather than go on unprotected"
NOBODY_AGREES: Final = "the other side switched encryption off, and nobody is here to agree to that"

ENROL_QUESTION: Final = (
    "This server asks for your trust: it would show you the other person's words, and could listen in. Trust it?"
)
ENROLLED: Final = "you trust this server from now on"
NOT_ENROLLED: Final = "you do not trust this server"
COMPARE_FIRST: Final = "this server asks for your trust: compare the words with [v] before you decide"
OFFERS_ENROLMENT: Final = "the other side is a server that asks for your trust; without your consent it gets none"

ALARM_HINT: Final = "call again over another network, and compare again"

HASH_MISMATCH: Final = "the peer is not the one that its signalling announced"
HASH_MISMATCH_HINT: Final = "call again; if it happens again, do not trust this connection"

OTHERS_ALARM: Final = (
    "The other side says that what it sees differs: somebody is listening in between. Hang up and say nothing "
    "confidential."
)
OTHERS_MISMATCH: Final = "the other side compared, and found a difference"
LEFT_UNDECIDED: Final = "the other side hung up before you said whether both see the same"
LEFT_UNDECIDED_HINT: Final = (
    "if it hung up because they differ, somebody is listening in between: call again and compare"
)

TONE_THERE: Final = "the other side sends a test tone: nobody is heard there"
HEADPHONES: Final = "use headphones: what your loudspeaker plays would come back to the other side"

NOT_THROUGH: Final = "sound arrived, but none of it could be verified"
NOT_THROUGH_HINT: Final = (
    "a server in between probably converts it: ask for a call without one, or for the same codec at both ends"
)
HEARD_AGAIN: Final = "the other side is heard again"

STAYS_CLOSED: Final = (
    "your microphone stays closed, since no key can be pressed here; --accept all opens it for everybody"
)
MUTED: Final = "your microphone is off; [m] switches it on again"
UNMUTED: Final = "your microphone is on"

WAITING_FOR_ANSWER: Final = "nobody answers yet, still trying"
NOBODY_LISTENS: Final = "nobody listens at that address yet, still trying"
BUSY: Final = "the other side is in another call, still trying"
STILL_BUSY: Final = "the other side was in another call all the time"
STILL_BUSY_HINT: Final = "call again later, or wait longer with --wait"
WAITING_FOR_CONFIRMATION: Final = "waiting for the other side to confirm"

INSECURE: Final = "INSECURE"
NOT_VERIFIED: Final = "SECURE BUT NOT VERIFIED"
VERIFIED: Final = "SECURE AND VERIFIED"

STATES: Final = {
    Assurance.INSECURE: INSECURE,
    Assurance.MISMATCH: "INSECURE UNTIL COMPARED",
    Assurance.ENCRYPTED: NOT_VERIFIED,
    Assurance.SIGNALLING: "SECURE AND BOUND, BUT NOT VERIFIED",
    Assurance.SIGNED: "SECURE AND SIGNED, BUT NOT VERIFIED",
    Assurance.VERIFIED: VERIFIED,
    Assurance.BOUND_AND_VERIFIED: "SECURE, BOUND AND VERIFIED",
}
"""The levels of assurance by name, worst to best. "Bound" is what signalling announced."""

COLOURS: Final = {
    Assurance.INSECURE: ("bold", "red"),
    Assurance.MISMATCH: ("bold", "red"),
    Assurance.VERIFIED: ("bold", "green"),
    Assurance.BOUND_AND_VERIFIED: ("bold", "green"),
}
"""How these are decorated; the others are bold."""

NO_KEYS: Final = "no keys were agreed, so no sound was sent"
NOT_AGREED: Final = "the key agreement failed"
"""Why a call ended before it was secure; the last line tells the rest."""

NOT_KEPT: Final = "the other side keeps no secrets, so the next call is a first call again"
DISCLOSURE: Final = "the other side's software says it may hand over keys"
SERVER: Final = "the other side is a server: it can hear what it passes on"
TAKEN_BACK: Final = "you took the verification back"
SECURE_AGAIN: Final = "encryption is on again"

_INSTALL: Final = re.compile(r"install it.* with: (.+)")
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


def suite(chosen: Suite) -> str:
    """ "X25519 (X255), AES-256, HMAC-SHA1-80", or "P-256 (EC25), AES-256-GCM"."""
    start, cipher = agreement(chosen.key_agreement), _CIPHERS.get(chosen.cipher, codes.name(chosen.cipher))
    if chosen.auth_tag == b"GCM ":
        return f"{start}, {cipher}-GCM"
    return f"{start}, {cipher}, {_AUTH_TAGS.get(chosen.auth_tag, codes.name(chosen.auth_tag))}"


def agreement(code: bytes) -> str:
    """ "X25519 (X255)": a key agreement by words and code."""
    words = _AGREEMENTS.get(code)
    return f"{words} ({codes.name(code)})" if words else codes.name(code)


def suite_codes(chosen: Suite) -> str:
    """The whole suite by the names of RFC 6189: "X255 S256 AES3 HS80 B256"."""
    parts = (chosen.key_agreement, chosen.hash, chosen.cipher, chosen.auth_tag, chosen.sas)
    return " ".join(map(codes.name, parts))


def traffic(packets: int, octets: int) -> str:
    """ "13 packets, 6,412 octets"."""
    return f"{packets:,} packets, {octets:,} octets"


def no_peer(news: NoPeer) -> str:
    """Why nobody was found. Programs may go on without encryption; this one makes no call then."""
    return as_line(news.text).replace("this call is not encrypted", "no call was made")


def peer(news: PeerDetected) -> str:
    """The peer's software, as it calls itself."""
    return printable(news.client_id) or "unnamed software"


def name(peer_name: str | None) -> str:
    """The peer's name, or a stopgap."""
    return peer_name or "this peer"


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


def demo_differ(value: Sas) -> str:
    """The same with somebody in between."""
    verb = "name" if value.code == b"B32E" else "read"
    return f"Two people would now {verb} these {noun(value)} to each other. They differ: somebody is in between."


def alarm(value: Sas | None) -> str:
    """What to say after "they differ"."""
    return f"The {noun(value)} differ: somebody is listening in between. Hang up and say nothing confidential."


def alarm_exit(value: Sas | None) -> str:
    """Why the call ended then."""
    return f"the {noun(value)} differ, so nothing of this call was kept"


def noun(value: Sas | None) -> str:
    """What a SAS of this rendering consists of."""
    return "words" if value is None else _NOUNS.get(value.code, "letters")


def state(assurance: Assurance, why: str) -> str:
    """A level by name, and why it is that."""
    return f"{STATES[assurance]} - {why}"


BOUND_TO_CODE: Final = "bound to a code that only the two of you knew"


def reason(agreed: Agreed, continuity: Continuity) -> str:
    """Why a call that has become secure is on its level, as a clause."""
    secured = agreed.secured
    who = name(secured.peer_name)
    if secured.verified:
        return who if secured.verified_at is None else f"{who}, verified {date_in_words(secured.verified_at)}"
    if continuity is Continuity.MISMATCH:
        return f"{who}'s phone no longer has the key from your last call"
    if agreed.differed:
        return f"the words differed in an earlier call with {who}"
    if agreed.by_code and continuity in (Continuity.NONE, Continuity.FIRST_CALL) and not agreed.new_device_of:
        return BOUND_TO_CODE
    if continuity is Continuity.NONE:
        return "no secrets are kept, so every call is a first call"
    if agreed.new_device_of:
        return f"new device of {agreed.new_device_of}?"
    if continuity is Continuity.FIRST_CALL:
        return "first call with this peer"
    if secured.verified_at is not None:
        return f"you verified {who}; {who}'s side has not"
    return f"you have talked to {who} before, but never compared the words"


def mismatch_advice(value: Sas) -> str:
    """What a phone without the old key may mean."""
    return f"A new phone explains this; so does a wiretapper. Compare the {noun(value)} before you talk."


def keys(assurance: Assurance, *, clear: bool, mute: bool = False) -> str:
    """What can be pressed during the call.

    `clear` says that the other side would switch encryption off, `mute` that there is a microphone.
    """
    muting = KEY_MUTE if mute else ""
    if assurance is Assurance.INSECURE:
        return KEYS_CLEAR + muting
    verified = assurance in (Assurance.VERIFIED, Assurance.BOUND_AND_VERIFIED)
    return KEYS + muting + (KEY_UNDO if verified else KEY_VERIFY) + (KEY_CLEAR if clear else "")


def meter(level: int | None, muted: bool | None) -> str:
    """How loud it is at the microphone, in steps of 6 dB; empty without one."""
    if muted:
        return "  muted"
    return "" if level is None else f"  [{'#' * level:<{STEPS}}]"


def not_with(known: str | None, expected: str) -> str:
    """The state of a call with somebody else than the person expected, verified or not."""
    return f"SECURE, BUT NOT WITH {expected} - this is the key of {name(known)}"


def sas_fallback(wanted: bytes, code: bytes) -> str:
    """Why the SAS is not rendered as `--sas` asked for; empty if it is."""
    if code == wanted or wanted not in _NOUNS:
        return ""
    got = _NOUNS.get(code, "letters")
    return f"{got} instead of {_NOUNS[wanted]}: the other side's software has no {_NOUNS[wanted]}"


def without_microphone(why: str) -> str:
    """The call goes on, and nobody here is heard."""
    return f"{as_line(why)} - the call goes on, and you are not heard"


def without_loudspeaker(why: str) -> str:
    """The call goes on, and nothing is played here."""
    return f"{as_line(why)} - the call goes on, and you hear nothing"


def tone_instead(missing: str) -> str:
    """That a test tone is sent instead of a voice, and how to change that, or why; one line of 80 columns."""
    install = _INSTALL.search(missing)
    if install is not None:
        return f"a test tone is sent; to talk: {install[1]}"
    return f"{as_line(missing.partition('; ')[0])}: it sends a test tone and plays nothing"


def somebody_calls(peer_name: str | None) -> str:
    """What whoever is called is asked, before anything of the room is heard."""
    return f"{peer_name or 'Somebody'} is calling. Your microphone is off until you answer; [q] hangs up."


def switched_off(peer_name: str | None) -> str:
    """Who ended encryption."""
    return f"{peer_name or 'the other side'} switched encryption off"


def continue_question(peer_name: str | None) -> str:
    """What the person is asked then."""
    return f"{peer_name or 'The other side'} switched encryption off. Continue unprotected?"


def through(peer_name: str | None) -> str:
    """A call by way of the server of an enrolment."""
    return f"through your trusted server {peer_name}" if peer_name else "through your trusted server"


def signature(news: SignatureReceived) -> str:
    """Who signed the SAS, so that it can be looked up."""
    if news.signature_type == b"PGP ":
        signer = f"OpenPGP key {news.signer.hex()}"
    else:
        signer = f"{codes.name(news.signature_type)} certificate {sha256(news.signer).hex()}"
    return f"the other side signed the SAS with the {signer}; whether you trust its owner is up to you"


def pong(news: PongReceived) -> str:
    """A ping was answered."""
    return f"the endpoint {news.endpoint_hash.hex()} answers, version {printable(news.version)}"


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


def seconds(count: float) -> str:
    """A time within a sentence, "1 second" or "2.5 seconds"."""
    return f"{count:g} second{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """ "0:42" or "1:02:03"."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
