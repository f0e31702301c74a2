"""Opens a recorded ZRTP exchange with a secret of it: Confirm messages, the SAS, and the keys of SRTP.

Only for calls whose secrets were kept, as a test does: nobody else has s0 or ZRTPSess.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import MalformedPacket
from zrtp.inspection.exchange import RecordedExchange
from zrtp.inspection.findings import Severity
from zrtp.inspection.keys import KeyFile
from zrtp.protocol.compatibility import read_confirm
from zrtp.protocol.confirm import Box, ConfirmRefused
from zrtp.protocol.events import Role, SrtpKeys, Suite
from zrtp.protocol.key_schedule import SessionSecrets, StreamKeys, Transcript, s0_from_session
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, CommitMode, Confirm1, Confirm2


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """What a secret revealed."""

    sas: str
    """As the two people saw it; empty in Multistream mode, which has none."""
    srtp: tuple[SrtpKeys, SrtpKeys] = field(repr=False)
    """For what each side sends."""
    zrtpsess: Secret | None = field(repr=False)
    """Opens the further streams of the call."""


def unseal(exchange: RecordedExchange, keys: KeyFile) -> Unsealed | None:
    """Try the secrets; the first whose MAC key fits a Confirm opens the exchange, and None means that none does.

    What was decrypted is entered in the steps of the exchange, with the checks that it made possible.
    """
    chosen, initiator = exchange.chosen, exchange.initiator
    if chosen is None or initiator is None:
        return None
    hash_ = DEFAULT.hashes.get(chosen.hash)
    transcript = None if hash_ is None else _transcript(exchange, chosen, hash_, initiator)
    known = chosen.cipher in DEFAULT.ciphers and chosen.auth_tag in DEFAULT.auth_tags
    if hash_ is None or transcript is None or not known:
        return None
    candidates = list(keys.s0)
    if chosen.mode is CommitMode.MULTISTREAM:
        candidates += [s0_from_session(hash_, zrtpsess, transcript) for zrtpsess in keys.zrtpsess]
    for s0 in candidates:
        box = _box(chosen, hash_, s0, transcript.kdf_context)
        if _open_confirms(exchange, box, initiator):
            return _unsealed(chosen, hash_, s0, transcript.kdf_context, box, initiator)
    return None


def _transcript(exchange: RecordedExchange, chosen: Commit, hash_: HashAlgorithm, initiator: int) -> Transcript | None:
    hello = exchange.hello_of(1 - initiator)
    if hello is None:
        return None
    if chosen.mode is not CommitMode.DH:
        return Transcript.without_dh(hash_, hello, chosen)
    halves = exchange.halves
    if halves is None:
        return None
    total = hash_.hash(hello.raw, chosen.raw, halves[0].raw, halves[1].raw)
    return Transcript(kdf_context=chosen.zid + hello.zid + total)


def _box(chosen: Commit, hash_: HashAlgorithm, s0: Secret, context: bytes) -> Box:
    cipher = DEFAULT.ciphers[chosen.cipher]
    suite = Suite(
        hash=chosen.hash,
        cipher=chosen.cipher,
        auth_tag=chosen.auth_tag,
        key_agreement=chosen.key_agreement,
        sas=chosen.sas,
    )
    salt_bits = DEFAULT.auth_tags[chosen.auth_tag].salt_bits
    keys = StreamKeys.derive(hash_, s0, context, suite, cipher.key_length, salt_bits)
    return Box(hash=hash_, cipher=cipher, keys=keys)


def _open_confirms(exchange: RecordedExchange, box: Box, initiator: int) -> bool:
    """Decrypt what the keys fit; whether they fit anything."""
    opened = False
    for step, side in ((exchange.confirm1, 1 - initiator), (exchange.confirm2, initiator)):
        if step is None or not isinstance(step.message, Confirm1 | Confirm2):
            continue
        message, role = step.message, Role.INITIATOR if side == initiator else Role.RESPONDER
        try:
            plain = box.open(role, message.confirm_mac, message.iv, message.ciphertext)
        except ConfirmRefused:
            continue
        opened = True
        step.check("MAC", True, "with the key that was given")
        try:
            step.plain = read_confirm(plain)
        except MalformedPacket as error:
            exchange.findings.add(Severity.ODD, str(error), "5.7", step.number)
            continue
        exchange.chains[side].complete(step, step.plain.h0)
    return opened


def _unsealed(chosen: Commit, hash_: HashAlgorithm, s0: Secret, context: bytes, box: Box, initiator: int) -> Unsealed:
    both = (box.keys.srtpi, box.keys.srtpr) if initiator == 0 else (box.keys.srtpr, box.keys.srtpi)
    if chosen.mode is CommitMode.MULTISTREAM:
        return Unsealed(sas="", srtp=both, zrtpsess=None)
    session = SessionSecrets.derive(hash_, s0, context)
    rendering = DEFAULT.sas_types.get(chosen.sas)
    sas = "" if rendering is None else rendering.render(session.sashash)
    return Unsealed(sas=sas, srtp=both, zrtpsess=session.zrtpsess)
