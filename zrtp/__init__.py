"""ZRTP (RFC 6189): end-to-end key agreement for voice calls over the media path.

An `Endpoint` is one installation, a `Session` one call, a `Stream` one RTP stream. The core has no sockets, no clock
and no threads: datagrams and times go in, datagrams, deadlines and events come out.

Here is what most programs need. Further events are in `zrtp.events`, errors in `zrtp.errors`, caches in `zrtp.cache`,
and SRTP and the media path in `zrtp.media`.
"""

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.sas import Sas
from zrtp.errors import ApiMisuse, ZrtpError
from zrtp.protocol.config import ClearDialect, Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Assurance,
    Closed,
    Continuity,
    Event,
    Failed,
    KeysReady,
    Mode,
    NoPeer,
    Role,
    SasReady,
    Secured,
    SecurityWarning,
    Sending,
    SrtpKeys,
    Suite,
    WarningCode,
)
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret

__version__ = "0.2.0"

__all__ = [
    "ApiMisuse",
    "Assurance",
    "ClearDialect",
    "Closed",
    "Config",
    "Continuity",
    "Endpoint",
    "Event",
    "Failed",
    "KeysReady",
    "MemoryCache",
    "Mode",
    "NoPeer",
    "Role",
    "Sas",
    "SasReady",
    "Secret",
    "SecretCache",
    "Secured",
    "SecurityWarning",
    "Sending",
    "Session",
    "SrtpKeys",
    "State",
    "Stream",
    "Suite",
    "WarningCode",
    "ZrtpError",
    "__version__",
]
