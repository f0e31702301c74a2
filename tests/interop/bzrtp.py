"""The real bzrtp 5.1 (Debian's libbzrtp0) as a peer inside this process, through its public C functions.

No sockets, no threads, no waiting: datagrams go in and come out as bytes, and time is an argument, so that
whole calls with a foreign implementation take milliseconds. Structures and numbers are those of the 5.1
series.

    with Bzrtp(0x2222, Algorithms(key_agreements=("X255",))) as call:
        call.start()
        call.tick(now); call.receive_datagram(data, now); call.datagrams_to_send(); call.outcome
        video = call.add_channel(0x3333)          # Multistream, once the first channel is secure
"""

from __future__ import annotations

import ctypes as c
import ctypes.util
import functools
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HASHES = {"S256": 0x11, "S384": 0x12}
CIPHERS = {"AES1": 0x21, "AES3": 0x23}
AUTH_TAGS = {"HS32": 0x31, "HS80": 0x32}
KEY_AGREEMENTS = {"DH2k": 0x41, "X255": 0x42, "X448": 0x44, "DH3k": 0x45, "Mult": 0x4F}
SAS_TYPES = {"B32": 0x51, "B256": 0x52}
NAMES = {
    number: name for table in (HASHES, CIPHERS, AUTH_TAGS, KEY_AGREEMENTS, SAS_TYPES) for name, number in table.items()
}
STATES = {0x1000: "not found", 0x1001: "initialised", 0x1002: "ongoing", 0x1004: "secure", 0x1008: "error"}
AUX_STATES = ("match", "mismatch", "unset")
ROLES = ("initiator", "responder")

HELLO_HASH_MISMATCH = 0x0080
NO_MORE_CHANNELS = 0x0010
CACHE_SETUP = 0x2000
CACHE_MISMATCH_MESSAGE = (0, 1)
"""Level and number of the status message about a retained secret that should have matched."""

u8, u16, u32 = c.c_uint8, c.c_uint16, c.c_uint32
octets_p = c.POINTER(c.c_uint8)


class SrtpSecrets(c.Structure):
    """bzrtpSrtpSecrets_t: lengths in octets; the SAS text is NUL-terminated."""

    _fields_ = (
        ("self_key", octets_p),
        ("self_key_length", u8),
        ("self_salt", octets_p),
        ("self_salt_length", u8),
        ("peer_key", octets_p),
        ("peer_key_length", u8),
        ("peer_salt", octets_p),
        ("peer_salt_length", u8),
        ("cipher", u8),
        ("cipher_key_length", u8),
        ("auth_tag", u8),
        ("sas", c.c_char_p),
        ("sas_length", u8),
        ("hash", u8),
        ("key_agreement", u8),
        ("sas_type", u8),
        ("cache_mismatch", u8),
        ("aux_state", u8),
    )


ON_STATUS = c.CFUNCTYPE(c.c_int, c.c_void_p, u8, u8, c.c_char_p)
ON_SEND = c.CFUNCTYPE(c.c_int, c.c_void_p, octets_p, u16)
ON_SECRETS = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(SrtpSecrets), u8)
ON_START = c.CFUNCTYPE(c.c_int, c.c_void_p, c.POINTER(SrtpSecrets), c.c_int32)
ON_EXPORT = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, u8)


class Callbacks(c.Structure):
    """bzrtpCallbacks_t; an entry that is NULL is not called."""

    _fields_ = (
        ("status", ON_STATUS),
        ("level", c.c_int),
        ("send", ON_SEND),
        ("secrets", ON_SECRETS),
        ("start", ON_START),
        ("export", ON_EXPORT),
    )


# Every function's result, then its arguments.
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "createBzrtpContext": (c.c_void_p,),
    "setZIDCache_lock": (c.c_int, c.c_void_p, c.c_void_p, c.c_char_p, c.c_char_p, c.c_void_p),
    "setCallbacks": (c.c_int, c.c_void_p, c.POINTER(Callbacks)),
    "setSupportedCryptoTypes": (None, c.c_void_p, u8, octets_p, u8),
    "initBzrtpContext": (c.c_int, c.c_void_p, u32),
    "setClientData": (c.c_int, c.c_void_p, u32, c.c_void_p),
    "setAuxiliarySharedSecret": (c.c_int, c.c_void_p, c.c_char_p, c.c_size_t),
    "addChannel": (c.c_int, c.c_void_p, u32),
    "startChannelEngine": (c.c_int, c.c_void_p, u32),
    "iterate": (c.c_int, c.c_void_p, u32, c.c_uint64),
    "processMessage": (c.c_int, c.c_void_p, u32, c.c_char_p, u16),
    "getChannelStatus": (c.c_int, c.c_void_p, u32),
    "getSelfHelloHash": (c.c_int, c.c_void_p, u32, c.c_char_p, c.c_size_t),
    "setPeerHelloHash": (c.c_int, c.c_void_p, u32, c.c_char_p, c.c_size_t),
    "exportKey": (c.c_int, c.c_void_p, c.c_char_p, c.c_size_t, c.c_char_p, c.POINTER(c.c_size_t)),
    "SASVerified": (None, c.c_void_p),
    "resetSASVerified": (None, c.c_void_p),
    "destroyBzrtpContext": (c.c_int, c.c_void_p, u32),
}


@functools.cache
def library() -> c.CDLL:
    """The loaded library with typed functions."""
    loaded = c.CDLL(ctypes.util.find_library("bzrtp") or "libbzrtp.so.0")
    for name, (result, *arguments) in SIGNATURES.items():
        function = getattr(loaded, "bzrtp_" + name)
        function.restype, function.argtypes = result, arguments
    return loaded


class BzrtpRefused(Exception):
    """A bzrtp function returned an error."""

    def __init__(self, function: str, code: int) -> None:
        super().__init__(f"bzrtp_{function} returned 0x{code:04x}")
        self.code = code


class ZidCache:
    """bzrtp's own cache file: its ZID and, per peer, rs1, rs2 and the verified flag ("pvs")."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sqlite = c.CDLL(ctypes.util.find_library("sqlite3") or "libsqlite3.so.0")
        self.handle = c.c_void_p()
        if self._sqlite.sqlite3_open(str(path).encode(), c.byref(self.handle)):
            raise OSError(f"{path} cannot be opened as an SQLite database.")

    def secrets(self) -> list[tuple[bytes | None, bytes | None, bool]]:
        """(rs1, rs2, verified) of every known peer, oldest first."""
        rows = self._execute("SELECT rs1, rs2, pvs FROM zrtp ORDER BY zuid")
        return [(rs1, rs2, pvs in (1, b"\x01")) for rs1, rs2, pvs in rows]

    def replace_secrets(self, rs1: bytes | None, rs2: bytes | None) -> None:
        """Put other retained secrets in the place of those of all peers."""
        self._execute("UPDATE zrtp SET rs1 = ?, rs2 = ?", rs1, rs2)

    def close(self) -> None:
        self._sqlite.sqlite3_close(self.handle)

    def _execute(self, statement: str, *values: bytes | None) -> list[Any]:
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What bzrtp offers, by name and in order.

    Empty keeps its default; it adds missing mandatory algorithms by itself.
    """

    hashes: Sequence[str] = ()
    ciphers: Sequence[str] = ()
    auth_tags: Sequence[str] = ()
    key_agreements: Sequence[str] = ()
    sas_types: Sequence[str] = ()

    def by_kind(self) -> dict[int, list[int]]:
        """bzrtp's kind number to its algorithm numbers."""
        choices = (
            (1, HASHES, self.hashes),
            (2, CIPHERS, self.ciphers),
            (4, AUTH_TAGS, self.auth_tags),
            (8, KEY_AGREEMENTS, self.key_agreements),
            (16, SAS_TYPES, self.sas_types),
        )
        return {kind: [table[name] for name in names] for kind, table, names in choices if names}


@dataclass(frozen=True, slots=True)
class Keys:
    """An SRTP master key and salt. Those of test calls protect nothing and may be printed."""

    key: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What bzrtp tells its application when a channel turns secure."""

    role: str
    """"initiator" or "responder"; empty on a Multistream channel."""
    sas: str
    verified: bool
    """rs1 matched and both sides said "verified"."""
    cache_mismatch: bool
    aux: str
    """"match", "mismatch" or "unset"."""
    suite: tuple[str, ...]
    """Hash, cipher, auth tag, key agreement, SAS type."""
    send: Keys
    receive: Keys
    exported: bytes
    """The key exported under the chosen label, at most 64 octets."""


class Channel:
    """One ZRTP stream, named by the SSRC it sends with."""

    def __init__(self, context: c.c_void_p, ssrc: int) -> None:
        self.ssrc = ssrc
        self.outcome: Outcome | None = None
        self.refused: list[int] = []
        """What processMessage returned for datagrams it did not take."""
        self._context = context
        self._outgoing: list[bytes] = []

    def start(self) -> None:
        """Send the first Hello at the next tick."""
        self._check("startChannelEngine", self.ssrc)

    def tick(self, now: float) -> None:
        """`now` in seconds."""
        self._call("iterate", self.ssrc, round(now * 1000))

    def receive_datagram(self, data: bytes, now: float) -> None:
        self.tick(now)
        code = self._call("processMessage", self.ssrc, c.create_string_buffer(data, len(data)), len(data))
        if code:
            self.refused.append(code)

    def datagrams_to_send(self) -> list[bytes]:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def secure(self) -> bool:
        return self.state == "secure"

    @property
    def state(self) -> str:
        return STATES[self._call("getChannelStatus", self.ssrc)]

    @property
    def hello_hash(self) -> str:
        """The value of a=zrtp-hash: "1.10 <64 hex>"."""
        text = c.create_string_buffer(80)
        self._check("getSelfHelloHash", self.ssrc, text, len(text))
        return text.value.decode()

    def expect_hello_hash(self, value: str) -> None:
        """The peer's a=zrtp-hash, as signalled."""
        self._check("setPeerHelloHash", self.ssrc, value.encode(), len(value))

    def _call(self, function: str, *arguments: object) -> int:
        return int(getattr(library(), "bzrtp_" + function)(self._context, *arguments))

    def _check(self, function: str, *arguments: object) -> None:
        if code := self._call(function, *arguments):
            raise BzrtpRefused(function, code)


class Bzrtp(Channel):
    """A call: a bzrtp context with its first channel. To be closed, best by `with`."""

    def __init__(
        self,
        ssrc: int,
        algorithms: Algorithms | None = None,
        *,
        cache: ZidCache | None = None,
        aux_secret: bytes = b"",
        export_label: bytes = b"interop test",
        export_octets: int = 32,
        uris: tuple[str, str] = ("sip:bzrtp@test", "sip:zrtp@test"),
    ) -> None:
        super().__init__(c.c_void_p(library().bzrtp_createBzrtpContext()), ssrc)
        self.messages: list[tuple[int, int]] = []
        """Level and number of every status message."""
        self.channels: list[Channel] = [self]
        self._role = ""
        self._exported = b""
        self._export_label, self._export_octets = export_label, export_octets
        self._callbacks = Callbacks(
            ON_STATUS(self._on_status), 2, ON_SEND(self._on_send), ON_SECRETS(), ON_START(self._on_start),
            ON_EXPORT(self._on_export),
        )  # fmt: skip
        for kind, numbers in (algorithms or Algorithms()).by_kind().items():
            listed = (u8 * 7)(*numbers)
            library().bzrtp_setSupportedCryptoTypes(self._context, kind, listed, len(numbers))
        if cache:
            own, peer = (uri.encode() for uri in uris)
            code = self._call("setZIDCache_lock", cache.handle, own, peer, None)
            if code not in (0, CACHE_SETUP):
                raise BzrtpRefused("setZIDCache_lock", code)
        self._check("setCallbacks", c.byref(self._callbacks))
        self._check("initBzrtpContext", ssrc)
        if aux_secret:
            self._check("setAuxiliarySharedSecret", aux_secret, len(aux_secret))

    def add_channel(self, ssrc: int) -> Channel:
        """A second stream of the same call, by Multistream; 5.1 has no third."""
        self._check("addChannel", ssrc)
        channel = Channel(self._context, ssrc)
        # The client data of a channel is its number; the first one's, 0, comes back as None.
        self._check("setClientData", ssrc, len(self.channels))
        self.channels.append(channel)
        return channel

    def sas_matched(self) -> None:
        library().bzrtp_SASVerified(self._context)

    def sas_mismatched(self) -> None:
        library().bzrtp_resetSASVerified(self._context)

    @property
    def warned_of_cache_mismatch(self) -> bool:
        return CACHE_MISMATCH_MESSAGE in self.messages

    def close(self) -> None:
        """Free the channels; the context goes with the last one."""
        for channel in reversed(self.channels):
            self._call("destroyBzrtpContext", channel.ssrc)
        self.channels = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _on_send(self, channel: int | None, packet: Any, length: int) -> int:
        self.channels[channel or 0]._outgoing.append(c.string_at(packet, length))
        return 0

    def _on_status(self, _channel: int | None, level: int, number: int, _text: bytes | None) -> int:
        self.messages.append((level, number))
        return 0

    def _on_export(self, _channel: int | None, _peer: int, role: int) -> int:
        """The only moment at which bzrtp can export keys."""
        self._role = ROLES[role]
        buffer, length = c.create_string_buffer(self._export_octets), c.c_size_t(self._export_octets)
        label = self._export_label
        if not self._call("exportKey", label, len(label), buffer, c.byref(length)):
            self._exported = buffer.raw[: length.value]
        return 0

    def _on_start(self, channel: int | None, secrets: Any, verified: int) -> int:
        s = secrets.contents
        numbers = (s.hash, s.cipher, s.auth_tag, s.key_agreement, s.sas_type)
        self.channels[channel or 0].outcome = Outcome(
            role="" if channel else self._role,
            sas=s.sas.decode() if s.sas else "",
            verified=bool(verified),
            cache_mismatch=bool(s.cache_mismatch),
            aux=AUX_STATES[s.aux_state],
            suite=tuple(NAMES.get(number, hex(number)) for number in numbers),
            send=Keys(c.string_at(s.self_key, s.self_key_length), c.string_at(s.self_salt, s.self_salt_length)),
            receive=Keys(c.string_at(s.peer_key, s.peer_key_length), c.string_at(s.peer_salt, s.peer_salt_length)),
            exported=self._exported,
        )
        return 0
