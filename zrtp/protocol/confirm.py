"""Sealing and opening Confirm1, Confirm2 and SASrelay (RFC 6189 sections 5.7 and 5.13).

Encrypt-then-MAC with the keys of the sender's role::

    confirm_mac = MAC(mackey, ciphertext), leftmost 64 bits
    ciphertext  = CFB(zrtpkey, IV, plain)

The MAC does not cover the IV; a changed IV garbles H0, which the hash chain then catches.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.errors import ErrorCode, PeerMisbehaved, ZrtpError
from zrtp.protocol.compatibility import read_confirm
from zrtp.protocol.events import Role
from zrtp.protocol.hash_chain import ChainBroken, ChainComplete
from zrtp.protocol.key_schedule import StreamKeys
from zrtp.system import RandomSource
from zrtp.wire.messages import Confirm1, Confirm2, ConfirmPlain, SASrelay, SASrelayPlain

MAC_LENGTH = 8
IV_LENGTH = 16


class ConfirmRefused(ZrtpError):
    """The MAC of a Confirm or SASrelay is wrong; anybody could have sent it. Never leaves the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The algorithms and keys that seal what one role sends."""

    hash: HashAlgorithm
    cipher: CipherAlgorithm
    keys: StreamKeys

    def seal(self, role: Role, plain: bytes, random: RandomSource) -> tuple[bytes, bytes, bytes]:
        """MAC, IV and ciphertext of what `role` sends."""
        mackey, zrtpkey = self.keys.of(role)
        iv = random(IV_LENGTH)
        ciphertext = self.cipher.encrypt(zrtpkey.octets, iv, plain)
        return self.hash.mac(mackey, ciphertext)[:MAC_LENGTH], iv, ciphertext

    def open(self, role: Role, mac: bytes, iv: bytes, ciphertext: bytes) -> bytes:
        """The plain text of what `role` sent.

        Raises:
            ConfirmRefused: the MAC is wrong; nothing was decrypted.
        """
        mackey, zrtpkey = self.keys.of(role)
        if not hmac.compare_digest(self.hash.mac(mackey, ciphertext)[:MAC_LENGTH], mac):
            raise ConfirmRefused("the MAC does not verify")
        return self.cipher.decrypt(zrtpkey.octets, iv, ciphertext)


def seal_confirm(box: Box, role: Role, plain: ConfirmPlain, random: RandomSource) -> Confirm1 | Confirm2:
    """Confirm1 of a responder, Confirm2 of an initiator."""
    kind = Confirm2 if role is Role.INITIATOR else Confirm1
    mac, iv, ciphertext = box.seal(role, plain.encode(), random)
    return kind.make(confirm_mac=mac, iv=iv, ciphertext=ciphertext)


@dataclass(frozen=True, slots=True)
class ConfirmVerified:
    """Evidence that a Confirm verified, and with it every earlier message of the peer; made by `open_confirm`."""

    plain: ConfirmPlain
    chain: ChainComplete


def open_confirm(
    box: Box, role: Role, confirm: Confirm1 | Confirm2, verify_chain: Callable[[bytes], ChainComplete]
) -> ConfirmVerified:
    """Check the MAC, decrypt, and check that H0 completes the peer's hash chain, in this order.

    Raises:
        ConfirmRefused: the MAC is wrong.
        PeerMisbehaved: MAC right, but H0 does not fit, or the MAC of an earlier message is wrong: an attack.
        MalformedPacket: the signature length does not fit the message.
    """
    plain = read_confirm(box.open(role, confirm.confirm_mac, confirm.iv, confirm.ciphertext))
    try:
        chain = verify_chain(plain.h0)
    except ChainBroken:
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR,
            "The peer's Confirm does not belong to its earlier messages: somebody may be in between. Call again.",
        ) from None
    return ConfirmVerified(plain, chain)


def seal_sas_relay(box: Box, role: Role, plain: SASrelayPlain, random: RandomSource) -> SASrelay:
    """A SASrelay of that role."""
    mac, iv, ciphertext = box.seal(role, plain.encode(), random)
    return SASrelay.make(mac=mac, iv=iv, ciphertext=ciphertext)


def open_sas_relay(box: Box, role: Role, message: SASrelay) -> SASrelayPlain:
    """The plain text of a SASrelay.

    Raises:
        ConfirmRefused: the MAC is wrong.
        MalformedPacket: the signature length does not fit the message.
    """
    return SASrelayPlain.decode(box.open(role, message.mac, message.iv, message.ciphertext))
