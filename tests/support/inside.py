"""What stands behind the objects that an application holds, for tests that look at a step of the engine itself."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.pair import Side
from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.key_agreements.base import InitiatorShare
from zrtp.crypto.sas import Sas
from zrtp.protocol import relaying
from zrtp.protocol.call import Call
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint, installation_of
from zrtp.protocol.session import Session, driver_of
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream, core_of
from zrtp.secret import Secret

__all__ = [
    "cache_of",
    "call_of",
    "core_of",
    "driver_of",
    "installation_of",
    "prepared_shares",
    "relay_sas",
    "remembered_secrets",
    "running_exchanges",
    "secrets_of",
    "state_of",
    "use_nonces",
]


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


def state_of(party: Side | Stream | Core) -> State:
    """The state now. A type checker takes that of an attribute for what it was when it was last looked at."""
    return party.stream.state if isinstance(party, Side) else party.state


def remembered_secrets(session: Session) -> list[Secret]:
    """The secrets of earlier calls and for later ones that a secure session holds, auxsecret among them."""
    retention = call_of(session).retention
    outcome, record, before = retention._outcome, retention.record, retention._before
    assert outcome is not None and record is not None and before is not None
    held = [retention._aux_secret, outcome.new_rs1, record.rs1, record.rs2, before.rs1]
    return [secret for secret in held if secret is not None]


def use_nonces(session: Session, nonces: Iterable[bytes]) -> None:
    """As if these had been used in the call."""
    call_of(session).nonces._used.update(nonces)


def running_exchanges(endpoint: Endpoint) -> int:
    """What an endpoint still remembers of exchanges that have begun."""
    installation = installation_of(endpoint)
    return len(installation._half_open)


def prepared_shares(endpoint: Endpoint) -> list[InitiatorShare]:
    """The key pairs in stock, of all suites."""
    return [share for stock in installation_of(endpoint)._prepared.values() for share in stock]


def relay_sas(session: Session, far: Sas, now: float) -> None:
    """As a trusted server: relay a SAS that no leg of this program has."""
    driver = driver_of(session)
    relaying._send(driver.cores[0], far.sashash, far.code, driver.call, now)
