"""One installation, as an application holds it: its ZID, its configuration, its cache, its randomness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from zrtp.cache.interface import ZID_LENGTH, SecretCache, waits
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.signatures import SignatureVerifier, Signer
from zrtp.door import (
    need_flag,
    need_function,
    need_instance,
    need_methods,
    need_octets,
    need_utf8,
    need_whole,
    refuse,
    source_of_randomness,
)
from zrtp.errors import ApiMisuse
from zrtp.protocol.call import Call
from zrtp.protocol.config import Config
from zrtp.protocol.driver import Driver
from zrtp.protocol.events import Suite
from zrtp.protocol.expectation import Expectation
from zrtp.protocol.installation import Installation, check_verifiers, endpoint_hash
from zrtp.protocol.session import Session
from zrtp.secret import Secret
from zrtp.system import RandomSource, WallClock, system_random, wall_clock

_HASH_LABEL = "EndpointHash"
"""The label under which the cache keeps random octets that nobody outside knows."""


class Endpoint:
    """Owns what all calls of one installation share. Make one, and a session for each call. There are no locks inside:
    its calls belong into one thread, or take turns; `zrtp.media.threads.SecureSocket` sees to that itself.

    `cache` holds the retained secrets; None makes a cacheless endpoint (RFC 6189 section 4.9.1) with a new ZID. It is
    asked for the ZID here, and later by sessions; `zid` spares the question, and with sessions that defer their store
    requests the cache is never used here.
    `signer` signs the SAS of calls with peers that can check it, `verifiers` check theirs (section 7.2). Of several
    signers one whose key fits the key agreement is taken.
    `random` returns octets fit for keys, `wall_clock` seconds since 1970; both default to the operating system's.

    Raises:
        ApiMisuse: something is of another type than it has to be, or the configuration contradicts itself.
        CacheError: the cache cannot be used.
    """

    def __init__(
        self,
        config: Config | None = None,
        cache: SecretCache | None = None,
        *,
        zid: bytes | None = None,
        random: RandomSource = system_random,
        wall_clock: WallClock = wall_clock,
        signer: Signer | Sequence[Signer] | None = None,
        verifiers: Sequence[SignatureVerifier] = (),
    ) -> None:
        if config is not None:
            need_instance("config", config, Config, "a zrtp.Config")
        if cache is not None:
            need_methods("cache", cache, _OF_A_CACHE, "a cache such as zrtp.MemoryCache() or SqliteCache(path)")
        self._cache = cache
        self._random = source_of_randomness(random)
        self._zids: dict[str, bytes] = {}
        if zid is not None:
            self._zids[""] = need_octets("zid", zid, length=ZID_LENGTH)
        self._installation = Installation(
            config if config is not None else Config(),
            cacheless=cache is None,
            random=self._random,
            wall_clock=need_function("wall_clock", wall_clock, "a function that tells the time, as time.time"),
            signers=_signers(signer),
            verifiers=check_verifiers(_verifiers(verifiers)),
        )
        self._sessions = 0
        self.zid_for("")
        if self.config.private_endpoint_hash:
            self.zid_for(_HASH_LABEL)

    def session(
        self,
        *,
        peer_label: str = "",
        aux_secret: bytes | None = None,
        signalled_key: tuple[bytes, bytes] | None = None,
        extension: str = "",
        enrol: bool = False,
        offload: bool = False,
        store: Literal["at once", "deferred"] = "at once",
        signalling_protected: bool | None = None,
        expect: str | bytes | None = None,
    ) -> Session:
        """A new call with one peer.

        Args:
            peer_label: selects a ZID of its own for this contact if `Config.zid_per_peer` is set; see `zid_for`.
            aux_secret: auxsecret, what both sides know from elsewhere; 32 octets unless the peer takes others (GNU ZRTP
                never matches them), for example from `zrtp.crypto.passphrase`.
            signalled_key: SRTP master key and salt from SDES signalling, mixed in as auxsecret (section 8.2).
            extension: for a PBX, the SIP URI or number of the endpoint behind it, told apart by Ping (section 5.16).
            enrol: for a PBX, ask the phone to trust it with relaying the SAS (section 7.3.1).
            offload: hand out public-key operations instead of performing them (`zrtp.protocol.work`).
            signalling_protected: whether the signalling of this call is, if that differs from
                `Config.signalling_protected`: a call by way of one server may be, one by way of another not.
            expect: whom you expect, by name or by ZID (12 octets): if another one comes, a warning says so
                (`DIFFERENT_NAME`), or that the name is known from another device (`NEW_DEVICE`).
            store: "deferred" hands out what is asked of the cache instead of calling it (`zrtp.protocol.store`).

        Raises:
            ApiMisuse: something is of another type than it has to be; both kinds of auxsecret, or an empty one; `enrol`
                without `Config.trusted_mitm`, another word for `store`, an `expect` that is neither a name nor a ZID,
                or a new `peer_label` with `store="deferred"` and a cache that may have to wait.
            CacheError: a new `peer_label`, and the cache cannot be used.
        """
        config = self._installation.config
        for what, word in (("peer_label", peer_label), ("extension", extension)):
            if word != "":
                need_utf8(what, word)
        for what, flag in (("enrol", enrol), ("offload", offload)):
            if flag is not False:
                need_flag(what, flag)
        if signalling_protected is not None:
            need_flag("signalling_protected", signalling_protected)
        if enrol and not config.trusted_mitm:
            raise ApiMisuse("Only an endpoint with Config.trusted_mitm can enrol phones.")
        if aux_secret is not None and signalled_key is not None:
            raise ApiMisuse("A call has one auxsecret: give aux_secret or signalled_key, not both.")
        if store not in ("at once", "deferred"):
            raise ApiMisuse(f'store is "at once" or "deferred", not {store!r}.')
        if store == "deferred":
            _refuse_to_wait(self, peer_label)
        self._installation.after_fork()
        self._sessions += 1
        zid = self.zid_for(peer_label if config.zid_per_peer else "")
        hidden = (lambda: self.zid_for(_HASH_LABEL)) if config.private_endpoint_hash else None
        call = Call(
            self._installation,
            zid=zid,
            number=self._sessions,
            endpoint_hash=endpoint_hash(zid, extension, hidden),
            aux_secret=None if aux_secret is None else _auxsecret(aux_secret),
            signalled_key=None if signalled_key is None else _signalled_key(signalled_key),
            expected=None if expect is None else Expectation.of(expect),
            enrol=enrol,
            offload=offload,
            signalling_protected=(
                config.signalling_protected if signalling_protected is None else signalling_protected
            ),
        )
        driver = Driver(call, self._cache if store == "at once" else None)
        if driver.store.open:
            driver.serve_store(call.clock)
        return Session(driver)

    @property
    def config(self) -> Config:
        """The choices of this endpoint."""
        return self._installation.config

    @property
    def cache(self) -> SecretCache | None:
        """Where the retained secrets are; None without."""
        return self._cache

    @property
    def zid(self) -> bytes:
        """The ZID of this installation, 12 octets."""
        return self.zid_for("")

    def zid_for(self, label: str) -> bytes:
        """Our ZID for a contact, 12 octets. The cache is asked for it the first time, and makes it if need be.

        It may be called in any thread. Before a session with a new `peer_label` a program that must not wait does so:
        a session that defers its store requests refuses a label whose ZID is not known. Raises CacheError.
        """
        if need_utf8("label", label) not in self._zids:
            cache = self._cache if self._cache is not None else MemoryCache()
            zid = cache.own_zid(lambda: self._random(ZID_LENGTH), label)
            self._zids.setdefault(label, zid)  # unless another thread was first
        return self._zids[label]

    def prepare(self, pairs: int = 1, suite: Suite | None = None) -> None:
        """Make key pairs ahead of need, for example while the phone rings: the next calls with this suite use them.

        Without `suite` they are for what two endpoints like this one agree on. Up to so many pairs are in stock then;
        each serves one call. It may run in another thread than the calls. Until they are used, or discarded, private
        keys lie in memory.
        """
        need_whole("pairs", pairs, 0)
        if suite is not None:
            need_instance("suite", suite, Suite, "a zrtp.Suite, for example that of an earlier stream")
        self._installation.after_fork()
        self._installation.prepare(pairs, suite)

    def close(self) -> None:
        """Wipe the key pairs that no call has used. Calls go on, and the endpoint may still be used."""
        self._installation.discard_prepared()


def _signers(given: Signer | Sequence[Signer] | None) -> tuple[Signer, ...]:
    """Raises ApiMisuse."""
    wanted = "an object that signs, such as an X509Signer, or a list of them"
    if given is None:
        return ()
    several = given if isinstance(given, Iterable) else (given,)
    for each in several:
        need_methods("signer", each, ("signature_type", "sign"), wanted)
        need_octets("signature_type of the signer", each.signature_type, length=4)
    return tuple(several)


def _verifiers(given: Sequence[SignatureVerifier]) -> Sequence[SignatureVerifier]:
    """Raises ApiMisuse."""
    if not isinstance(given, Iterable):
        refuse("verifiers", "a list of objects that check signatures", given)
    several = tuple(given)
    for each in several:
        need_methods("Each of verifiers", each, ("signature_type", "verify"), "an object such as an X509Verifier")
        need_octets("signature_type of the verifier", each.signature_type, length=4)
    return several


def _auxsecret(given: bytes) -> Secret:
    """Raises ApiMisuse."""
    secret = Secret(need_octets("aux_secret", given))
    if not len(secret):
        raise ApiMisuse("aux_secret is empty, and no secret: give 32 octets, or None.")
    return secret


def _signalled_key(given: tuple[bytes, bytes]) -> tuple[Secret, bytes]:
    """Raises ApiMisuse."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        refuse("signalled_key", "a pair of octets, SRTP master key and salt", given)
    key, salt = (need_octets(f"The {what} in signalled_key", each) for what, each in zip(_PAIR, given, strict=True))
    if not key or not salt:
        raise ApiMisuse("signalled_key is empty: give SRTP master key and salt as signalling has them, or None.")
    return Secret(key), salt


_OF_A_CACHE = ("own_zid", "load", "update", "peers")
_PAIR = ("master key", "master salt")


def installation_of(endpoint: Endpoint) -> Installation:
    """What the calls of an endpoint share: for this package and its tests, not for applications."""
    return endpoint._installation


def _refuse_to_wait(endpoint: Endpoint, peer_label: str) -> None:
    """Raises ApiMisuse."""
    if waits_for_zid(endpoint, peer_label):
        raise ApiMisuse(
            "Our ZID for this peer_label is not known yet, and the store may have to wait: first call "
            "Endpoint.zid_for in another thread, in an event loop by "
            "await asyncio.to_thread(endpoint.zid_for, peer_label)."
        )


def waits_for_zid(endpoint: Endpoint, peer_label: str) -> bool:
    """Whether the store has to be asked, and may have to wait, before there can be a session with this label."""
    cache = endpoint.cache
    return endpoint.config.zid_per_peer and peer_label not in endpoint._zids and cache is not None and waits(cache)
