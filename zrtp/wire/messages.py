"""The sixteen messages of RFC 6189 section 5: one section per figure, with its layout and its frozen type.

A layout is what stands between the message header (preamble, length, type block: 12 octets) and, where there is one,
the trailing MAC. What comes from outside is read by it; what we send is joined from fields whose lengths are checked.
`zrtp.wire.fields` shows messages by the same layouts, bit by bit.
Values are not checked here: which algorithms, public values and versions are good is for the protocol to say, and
unknown codes survive as the four octets that they are.

Every message keeps its octets in `raw`. Hashes and MACs are over them as they came, never over a new encoding, because
unused bits that have to be ignored are covered all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, ClassVar, Self, TypeAlias, get_args

from zrtp.errors import EngineDefect, MalformedPacket
from zrtp.wire.layout import (
    Array,
    BitsInteger,
    BitStruct,
    Bytes,
    Flag,
    GreedyBytes,
    If,
    Int16ub,
    Int32ub,
    Layout,
    Struct,
)
from zrtp.wire.packet import MESSAGE_HEADER, PREAMBLE, check_frame

MAC = 8
"""Octets of the MAC at the end of Hello, Commit, DHPart1 and DHPart2: the leftmost of HMAC-SHA-256."""

CODE = 4
"""Octets of an algorithm's code."""

SECRET_ID = 8
"""Octets of the ID of a shared secret in DHPart1 and DHPart2."""

_CODE_LENGTHS = frozenset({CODE})

_HEADER = Layout("preamble" / Bytes(2), "length" / Int16ub, "type" / Bytes(8))

_MAC = Layout("mac" / Bytes(MAC))

MAXIMUM_CODES = 7
"""Entries in a list of algorithms (section 5.2)."""

MAXIMUM_SIGNATURE_WORDS = 511
"""Words of signature type and signature block together (section 7.2)."""


class Kind(Enum):
    """The type blocks (section 5.1.1)."""

    HELLO = b"Hello   "
    HELLO_ACK = b"HelloACK"
    COMMIT = b"Commit  "
    DHPART1 = b"DHPart1 "
    DHPART2 = b"DHPart2 "
    CONFIRM1 = b"Confirm1"
    CONFIRM2 = b"Confirm2"
    CONF2ACK = b"Conf2ACK"
    ERROR = b"Error   "
    ERROR_ACK = b"ErrorACK"
    GOCLEAR = b"GoClear "
    CLEAR_ACK = b"ClearACK"
    SASRELAY = b"SASrelay"
    RELAY_ACK = b"RelayACK"
    PING = b"Ping    "
    PING_ACK = b"PingACK "

    # Equal means identical; Enum's own hash is a Python function, and every look-up calls it.
    __hash__ = object.__hash__

    def __init__(self, type_block: bytes) -> None:
        self.type_block = type_block
        """The eight octets on the wire; an attribute is faster than `value`."""
        self.text = type_block.decode("ascii").rstrip()
        """The name, for people."""


TYPE_BLOCK = slice(4, MESSAGE_HEADER)
"""Where it stands in a message."""


class UnknownMessage(MalformedPacket):
    """A well-formed message of a type that is not in RFC 6189: dropped without an answer."""


def kind_of(message: bytes) -> Kind | None:
    """The kind by the type block alone; None for an unknown one. Nothing else is looked at."""
    return KINDS.get(message[TYPE_BLOCK])


def parse(message: bytes) -> Message:
    """The message as its type.

    Raises UnknownMessage for a type block that is not in Kind, MalformedPacket for lengths that do not
    fit the type.
    """
    check_frame(message)
    kind = kind_of(message)
    if kind is None:
        raise UnknownMessage(f"There is no message of the type {message[TYPE_BLOCK]!r}.")
    return read(kind, message)


def read(kind: Kind, message: bytes) -> Message:
    """What `parse` does once the frame was checked and the kind is known. Raises MalformedPacket."""
    return READERS[kind](message)


def layouts_of(kind: Kind, message: bytes) -> tuple[tuple[Layout, bytes], ...]:
    """How a message is laid out, in order and with the octets of each part: header, body and, in some kinds, MAC."""
    body = (
        _COMMIT_LAYOUTS[_MODES.get(message[_KEY_AGREEMENT_FIELD], CommitMode.DH)]
        if kind is Kind.COMMIT
        else _LAYOUTS[kind]
    )
    header = (_HEADER, message[:MESSAGE_HEADER])
    if kind in _WITH_MAC:
        return header, (body, message[MESSAGE_HEADER:-MAC]), (_MAC, message[-MAC:])
    return header, (body, message[MESSAGE_HEADER:])


def plain_layout_of(kind: Kind) -> Layout:
    """How the encrypted part of a Confirm or SASrelay is laid out; KeyError for other kinds."""
    return _PLAIN_LAYOUTS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What all messages have."""

    kind: ClassVar[Kind]

    raw: bytes = field(repr=False)
    """The whole message as sent or received, without packet header and CRC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChainedMessage(_Message):
    """A message of the hash chain (section 9), which ends in a MAC."""

    mac: bytes
    """8 octets; the key becomes known with the sender's next message."""

    @property
    def covered(self) -> bytes:
        """The octets that the MAC is over."""
        return self.raw[:-MAC]


# Hello: section 5.2, figure 3

_HELLO = Layout(
    "version" / Bytes(4),
    "client_id" / Bytes(16),
    "h3" / Bytes(32),
    "zid" / Bytes(12),
    "flags_and_counts"
    / BitStruct(
        "zero" / BitsInteger(1),
        "signature_capable" / Flag,
        "mitm" / Flag,
        "passive" / Flag,
        "unused" / BitsInteger(8),
        "hash_count" / BitsInteger(4),
        "cipher_count" / BitsInteger(4),
        "auth_tag_count" / BitsInteger(4),
        "key_agreement_count" / BitsInteger(4),
        "sas_type_count" / BitsInteger(4),
    ),
    "codes"
    / Struct(
        "hashes" / Array(lambda codes: _counts(codes).hash_count, Bytes(CODE)),
        "ciphers" / Array(lambda codes: _counts(codes).cipher_count, Bytes(CODE)),
        "auth_tags" / Array(lambda codes: _counts(codes).auth_tag_count, Bytes(CODE)),
        "key_agreements" / Array(lambda codes: _counts(codes).key_agreement_count, Bytes(CODE)),
        "sas_types" / Array(lambda codes: _counts(codes).sas_type_count, Bytes(CODE)),
    ),
)


def _counts(codes: Any) -> Any:
    """The counts of a Hello, seen from its lists."""
    return codes._.flags_and_counts


_SIGNATURE_CAPABLE = 1 << 30
_MITM = 1 << 29
_PASSIVE = 1 << 28
_COUNT_SHIFTS = (16, 12, 8, 4, 0)
_COUNTS_ABOVE_SEVEN = 0x88888


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(_ChainedMessage):
    """What one side is and can do."""

    kind: ClassVar[Kind] = Kind.HELLO

    version: bytes
    """4 octets of text, "1.10"; three of them count."""
    client_id: bytes
    """16 octets that name the software; not to be trusted, nor printed without escaping."""
    h3: bytes
    """32 octets, the end of the hash chain."""
    zid: bytes
    """12 octets that name the installation."""
    signature_capable: bool
    """S: can verify signatures of the SAS."""
    mitm: bool
    """M: is a server that may send SASrelay."""
    passive: bool
    """P: never sends Commit."""
    hashes: tuple[bytes, ...]
    """Codes of 4 octets, at most 7, the preferred ones first; so in the next four lists."""
    ciphers: tuple[bytes, ...]
    auth_tags: tuple[bytes, ...]
    key_agreements: tuple[bytes, ...]
    sas_types: tuple[bytes, ...]

    @classmethod
    def make(
        cls,
        *,
        version: bytes,
        client_id: bytes,
        h3: bytes,
        zid: bytes,
        signature_capable: bool,
        mitm: bool,
        passive: bool,
        hashes: tuple[bytes, ...],
        ciphers: tuple[bytes, ...],
        auth_tags: tuple[bytes, ...],
        key_agreements: tuple[bytes, ...],
        sas_types: tuple[bytes, ...],
        mac: Callable[[bytes], bytes],
    ) -> Self:
        """Build a Hello; `mac` turns the covered octets into the 8 octets of the MAC.

        Raises EngineDefect for fields of a wrong length and for lists of more than seven codes.
        """
        lists = (hashes, ciphers, auth_tags, key_agreements, sas_types)
        word = signature_capable * _SIGNATURE_CAPABLE | mitm * _MITM | passive * _PASSIVE
        for codes, shift in zip(lists, _COUNT_SHIFTS, strict=True):
            if len(codes) > MAXIMUM_CODES:
                raise EngineDefect(f"A list in Hello holds at most {MAXIMUM_CODES} codes.")
            word |= len(codes) << shift
        block = _join_codes(cls.kind, (*hashes, *ciphers, *auth_tags, *key_agreements, *sas_types))
        rest = word.to_bytes(4, "big") + block
        raw = _frame(cls.kind, (version, client_id, h3, zid), (4, 16, 32, 12), rest, mac)
        return cls(
            raw=raw,
            version=version,
            client_id=client_id,
            h3=h3,
            zid=zid,
            mac=raw[-MAC:],
            signature_capable=signature_capable,
            mitm=mitm,
            passive=passive,
            hashes=hashes,
            ciphers=ciphers,
            auth_tags=auth_tags,
            key_agreements=key_agreements,
            sas_types=sas_types,
        )

    @classmethod
    def _read(cls, message: bytes) -> Self:
        version, client_id, h3, zid, word, codes = _HELLO.read("Hello", message[MESSAGE_HEADER:-MAC])
        if word & _COUNTS_ABOVE_SEVEN:
            raise MalformedPacket("A list in Hello claims to hold more than seven codes.")
        every_code = struct.unpack(f"{CODE}s" * (len(codes) // CODE), codes)
        lists, end = [], 0
        for shift in _COUNT_SHIFTS:
            start, end = end, end + (word >> shift & 7)
            lists.append(every_code[start:end])
        if CODE * end != len(codes):
            raise MalformedPacket("The lists in Hello do not add up to its length.")
        hashes, ciphers, auth_tags, key_agreements, sas_types = lists
        return cls(
            raw=message,
            version=version,
            client_id=client_id,
            h3=h3,
            zid=zid,
            signature_capable=bool(word & _SIGNATURE_CAPABLE),
            mitm=bool(word & _MITM),
            passive=bool(word & _PASSIVE),
            hashes=hashes,
            ciphers=ciphers,
            auth_tags=auth_tags,
            key_agreements=key_agreements,
            sas_types=sas_types,
            mac=message[-MAC:],
        )


# Commit: section 5.4, figures 5, 6 and 7

_COMMIT = (
    "h2" / Bytes(32),
    "zid" / Bytes(12),
    "codes"
    / Struct(
        "hash" / Bytes(CODE),
        "cipher" / Bytes(CODE),
        "auth_tag" / Bytes(CODE),
        "key_agreement" / Bytes(CODE),
        "sas" / Bytes(CODE),
    ),
)

# Figure 5. With a KEM (an extension of bzrtp) the initiator's public key follows hvi, padded to a word.
_COMMIT_DH = Layout(*_COMMIT, "hvi" / Bytes(32), "public_key" / GreedyBytes)

# Figure 6
_COMMIT_MULTISTREAM = Layout(*_COMMIT, "nonce" / Bytes(16))

# Figure 7
_COMMIT_PRESHARED = Layout(*_COMMIT, "nonce" / Bytes(16), "key_id" / Bytes(8))

_KEY_AGREEMENT_FIELD = slice(68, 72)


class CommitMode(Enum):
    """Which of the three figures a Commit follows."""

    DH = "DH"
    """Carries hvi; key agreements of all kinds, KEMs and unknown codes included."""
    MULTISTREAM = "Multistream"
    PRESHARED = "Preshared"

    __hash__ = object.__hash__  # as in Kind


_MODES = {b"Mult": CommitMode.MULTISTREAM, b"Prsh": CommitMode.PRESHARED}
"""By the code of the key agreement; every other one means DH."""

_COMMIT_LAYOUTS = {
    CommitMode.DH: _COMMIT_DH,
    CommitMode.MULTISTREAM: _COMMIT_MULTISTREAM,
    CommitMode.PRESHARED: _COMMIT_PRESHARED,
}

_HVI_NONCE_KEY_ID = {
    CommitMode.DH: [32, None, None],
    CommitMode.MULTISTREAM: [None, 16, None],
    CommitMode.PRESHARED: [None, 16, 8],
}
"""Octets of the three fields in a Commit of this mode; None for those that it does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(_ChainedMessage):
    """The initiator's choices, and what binds it to them."""

    kind: ClassVar[Kind] = Kind.COMMIT

    h2: bytes
    """32 octets; their SHA-256 is the H3 of the Hello."""
    zid: bytes
    """12 octets, as in the sender's Hello."""
    hash: bytes
    """A code of 4 octets; so are the next four."""
    cipher: bytes
    auth_tag: bytes
    key_agreement: bytes
    sas: bytes
    hvi: bytes | None
    """32 octets: the hash of the DHPart2 to come and the responder's Hello; None in the other modes."""
    public_key: bytes
    """The public key of a KEM with its padding; empty otherwise."""
    nonce: bytes | None
    """16 octets in Multistream and Preshared mode."""
    key_id: bytes | None
    """8 octets in Preshared mode."""
    mode: CommitMode
    """What the key agreement says, kept because everybody asks for it."""

    @classmethod
    def make(
        cls,
        *,
        h2: bytes,
        zid: bytes,
        hash: bytes,
        cipher: bytes,
        auth_tag: bytes,
        key_agreement: bytes,
        sas: bytes,
        hvi: bytes | None = None,
        public_key: bytes = b"",
        nonce: bytes | None = None,
        key_id: bytes | None = None,
        mac: Callable[[bytes], bytes],
    ) -> Self:
        """Build a Commit; `mac` turns the covered octets into the 8 octets of the MAC.

        Raises EngineDefect for fields of a wrong length, and for those that the mode needs and lacks or does
        not have.
        """
        mode = _MODES.get(key_agreement, CommitMode.DH)
        commitment = (hvi, nonce, key_id)
        given = [None if octets is None else len(octets) for octets in commitment]
        if given != _HVI_NONCE_KEY_ID[mode] or (public_key and mode is not CommitMode.DH):
            raise EngineDefect(
                f"These are not the fields of a Commit in {mode.value} mode: hvi, nonce, key_id of {given} octets."
            )
        codes = _join_codes(cls.kind, (hash, cipher, auth_tag, key_agreement, sas))
        rest = b"".join((codes, *filter(None, commitment), public_key))
        raw = _frame(cls.kind, (h2, zid), (32, 12), rest, mac)
        return cls(
            raw=raw,
            h2=h2,
            zid=zid,
            mac=raw[-MAC:],
            hash=hash,
            cipher=cipher,
            auth_tag=auth_tag,
            key_agreement=key_agreement,
            sas=sas,
            hvi=hvi,
            public_key=public_key,
            nonce=nonce,
            key_id=key_id,
            mode=mode,
        )

    @classmethod
    def _read(cls, message: bytes) -> Self:
        mode = _MODES.get(message[_KEY_AGREEMENT_FIELD], CommitMode.DH)
        h2, zid, codes, *rest = _COMMIT_LAYOUTS[mode].read("Commit", message[MESSAGE_HEADER:-MAC])
        hvi = nonce = key_id = None
        public_key = b""
        match mode:
            case CommitMode.DH:
                hvi, public_key = rest
            case CommitMode.MULTISTREAM:
                (nonce,) = rest
            case CommitMode.PRESHARED:
                nonce, key_id = rest
        return cls(
            raw=message,
            h2=h2,
            zid=zid,
            hash=codes[0:4],
            cipher=codes[4:8],
            auth_tag=codes[8:12],
            key_agreement=codes[12:16],
            sas=codes[16:20],
            hvi=hvi,
            public_key=public_key,
            nonce=nonce,
            key_id=key_id,
            mode=mode,
            mac=message[-MAC:],
        )


# DHPart1 and DHPart2: sections 5.5 and 5.6, figures 8 and 9

_DHPART = Layout(
    "h1" / Bytes(32),
    "secret_ids"
    / Struct(
        "rs1_id" / Bytes(SECRET_ID),
        "rs2_id" / Bytes(SECRET_ID),
        "aux_secret_id" / Bytes(SECRET_ID),
        "pbx_secret_id" / Bytes(SECRET_ID),
    ),
    "pv" / GreedyBytes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DHPart(_ChainedMessage):
    h1: bytes = field(repr=False)  # a DHPart2 waits for its turn; H1 is the key of the Commit's MAC until then
    """32 octets; their SHA-256 is H2."""
    rs1_id: bytes
    """8 octets each: these name the sender's secrets without revealing them."""
    rs2_id: bytes
    aux_secret_id: bytes
    pbx_secret_id: bytes
    pv: bytes
    """The public value as on the wire; with a KEM its ciphertext with padding, or the nonce."""

    @classmethod
    def make(
        cls,
        *,
        h1: bytes,
        rs1_id: bytes,
        rs2_id: bytes,
        aux_secret_id: bytes,
        pbx_secret_id: bytes,
        pv: bytes,
        mac: Callable[[bytes], bytes],
    ) -> Self:
        """Build a DHPart; `mac` turns the covered octets into the 8 octets of the MAC.

        Raises EngineDefect for fields of a wrong length.
        """
        ids = (rs1_id, rs2_id, aux_secret_id, pbx_secret_id)
        raw = _frame(cls.kind, (h1, *ids), (32, SECRET_ID, SECRET_ID, SECRET_ID, SECRET_ID), pv, mac)
        return cls(
            raw=raw,
            mac=raw[-MAC:],
            h1=h1,
            rs1_id=rs1_id,
            rs2_id=rs2_id,
            aux_secret_id=aux_secret_id,
            pbx_secret_id=pbx_secret_id,
            pv=pv,
        )

    @classmethod
    def _read(cls, message: bytes) -> Self:
        h1, secret_ids, pv = _DHPART.read(cls.kind.text, message[MESSAGE_HEADER:-MAC])
        if not pv:
            raise MalformedPacket(f"There is no public value in {cls.kind.text}.")
        return cls(
            raw=message,
            h1=h1,
            rs1_id=secret_ids[0:8],
            rs2_id=secret_ids[8:16],
            aux_secret_id=secret_ids[16:24],
            pbx_secret_id=secret_ids[24:32],
            pv=pv,
            mac=message[-MAC:],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DHPart1(_DHPart):
    """The responder's half of the key agreement."""

    kind: ClassVar[Kind] = Kind.DHPART1


@dataclass(frozen=True, slots=True, kw_only=True)
class DHPart2(_DHPart):
    """The initiator's half of the key agreement."""

    kind: ClassVar[Kind] = Kind.DHPART2


# Confirm1 and Confirm2: section 5.7, figure 10

_CONFIRM = Layout(
    "confirm_mac" / Bytes(8),
    "iv" / Bytes(16),
    "ciphertext" / GreedyBytes,
)

# Type block and signature block, as many words as the length in front says
_SIGNATURE = If(
    lambda plain: plain.length_and_flags.signature_words,
    Struct(
        "signature_type" / Bytes(CODE),
        "signature_block" / Bytes(lambda signature: 4 * signature._.length_and_flags.signature_words - CODE),
    ),
)

_CONFIRM_PLAIN = Layout(
    "h0" / Bytes(32),
    "length_and_flags"
    / BitStruct(
        "unused" / BitsInteger(15),
        "signature_words" / BitsInteger(9),
        "zero" / BitsInteger(4),
        "enrolment" / Flag,
        "verified" / Flag,
        "allow_clear" / Flag,
        "disclosure" / Flag,
    ),
    "cache_interval" / Int32ub,
    "signature" / _SIGNATURE,
)

SHORTEST_PLAIN = 40
"""Octets of the encrypted part of Confirm and SASrelay without a signature."""

_ENROLMENT = 8
_VERIFIED = 4
_ALLOW_CLEAR = 2
_DISCLOSURE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Confirm(_Message):
    confirm_mac: bytes
    """8 octets, over the ciphertext."""
    iv: bytes
    """16 octets for CFB; not covered by the MAC."""
    ciphertext: bytes
    """A ConfirmPlain, encrypted."""

    @classmethod
    def make(cls, *, confirm_mac: bytes, iv: bytes, ciphertext: bytes) -> Self:
        """Build a Confirm; raises EngineDefect for fields of a wrong length."""
        raw = _frame(cls.kind, (confirm_mac, iv), (8, 16), ciphertext)
        return cls(raw=raw, confirm_mac=confirm_mac, iv=iv, ciphertext=ciphertext)

    @classmethod
    def _read(cls, message: bytes) -> Self:
        confirm_mac, iv, ciphertext = _CONFIRM.read(cls.kind.text, message[MESSAGE_HEADER:])
        _check_ciphertext(cls.kind, ciphertext)
        return cls(raw=message, confirm_mac=confirm_mac, iv=iv, ciphertext=ciphertext)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm1(_Confirm):
    """The responder's proof that it has the keys."""

    kind: ClassVar[Kind] = Kind.CONFIRM1


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm2(_Confirm):
    """The initiator's proof that it has the keys."""

    kind: ClassVar[Kind] = Kind.CONFIRM2


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPlain:
    """The encrypted part of a Confirm."""

    h0: bytes = field(repr=False)
    """32 octets, the beginning of the hash chain."""
    enrolment: bool
    """E: a server offers to become a trusted MiTM."""
    verified: bool
    """V: the SAS was verified in an earlier call."""
    allow_clear: bool
    """A: GoClear is accepted."""
    disclosure: bool
    """D: the keys are given to third parties."""
    cache_interval: int
    """Seconds for which the retained secret may be kept; 0xFFFFFFFF for ever, 0 not at all."""
    signature_type: bytes | None = None
    """4 octets, "PGP " or "X509"; None without a signature."""
    signature: bytes = b""
    """The signature block, padded with zeros to a word when encoded."""

    def encode(self) -> bytes:
        """The octets to encrypt; raises EngineDefect for fields of a wrong length."""
        words, signature = _signature_words(self.signature_type, self.signature)
        flags = (
            self.enrolment * _ENROLMENT
            | self.verified * _VERIFIED
            | self.allow_clear * _ALLOW_CLEAR
            | self.disclosure * _DISCLOSURE
        )
        if len(self.h0) != 32 or not 0 <= self.cache_interval <= 0xFFFFFFFF:
            raise EngineDefect("H0 in Confirm has 32 octets, and the cache expiration interval 32 bits.")
        length_and_flags = words << 8 | flags
        return self.h0 + length_and_flags.to_bytes(4, "big") + self.cache_interval.to_bytes(4, "big") + signature

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Read the decrypted octets.

        Raises MalformedPacket when the length of the signature is not that of the rest; ignores unused bits.
        """
        h0, word, cache_interval, rest = _CONFIRM_PLAIN.read("Confirm", octets)
        signature_type, signature = _split_signature("Confirm", word, rest)
        return cls(
            h0=h0,
            enrolment=bool(word & _ENROLMENT),
            verified=bool(word & _VERIFIED),
            allow_clear=bool(word & _ALLOW_CLEAR),
            disclosure=bool(word & _DISCLOSURE),
            cache_interval=cache_interval,
            signature_type=signature_type,
            signature=signature,
        )


def _signature_words(signature_type: bytes | None, signature: bytes) -> tuple[int, bytes]:
    """Length in words and octets of type block and padded signature block."""
    if signature_type is None:
        if signature:
            raise EngineDefect("A signature needs a type.")
        return 0, b""
    octets = signature_type + signature + bytes(-len(signature) % 4)
    words = len(octets) // 4
    if len(signature_type) != CODE or words > MAXIMUM_SIGNATURE_WORDS:
        raise EngineDefect(f"A signature and its type of {CODE} octets have at most {MAXIMUM_SIGNATURE_WORDS} words.")
    return words, octets


def _split_signature(what: str, word: int, octets: bytes) -> tuple[bytes | None, bytes]:
    words = word >> 8 & 0x1FF
    if 4 * words != len(octets):
        raise MalformedPacket(f"The signature in {what} says it has {words} words but has {len(octets)} octets.")
    return (octets[:CODE], octets[CODE:]) if words else (None, b"")


def _check_ciphertext(kind: Kind, ciphertext: bytes) -> None:
    if not SHORTEST_PLAIN <= len(ciphertext) <= SHORTEST_PLAIN + 4 * MAXIMUM_SIGNATURE_WORDS:
        raise MalformedPacket(f"The encrypted part of {kind.text} has {len(ciphertext)} octets.")


# Error: section 5.9, figure 12

_ERROR = Layout("code" / Int32ub)


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(_Message):
    """The sender gives up; not authenticated."""

    kind: ClassVar[Kind] = Kind.ERROR

    code: int
    """32 bits; table 8 names some, others come too."""

    @classmethod
    def make(cls, *, code: int) -> Self:
        """Build an Error; raises EngineDefect for a code of more than 32 bits."""
        if not 0 <= code <= 0xFFFFFFFF:
            raise EngineDefect("An error code has 32 bits.")
        return cls(raw=_frame(cls.kind, (code.to_bytes(4, "big"),), (4,)), code=int(code))

    @classmethod
    def _read(cls, message: bytes) -> Self:
        (code,) = _ERROR.read("Error", message[MESSAGE_HEADER:])
        return cls(raw=message, code=code)


# GoClear: section 5.11, figure 14

_GOCLEAR = Layout("clear_mac" / Bytes(8))


@dataclass(frozen=True, slots=True, kw_only=True)
class GoClear(_Message):
    """The sender wants to leave secure mode."""

    kind: ClassVar[Kind] = Kind.GOCLEAR

    clear_mac: bytes
    """8 octets."""

    @classmethod
    def make(cls, *, clear_mac: bytes) -> Self:
        """Build a GoClear; raises EngineDefect for a MAC of a wrong length."""
        return cls(raw=_frame(cls.kind, (clear_mac,), (MAC,)), clear_mac=clear_mac)

    @classmethod
    def _read(cls, message: bytes) -> Self:
        (clear_mac,) = _GOCLEAR.read("GoClear", message[MESSAGE_HEADER:])
        return cls(raw=message, clear_mac=clear_mac)


# SASrelay: section 5.13, figure 16

_SASRELAY = Layout(
    "mac" / Bytes(8),
    "iv" / Bytes(16),
    "ciphertext" / GreedyBytes,
)

_SASRELAY_PLAIN = Layout(
    "length_and_flags"
    / BitStruct(
        "unused" / BitsInteger(15),
        "signature_words" / BitsInteger(9),
        "zero" / BitsInteger(5),
        "verified" / Flag,
        "allow_clear" / Flag,
        "disclosure" / Flag,
    ),
    "sas_type" / Bytes(CODE),
    "sashash" / Bytes(32),
    "signature" / _SIGNATURE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SASrelay(_Message):
    """A server passes on the SAS of the other party."""

    kind: ClassVar[Kind] = Kind.SASRELAY

    mac: bytes
    """8 octets, over the ciphertext."""
    iv: bytes
    """16 octets for CFB; not covered by the MAC."""
    ciphertext: bytes
    """A SASrelayPlain, encrypted."""

    @classmethod
    def make(cls, *, mac: bytes, iv: bytes, ciphertext: bytes) -> Self:
        """Build a SASrelay; raises EngineDefect for fields of a wrong length."""
        return cls(raw=_frame(cls.kind, (mac, iv), (8, 16), ciphertext), mac=mac, iv=iv, ciphertext=ciphertext)

    @classmethod
    def _read(cls, message: bytes) -> Self:
        mac, iv, ciphertext = _SASRELAY.read("SASrelay", message[MESSAGE_HEADER:])
        _check_ciphertext(cls.kind, ciphertext)
        return cls(raw=message, mac=mac, iv=iv, ciphertext=ciphertext)


@dataclass(frozen=True, slots=True, kw_only=True)
class SASrelayPlain:
    """The encrypted part of a SASrelay: no H0 and no E flag, unlike Confirm."""

    verified: bool
    """V of the other party; so are A and D."""
    allow_clear: bool
    disclosure: bool
    sas_type: bytes
    """4 octets: the rendering that the other party uses."""
    sashash: bytes = field(repr=False)
    """32 octets; zeros when the recipient is not trusted with it."""
    signature_type: bytes | None = None
    """4 octets; None without a signature."""
    signature: bytes = b""
    """The signature block, padded with zeros to a word when encoded."""

    def encode(self) -> bytes:
        """The octets to encrypt; raises EngineDefect for fields of a wrong length."""
        words, signature = _signature_words(self.signature_type, self.signature)
        flags = self.verified * _VERIFIED | self.allow_clear * _ALLOW_CLEAR | self.disclosure * _DISCLOSURE
        if len(self.sas_type) != CODE or len(self.sashash) != 32:
            raise EngineDefect(f"The SAS type in SASrelay has {CODE} octets, and the sashash 32.")
        return (words << 8 | flags).to_bytes(4, "big") + self.sas_type + self.sashash + signature

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Read the decrypted octets.

        Raises MalformedPacket when the length of the signature is not that of the rest; ignores unused bits.
        """
        word, sas_type, sashash, rest = _SASRELAY_PLAIN.read("SASrelay", octets)
        signature_type, signature = _split_signature("SASrelay", word, rest)
        return cls(
            verified=bool(word & _VERIFIED),
            allow_clear=bool(word & _ALLOW_CLEAR),
            disclosure=bool(word & _DISCLOSURE),
            sas_type=sas_type,
            sashash=sashash,
            signature_type=signature_type,
            signature=signature,
        )


# Ping and PingACK: sections 5.15 and 5.16, figures 18 and 19

_PING = Layout(
    "version" / Bytes(4),
    "endpoint_hash" / Bytes(8),
)

_PING_ACK = Layout(
    "version" / Bytes(4),
    "sender_endpoint_hash" / Bytes(8),
    "received_endpoint_hash" / Bytes(8),
    "ssrc" / Int32ub,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(_Message):
    """A proxy asks which endpoint is behind a stream."""

    kind: ClassVar[Kind] = Kind.PING

    version: bytes
    """4 octets of text, "1.10"."""
    endpoint_hash: bytes
    """8 octets that name the sender."""

    @classmethod
    def make(cls, *, version: bytes, endpoint_hash: bytes) -> Self:
        """Build a Ping; raises EngineDefect for fields of a wrong length."""
        return cls(
            raw=_frame(cls.kind, (version, endpoint_hash), (4, 8)),
            version=version,
            endpoint_hash=endpoint_hash,
        )

    @classmethod
    def _read(cls, message: bytes) -> Self:
        version, endpoint_hash = _PING.read("Ping", message[MESSAGE_HEADER:])
        return cls(raw=message, version=version, endpoint_hash=endpoint_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingACK(_Message):
    """The answer to a Ping."""

    kind: ClassVar[Kind] = Kind.PING_ACK

    version: bytes
    """4 octets of text; some peers write another one than "1.10"."""
    sender_endpoint_hash: bytes
    """8 octets that name the sender of this answer."""
    received_endpoint_hash: bytes
    """8 octets copied from the Ping."""
    ssrc: int
    """32 bits copied from the header of the Ping's packet."""

    @classmethod
    def make(cls, *, version: bytes, sender_endpoint_hash: bytes, received_endpoint_hash: bytes, ssrc: int) -> Self:
        """Build a PingACK; raises EngineDefect for fields of a wrong length."""
        if not 0 <= ssrc <= 0xFFFFFFFF:
            raise EngineDefect("An SSRC has 32 bits.")
        fields = (version, sender_endpoint_hash, received_endpoint_hash, ssrc.to_bytes(4, "big"))
        return cls(
            raw=_frame(cls.kind, fields, (4, 8, 8, 4)),
            version=version,
            sender_endpoint_hash=sender_endpoint_hash,
            received_endpoint_hash=received_endpoint_hash,
            ssrc=ssrc,
        )

    @classmethod
    def _read(cls, message: bytes) -> Self:
        version, sender, received, ssrc = _PING_ACK.read("PingACK", message[MESSAGE_HEADER:])
        return cls(
            raw=message,
            version=version,
            sender_endpoint_hash=sender,
            received_endpoint_hash=received,
            ssrc=ssrc,
        )


# Acknowledgements without content: sections 5.3, 5.8, 5.10, 5.12 and 5.14, figures 4, 11, 13, 15 and 17

_ACKNOWLEDGEMENT = Layout()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Acknowledgement(_Message):
    """One object does for all of a kind."""

    @classmethod
    @cache
    def _only(cls) -> Self:
        return cls(raw=_frame(cls.kind))

    @classmethod
    def _read(cls, message: bytes) -> Self:
        if len(message) != MESSAGE_HEADER:
            raise MalformedPacket(f"{cls.kind.text} has no content, but came in {len(message)} octets.")
        return cls._only()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloACK(_Acknowledgement):
    """Stops the repetition of Hello."""

    kind: ClassVar[Kind] = Kind.HELLO_ACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Conf2ACK(_Acknowledgement):
    """Stops the repetition of Confirm2."""

    kind: ClassVar[Kind] = Kind.CONF2ACK


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorACK(_Acknowledgement):
    """Stops the repetition of Error."""

    kind: ClassVar[Kind] = Kind.ERROR_ACK


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearACK(_Acknowledgement):
    """Stops the repetition of GoClear."""

    kind: ClassVar[Kind] = Kind.CLEAR_ACK


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayACK(_Acknowledgement):
    """Stops the repetition of SASrelay."""

    kind: ClassVar[Kind] = Kind.RELAY_ACK


Message: TypeAlias = (
    Hello
    | HelloACK
    | Commit
    | DHPart1
    | DHPart2
    | Confirm1
    | Confirm2
    | Conf2ACK
    | Error
    | ErrorACK
    | GoClear
    | ClearACK
    | SASrelay
    | RelayACK
    | Ping
    | PingACK
)


# What the sections share


def _frame(
    kind: Kind,
    fields: tuple[bytes, ...] = (),
    lengths: tuple[int, ...] = (),
    rest: bytes = b"",
    mac: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """The message: preamble, length and type block, fields of these lengths, the rest, and behind it what `mac` makes
    of all that.
    """
    given = tuple(map(len, fields))
    if given != lengths:
        raise EngineDefect(f"Fields of {kind.text} have {given} octets, not {lengths}.")
    body = b"".join((*fields, rest))
    words, odd = divmod(MESSAGE_HEADER + len(body) + (MAC if mac else 0), 4)
    if odd or words > 0xFFFF:
        raise EngineDefect(f"{kind.text} would not be a whole number of words, or too many.")
    message = PREAMBLE + words.to_bytes(2, "big") + kind.type_block + body
    if mac is None:
        return message
    trailing = mac(message)
    if len(trailing) != MAC:
        raise EngineDefect(f"A MAC has {MAC} octets, not {len(trailing)}.")
    return message + trailing


def _join_codes(kind: Kind, codes: tuple[bytes, ...]) -> bytes:
    if not _CODE_LENGTHS.issuperset(map(len, codes)):
        raise EngineDefect(f"The codes in {kind.text} have {CODE} octets each: {codes!r}.")
    return b"".join(codes)


HELLO_ACK = HelloACK._only()
CONF2ACK = Conf2ACK._only()
ERROR_ACK = ErrorACK._only()
CLEAR_ACK = ClearACK._only()
RELAY_ACK = RelayACK._only()

_CLASSES: tuple[type[Message], ...] = get_args(Message)

KINDS = {each.kind.type_block: each.kind for each in _CLASSES}

READERS: dict[Kind, Callable[[bytes], Message]] = {each.kind: each._read for each in _CLASSES}
"""What `read` does for each kind."""

_LAYOUTS = {
    Kind.HELLO: _HELLO,
    Kind.HELLO_ACK: _ACKNOWLEDGEMENT,
    Kind.DHPART1: _DHPART,
    Kind.DHPART2: _DHPART,
    Kind.CONFIRM1: _CONFIRM,
    Kind.CONFIRM2: _CONFIRM,
    Kind.CONF2ACK: _ACKNOWLEDGEMENT,
    Kind.ERROR: _ERROR,
    Kind.ERROR_ACK: _ACKNOWLEDGEMENT,
    Kind.GOCLEAR: _GOCLEAR,
    Kind.CLEAR_ACK: _ACKNOWLEDGEMENT,
    Kind.SASRELAY: _SASRELAY,
    Kind.RELAY_ACK: _ACKNOWLEDGEMENT,
    Kind.PING: _PING,
    Kind.PING_ACK: _PING_ACK,
}
"""A Commit's depends on its mode."""

_WITH_MAC = frozenset({Kind.HELLO, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2})

_PLAIN_LAYOUTS = {Kind.CONFIRM1: _CONFIRM_PLAIN, Kind.CONFIRM2: _CONFIRM_PLAIN, Kind.SASRELAY: _SASRELAY_PLAIN}
