"""The parts of a session that few programs need all of: the peer, a PBX in the middle, exported keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from zrtp.crypto.sas import Sas
from zrtp.door import need_flag, need_instance, need_moment, need_octets, need_text, need_whole
from zrtp.errors import ApiMisuse
from zrtp.protocol import relaying
from zrtp.protocol.driver import Driver
from zrtp.protocol.events import Assurance, SignatureReceived
from zrtp.secret import Secret
from zrtp.wire.messages import SASrelayPlain


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a call is with. Everything here is None or False until a stream is secure."""

    _driver: Driver = field(repr=False)

    @property
    def zid(self) -> bytes | None:
        """The peer's ZID, 12 octets."""
        return self._driver.call.peer_zid

    @property
    def client(self) -> bytes | None:
        """What the peer calls its software: 16 raw octets; escape them before showing them."""
        peer = self._driver.call.peer
        return None if peer is None else peer.hello.client_id

    @property
    def name(self) -> str | None:
        """What the local user called this peer at an earlier comparison."""
        return self._driver.call.peer_name

    @property
    def verified(self) -> bool:
        """The SAS was compared by both sides: in this call, or in earlier ones that this one continues."""
        return self._driver.call.verified

    @property
    def verified_at(self) -> float | None:
        """When the local user compared the SAS with this peer, wall clock seconds since 1970."""
        return self._driver.call.verified_at

    @property
    def bound_to_signalling(self) -> bool:
        """On every secure stream the peer sent the Hello that signalling announced (RFC 6189 section 8.1)."""
        return self._driver.call.bound_to_signalling

    @property
    def signature(self) -> SignatureReceived | None:
        """The peer's signature of the SAS, if it sent one that verifies."""
        return self._driver.call.signature

    def trust_signer(self) -> None:
        """The application trusts whoever signed the SAS: the exchange is authenticated (RFC 6189 section 7.2).

        A retained secret that was held back is stored now, and Preshared mode may build on it.

        Raises:
            ApiMisuse: no valid signature was received, or the user said that the SAS differs.
        """
        self._driver.own_call().trust_signer()
        self._driver.carry_out_decision()

    def rename(self, name: str) -> None:
        """Another name for this peer; clears the verification until the SAS is compared again.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed; or the peer only claims to be one that has a name.
        """
        need_text("name", name)
        call = self._driver.own_call()
        call.need_sas()
        if (known := call.retention.unproved_name) is not None and call.retention.held_back:
            raise ApiMisuse(f"Nothing proves that this is the peer you know as {known}: compare the SAS first.")
        call.retention.rename(name)
        record = call.retention.record
        call.decide(False if record is None or not record.verified else None)
        self._driver.carry_out_decision()

    def forget(self) -> None:
        """Keep nothing about this peer: the next call with it is a first one, at this end.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed.
        """
        call = self._driver.own_call()
        call.need_sas()
        call.retention.forget()
        call.decide(False)
        self._driver.carry_out_decision()


@dataclass(frozen=True, slots=True)
class Pbx:
    """A trusted server in the middle, as a phone sees it, and as it sees itself (RFC 6189 section 7.3)."""

    _driver: Driver = field(repr=False)

    @property
    def peer_is_pbx(self) -> bool:
        """The peer's Hello has the M flag."""
        peer = self._driver.call.peer
        return peer is not None and peer.hello.mitm

    @property
    def matched(self) -> bool:
        """Both sides hold the secret of an enrolment (s3)."""
        return self._driver.call.pbx_matched

    @property
    def relayed_sas(self) -> Sas | None:
        """The SAS of the far end, relayed by a trusted PBX: show it in place of `Session.sas`."""
        return self._driver.call.relayed_sas

    @property
    def relayed_flags(self) -> SASrelayPlain | None:
        """What the PBX relayed with it, the flags of the far end among it."""
        return self._driver.call.relayed_flags

    def accept_enrolment(self, *, despite_unverified: bool = False) -> None:
        """Trust this PBX with relaying the SAS from now on (RFC 6189 section 7.3.1). It can then listen in.

        Raises:
            ApiMisuse: no enrolment was offered, or nothing shows that nobody sits between this phone and the PBX.
        """
        need_flag("despite_unverified", despite_unverified)
        call = self._driver.own_call()
        if call.pbxsecret is None or call.enrol:
            raise ApiMisuse("The other side does not offer an enrolment.")
        doubtful = (Assurance.INSECURE, Assurance.ENCRYPTED, Assurance.MISMATCH)
        if call.assurance in doubtful and not despite_unverified:
            raise ApiMisuse("Compare the SAS before you enrol: somebody may sit between you and the server.")
        call.retention.store_pbxsecret(call.pbxsecret)
        self._driver.carry_out_decision()

    def relay(self, other: Pbx, now: float) -> Pbx | None:
        """As a PBX: relay the SAS between this leg of a call and another one, as section 7.3 says.

        Trusted by nobody: nothing is sent. Trusted by one: it gets the SAS of the other leg. Trusted by both: exactly
        one gets it, and if one of them is a PBX itself, the one that is not.

        Returns:
            The leg that got the SAS of the other one; None if nobody trusts this PBX.

        Raises:
            ApiMisuse: a leg is not secure yet, both are the same one, or this endpoint does not declare itself a PBX.
        """
        need_instance("The other leg", other, Pbx, "the pbx of another session")
        need_moment(now)
        if other._driver is self._driver:
            raise ApiMisuse("A SAS is relayed between two calls: the other leg is the pbx of another session.")
        self._driver.check()
        other._driver.check()
        told = relaying.relay_between(self._driver.cores, other._driver.cores, now)
        return next((leg for leg in (self, other) if leg._driver.call is told), None)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a call for other uses (RFC 6189 section 4.5.2)."""

    _driver: Driver = field(repr=False)

    def export(self, label: bytes, octets: int) -> Secret:
        """A key for another use, KDF(ExportedKey, label, KDF_Context, length).

        It is as trustworthy as the call: look at `Session.assurance`. `octets` is at most the hash length.

        Raises:
            ApiMisuse: before the first stream is secure, after encryption was switched off or the call is closed, or
                too many octets.
        """
        label = need_octets("label", label)
        need_whole("octets", octets)
        return self._driver.own_call().export_key(label, octets)

    def forget(self) -> None:
        """Nothing is exported any more in this call."""
        self._driver.own_call().forget_exported_key()
