"""ZRTP (RFC 6189): end-to-end key agreement for voice calls over the media path.

An `Endpoint` is one installation, a `Session` one call, a `Stream` one RTP stream. The core has no sockets, no clock
and no threads: datagrams and times go in, datagrams, deadlines and events come out.
"""

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.sas import Sas
from zrtp.errors import (
    ApiMisuse,
    BackendUnavailable,
    CacheError,
    ErrorCode,
    MalformedPacket,
    PeerError,
    PeerIncompatible,
    PeerMisbehaved,
    SrtpError,
    ZrtpError,
)
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Assurance,
    ClearRequested,
    Closed,
    Continuity,
    EnrolmentOffered,
    Event,
    Failed,
    GoingSecure,
    KeysReady,
    Mode,
    NoPeer,
    PeerDetected,
    PongReceived,
    Role,
    SasReady,
    SasRelayed,
    Secured,
    SecurityWarning,
    Sending,
    SendingChanged,
    SignatureReceived,
    SrtpKeys,
    Suite,
    Verified,
    WarningCode,
    WentClear,
)
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret

__version__ = "0.2.0"

__all__ = [
    "ApiMisuse",
    "Assurance",
    "BackendUnavailable",
    "CacheError",
    "ClearDialect",
    "ClearRequested",
    "Closed",
    "Config",
    "Continuity",
    "Endpoint",
    "EnrolmentOffered",
    "ErrorCode",
    "Event",
    "Failed",
    "GoingSecure",
    "KeysReady",
    "MalformedPacket",
    "MemoryCache",
    "Mode",
    "NoPeer",
    "PeerDetected",
    "PeerError",
    "PeerIncompatible",
    "PeerMisbehaved",
    "PongReceived",
    "Role",
    "Sas",
    "SasReady",
    "SasRelayed",
    "Secret",
    "SecretCache",
    "Secured",
    "SecurityWarning",
    "Sending",
    "SendingChanged",
    "Session",
    "SignatureReceived",
    "SrtpError",
    "SrtpKeys",
    "State",
    "Stream",
    "Suite",
    "Verified",
    "WarningCode",
    "WentClear",
    "ZrtpError",
    "__version__",
]
