"""What stands behind the objects that an application holds, for tests that look at a step of the engine itself."""

from __future__ import annotations

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.call import Call
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint, installation_of
from zrtp.protocol.session import Session, driver_of
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream, core_of
from zrtp.secret import Secret

__all__ = ["cache_of", "call_of", "core_of", "driver_of", "installation_of", "secrets_of", "state_of"]


def call_of(session: Session) -> Call:
    """What the streams of a session share."""
    return driver_of(session).call


def cache_of(endpoint: Endpoint) -> SecretCache:
    """The cache of an endpoint; an empty one if it has none."""
    return MemoryCache() if endpoint.cache is None else endpoint.cache


def secrets_of(session: Session) -> dict[str, Secret]:
    """The secrets that the streams of a session share, by name."""
    call = call_of(session)
    shared = {"zrtpsess": call.zrtpsess, "exported": call.exported, "pbxsecret": call.pbxsecret}
    return {name: secret for name, secret in shared.items() if secret is not None}


def state_of(stream: Stream | Core) -> State:
    """The state now. A type checker takes that of an attribute for what it was when it was last looked at."""
    return stream.state
