"""What is remembered about one peer between calls, and the ways in which a person may edit it.

A record is data only: it does not know where it is stored, what time it is, or what a handshake decides. The engine
says which secret becomes rs1 or rs2 after a call (RFC 6189 section 4.6.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from zrtp.door import refuse
from zrtp.errors import ApiMisuse
from zrtp.secret import Secret

FOREVER = 0xFFFF_FFFF
"""The cache expiration interval that means "for good" (RFC 6189 section 4.9)."""

NAME_LENGTH = 200
"""Longest name in characters; the rest of a longer one is cut off."""

_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRecord:
    """The cache entry of one peer (RFC 6189 sections 4.3, 4.9). Times are wall-clock seconds since 1970."""

    rs1: Secret | None = None
    """The secret retained from the last call."""
    rs1_expires: float | None = None
    """After this moment the peer may have deleted rs1; None: never."""
    rs2: Secret | None = None
    """The secret that was rs1 before, in case the peer missed the last update."""
    rs2_expires: float | None = None
    """After this moment the peer may have deleted rs2; None: never."""
    pbxsecret: Secret | None = None
    """The secret of an enrolment with a trusted server (RFC 6189 section 7.3.1)."""
    interval: int = FOREVER
    """Seconds of validity agreed in the last call, 32 bits; 0: nobody relies on these secrets any more."""
    verified: bool = False
    """The local user has compared the SAS with this peer: the V flag (RFC 6189 section 7.1)."""
    verified_at: float | None = None
    """When the user did so; None as long as `verified` is not set."""
    differed_at: float | None = None
    """When the user found that the SAS differs. Only a comparison that matches clears it: until then it is told."""
    name: str = ""
    """What the local user calls this peer; "" without a name. Cleaned by `clean_name`."""
    provisional: bool = False
    """First record ever, and nothing has shown yet that the peer stored its side of it."""
    trusted_lineage: bool = False
    """rs1 goes back to an exchange that was verified, signed, or bound to protected signalling."""
    preshared_count: int = 0
    """Preshared exchanges since the last Diffie-Hellman exchange."""
    first_seen: float = 0.0
    """When the first call with this peer was secured; 0 before it."""
    last_seen: float = 0.0
    """When the last call with this peer was secured; 0 before it."""
    generation: int = 0
    """How often the cache has written this record: 1 after the first time. Set by the cache alone.

    A count that has gone backwards tells a restored backup from a wiretapper."""

    def __post_init__(self) -> None:
        self._check_kinds()
        if not 0 <= self.interval <= FOREVER:
            raise ApiMisuse(f"A cache expiration interval has 32 bits, and {self.interval} does not fit.")
        for time in _TIMES(self):
            if time is not None and not math.isfinite(time):
                raise ApiMisuse("Every time in a peer's record is a finite number of seconds, or None.")
        if self.name:
            object.__setattr__(self, "name", clean_name(self.name))

    def _check_kinds(self) -> None:
        for name in _SECRETS:
            secret = getattr(self, name)
            if secret is not None and not isinstance(secret, Secret):
                refuse(f"PeerRecord.{name}", "a zrtp.Secret", secret)
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if type(value) is not kind:
                refuse(f"PeerRecord.{name}", _WORDS[kind], value)
        for time in _TIMES(self):
            if time is not None and not isinstance(time, int | float):
                refuse("Every time in a peer's record", "a number of seconds", time)

    def rs1_expired(self, now: float) -> bool:
        """Whether the peer may have deleted rs1 by now (RFC 6189 section 4.9). It may still match."""
        return self.interval == 0 or (self.rs1_expires is not None and now >= self.rs1_expires)

    def expects_match(self, now: float) -> bool:
        """Whether a peer that holds none of these secrets is a cache mismatch, which alarms the user.

        It is none after expiry, nor while the record is provisional: the peer may never have stored rs1.
        """
        return self.rs1 is not None and not self.provisional and not self.rs1_expired(now)

    @property
    def unsure(self) -> bool:
        """After a Preshared exchange: nothing has shown yet that the peer stored its secret, and the one that carried
        the call is kept beside it as rs2. Whoever steals both could read that call (RFC 6189 section 4.6.1).
        """
        return self.preshared_count > 0 and self.rs2 is not None

    def as_verified(self, now: float, name: str | None = None) -> PeerRecord:
        """After the user said "they match"; with a name, that is what the peer is called from now on."""
        return replace(
            self,
            verified=True,
            verified_at=now,
            differed_at=None,
            name=self.name if name is None else name,
            provisional=False,
            trusted_lineage=True,
        )

    def as_unverified(self) -> PeerRecord:
        """After the user took the verification back, or a mismatch did: the secrets stay."""
        return replace(self, verified=False, verified_at=None, trusted_lineage=False)

    def as_somebody(self) -> PeerRecord:
        """After a call with whoever has none of the secrets: a name belongs to a key, and this may be somebody else."""
        return replace(self.as_unverified(), name="")

    def as_different(self, now: float) -> PeerRecord:
        """After the user said "they differ"."""
        return replace(self.as_unverified(), differed_at=now)

    def renamed(self, name: str) -> PeerRecord:
        """Under another name, and unverified: the SAS was compared with somebody else.

        Nothing changes if the name is the old one.
        """
        if clean_name(name) == self.name:
            return self
        return replace(self.as_unverified(), name=name)

    def copy(self) -> PeerRecord:
        """An equal record with secrets of its own, so that either owner may wipe them."""
        return self._twin(self.generation)

    def successor_of(self, old: PeerRecord | None) -> PeerRecord:
        """What a cache stores in place of `old`: a copy of this record with the next generation."""
        return self._twin(1 if old is None else old.generation + 1)

    def wipe(self) -> None:
        """Overwrite the secrets of this record, and of every record that shares them."""
        for name in _SECRETS:
            if (secret := getattr(self, name)) is not None:
                secret.wipe()

    def _twin(self, generation: int) -> PeerRecord:
        """A cache copies records many times in a call, and `replace` takes longer."""
        values = dict(zip(_NAMES, _VALUES(self), strict=True))
        for name in _SECRETS:
            if (secret := values[name]) is not None:
                values[name] = secret.copy()
        values["generation"] = generation
        return PeerRecord(**values)


def clean_name(text: str) -> str:
    """A name as one short line without invisible characters, which could reorder or hide what a person reads.

    Zero-width joiners stay inside a name: the spelling of several scripts needs them.
    """
    visible = "".join(c for c in text if c.isprintable() or c.isspace() or c in _JOINERS)
    return " ".join(visible.split())[:NAME_LENGTH].strip(" " + _JOINERS)


# The fields stand once, above.

_NAMES = tuple(field.name for field in fields(PeerRecord))
_VALUES = attrgetter(*_NAMES)
_SECRETS = tuple(field.name for field in fields(PeerRecord) if field.type == "Secret | None")
_WORDS: dict[type, str] = {bool: "True or False", int: "a whole number", str: "text (str)"}
_KINDS = {field.name: kind for field in fields(PeerRecord) for kind in _WORDS if field.type == kind.__name__}
_TIMES = attrgetter(*(field.name for field in fields(PeerRecord) if str(field.type).startswith("float")))
