"""What one endpoint offers and accepts. It is frozen, so nothing changes in the middle of a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TypeAlias

from zrtp.cache.record import FOREVER
from zrtp.crypto.codes import MULT, PRSH
from zrtp.crypto.key_agreements.kem import KemAgreement
from zrtp.crypto.registry import DEFAULT, Algorithms
from zrtp.crypto.srtp_suites import SUITES
from zrtp.door import need_flag, need_instance, need_number, need_octets, need_whole
from zrtp.errors import ApiMisuse

WITHOUT_ALGORITHM = frozenset({MULT, PRSH, b"GCM "})
"""Codes that name a mode, or that the cipher does itself."""

OWN_CLIENT_ID = b"zrtp Python"
"""Names this package in Hello."""

MAX_CODES = 7
"""Longest list of algorithms of one kind in a Hello (RFC 6189 section 5.2)."""


class ClearDialect(Enum):
    """How GoClear is computed: the RFC, or what two stacks do instead. Never guessed from a peer's name.

    In that of libzrtp it is about one stream: our user's goes out on each, and a stream that the peer did not clear
    stays secure.
    """

    RFC = "rfc"
    BZRTP = "bzrtp"
    LIBZRTP = "libzrtp"


def default_key_agreements() -> tuple[bytes, ...]:
    """The hybrids first when ML-KEM is at hand, then the curves, then what RFC 6189 makes mandatory."""
    wanted = (b"X1M2", b"X3M3", b"X255", b"EC25", b"X448", b"DH3k", b"Mult")
    usable = DEFAULT.key_agreements
    return tuple(code for code in wanted if code == b"Mult" or (code in usable and usable[code].available))


Codes: TypeAlias = tuple[bytes, ...]
"""Algorithms by their codes of four octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One endpoint's choices. Lists are codes in order of preference, at most seven each: b"B32 ", or "B32" for short;
    here they are always octets.
    """

    hashes: Codes = (b"S256", b"S384")
    ciphers: Codes = (b"AES3", b"AES1")
    auth_tags: Codes = (b"HS80", b"GCM ", b"HS32")
    key_agreements: Codes = field(default_factory=default_key_agreements)
    sas_types: Codes = (b"B32 ", b"B256")
    algorithms: Algorithms = DEFAULT
    """What the codes mean; extend it to add algorithms of your own."""
    client_id: bytes = OWN_CLIENT_ID
    """Up to 16 octets that name this software in Hello; as text in ASCII. Two endpoints whose names begin with "zrtp
    Python" save one way of the path where signalling bound their Hellos, and tell apart who answers which Commit."""
    versions: tuple[bytes, ...] = (b"1.10",)
    """Protocol versions of Hello, highest first. Only 1.10 exists; another one must be the same on the wire."""
    passive: bool = False
    """Never send a Commit (P flag)."""
    auto_secure: bool = True
    """Commit as soon as discovery is finished; otherwise wait for `Session.go_secure`."""
    mandatory_always: bool = True
    """Accept the mandatory algorithms in a Commit even if they are not listed (they are implied)."""
    cache_interval: int = FOREVER
    """Seconds for which retained secrets are kept; 0 keeps none. Linphone does not read it, and warns in every later
    call of a ZID whose secret it kept alone."""
    disclosure: bool = False
    """Set the D flag: this software may hand over keys."""
    allow_clear: bool = False
    """Set the A flag: a GoClear of the peer is accepted."""
    clear_dialect: ClearDialect = ClearDialect.RFC
    strict_multistream: bool = False
    """Refuse a further stream whose Commit names other algorithms than the first stream's, though they were offered."""
    preshared: bool = False
    """Offer and use Preshared mode where the lineage of the retained secret allows it. It is for calls between programs
    with this package: Linphone, GNU ZRTP and zrtp4j have none, and libzrtp's makes other keys."""
    preshared_limit: int = 20
    """Preshared calls in a row before a DH exchange is forced."""
    trusted_mitm: bool = False
    """This endpoint is a PBX that can relay SAS values (M flag). libzrtp in passive mode refuses its Commit."""
    require_hello_hash_match: bool = True
    """Refuse a Hello that differs from the a=zrtp-hash of signalling."""
    signalling_protected: bool = False
    """The application vouches for the end-to-end integrity of its signalling (section 8.1.1)."""
    minimum_auth_tags: tuple[bytes, ...] | None = None
    """If given, no other authentication tag is offered, and a Commit with one is refused, mandatory or not."""
    srtp_profiles: tuple[tuple[bytes, bytes], ...] | None = None
    """What the media path can do, as pairs of cipher and authentication tag: whatever is agreed is one of them. A peer
    may combine any cipher of a Hello with any tag, so only those are offered whose every combination is among the
    pairs. None is everything that SRTP has (`zrtp.crypto.srtp_suites`)."""
    discovery_deadline: float = 5.0
    """Seconds without any sign of a ZRTP peer after which discovery ends."""
    discovery_deadline_extended: float = 15.0
    """Seconds from the first sign of a ZRTP peer in a search. Later signs do not count, since anybody can send one."""
    timer_scale: float = 1.0
    """Stretches T1, T2 and all deadlines but `store_deadline`, for paths with round trips beyond a second."""
    mtu: int = 1232
    """Largest ZRTP packet in octets before fragments are used; a multiple of 4, at least 600. 1232 fits a path of 1280,
    the least that IPv6 guarantees, where fragments of IP may be dropped."""
    half_open_limit: int = 64
    """Unfinished exchanges that others began, per endpoint: those that proved nothing make room for new ones."""
    store_deadline: float = 3.0
    """Seconds to wait for the store of retained secrets before an exchange; the peer repeats itself that long."""
    go_on_without_store: bool = False
    """When the store does not answer: secure the call without retained secrets, which raises an alarm at a peer that
    has some, instead of failing."""
    zid_per_peer: bool = False
    """Use another ZID for each contact that `Endpoint.session` names, against tracking. It also keeps apart what is
    remembered of peers that share a ZID, as all installations of FreeSWITCH do."""
    private_endpoint_hash: bool = False
    """Answer Ping with a hash that does not reveal the ZID."""

    def __post_init__(self) -> None:
        self._check_kinds()
        for name in ("hashes", "ciphers", "auth_tags", "key_agreements", "sas_types"):
            codes = _codes(name, getattr(self, name))
            if len(codes) > MAX_CODES:
                raise ApiMisuse(f"Config.{name} lists {len(codes)} algorithms; a Hello holds at most {MAX_CODES}.")
            object.__setattr__(self, name, codes)
        if self.minimum_auth_tags is not None:
            object.__setattr__(self, "minimum_auth_tags", _codes("minimum_auth_tags", self.minimum_auth_tags))
        object.__setattr__(self, "srtp_profiles", _pairs(self.srtp_profiles))
        self._check_codes()
        self._check_srtp()
        if self.mtu % 4 or self.mtu < 600:
            raise ApiMisuse(f"Config.mtu is {self.mtu}; it must be a multiple of 4 and at least 600.")
        if not 0 <= self.cache_interval <= FOREVER:
            raise ApiMisuse("Config.cache_interval is a number of seconds from 0 to 0xffffffff.")
        if len(self.client_id) > 16:
            raise ApiMisuse("Config.client_id holds at most 16 octets.")
        if not self.versions or any(len(version) != 4 for version in self.versions):
            raise ApiMisuse("Config.versions lists at least one version, each of four octets, for example b'1.10'.")
        if list(self.versions) != sorted(self.versions, reverse=True):
            raise ApiMisuse("Config.versions begins with the highest version.")
        if self.preshared_limit < 0:
            raise ApiMisuse("Config.preshared_limit is a number of calls, at least 0.")
        if self.half_open_limit < 1:
            raise ApiMisuse("Config.half_open_limit is at least 1: the exchange that is just being answered.")
        times = (self.timer_scale, self.discovery_deadline, self.discovery_deadline_extended, self.store_deadline)
        if min(times) <= 0:
            raise ApiMisuse("Config.timer_scale and the deadlines of discovery and of the store are greater than 0.")

    def can_do(self, cipher: bytes, auth_tag: bytes) -> bool:
        """Whether the media path can do a combination of cipher and authentication tag."""
        return (cipher, auth_tag) in (SUITES if self.srtp_profiles is None else self.srtp_profiles)

    def _check_kinds(self) -> None:
        """What is neither a list nor text is of the kind of its default."""
        for each in fields(self):
            what, given = f"Config.{each.name}", getattr(self, each.name)
            if isinstance(each.default, bool):
                need_flag(what, given)
            elif isinstance(each.default, float):
                need_number(what, given)
            elif isinstance(each.default, int):
                need_whole(what, given)
        need_instance("Config.clear_dialect", self.clear_dialect, ClearDialect, "one of zrtp.ClearDialect")
        need_instance("Config.algorithms", self.algorithms, Algorithms, "zrtp.crypto.registry.DEFAULT, or extended")
        object.__setattr__(self, "client_id", _octets("client_id", self.client_id))
        object.__setattr__(
            self, "versions", tuple(_octets("versions", each) for each in _list("versions", self.versions))
        )

    def _check_codes(self) -> None:
        """A code that nothing here computes would silently become another one."""
        for name in ("hashes", "ciphers", "auth_tags", "key_agreements", "sas_types"):
            known = getattr(self.algorithms, name)
            for code in getattr(self, name):
                if code not in known and code not in WITHOUT_ALGORITHM:
                    raise ApiMisuse(
                        f"Config.{name}: {code.decode('ascii', 'replace')!r} is none of the algorithms here "
                        f"({', '.join(known_code.decode('ascii', 'replace') for known_code in known)})."
                    )
        for code in self.key_agreements:
            agreement = self.algorithms.key_agreements.get(code)
            if isinstance(agreement, KemAgreement):
                agreement.require()

    def _check_srtp(self) -> None:
        """An application's own cipher or tag is of no use where the media path does not have it."""
        pairs = SUITES if self.srtp_profiles is None else self.srtp_profiles
        for name, place in (("ciphers", 0), ("auth_tags", 1)):
            known = {pair[place] for pair in (*pairs, *SUITES)}
            for code in getattr(self, name):
                if code in getattr(self.algorithms, name) and code not in known:
                    raise ApiMisuse(
                        f"Config.{name}: the media path has no SRTP for {code.decode('ascii', 'replace')}. "
                        "If yours has, list what it can do in Config.srtp_profiles."
                    )


def _pairs(given: object) -> tuple[tuple[bytes, bytes], ...] | None:
    """The pairs of cipher and tag as octets. Raises ApiMisuse for what is none."""
    if given is None:
        return None
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ApiMisuse(f"Config.srtp_profiles is a list of pairs of codes, not {given!r}.")
    pairs = [_codes("srtp_profiles", pair) for pair in given]
    if any(len(pair) != 2 for pair in pairs):
        raise ApiMisuse('Config.srtp_profiles lists pairs of cipher and authentication tag, such as ("AES1", "HS80").')
    return tuple((pair[0], pair[1]) for pair in pairs)


def _codes(name: str, given: object) -> Codes:
    """The codes of one list as octets.

    Raises:
        ApiMisuse: one of them is no code, or the list is none.
    """
    return tuple(_code(name, code) for code in _list(name, given))


def _list(name: str, given: object) -> Iterable[object]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ApiMisuse(f"Config.{name} is a list of codes, not {given!r}.")
    return given


def _octets(name: str, given: object) -> bytes:
    """Octets, or text in ASCII that stands for them. Raises ApiMisuse."""
    return given.encode() if isinstance(given, str) and given.isascii() else need_octets(f"Config.{name}", given)


def _code(name: str, given: object) -> bytes:
    if isinstance(given, str) and given.isascii():
        given = given.ljust(4).encode()
    if not isinstance(given, bytes) or len(given) != 4:
        raise ApiMisuse(f"Config.{name}: {given!r} is not a code of four octets, for example b'B32 '.")
    return given
