"""Take the security checks out one at a time, and see a test fail for each.

    python -m tests.security.mutate [NAME ...]

Each entry names a check, where it stands, and what the code becomes without it. The change is made in a copy of the
package; the tests of the named modules run there until the first failure, which is printed. A check whose absence no
test notices, or which is no longer found, fails the run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import local

ROOT = Path(__file__).parent.parent.parent
WORKERS = 2
SECONDS = 240
"""A change after which the tests never end counts as noticed."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One check and its absence."""

    name: str
    file: str
    """Below zrtp/."""
    check: str
    """A fragment that stands there once."""
    without: str
    tests: tuple[str, ...]
    """Modules below tests/, the likeliest first."""


MUTANTS = (
    Mutant(
        "hvi",
        "protocol/key_schedule.py",
        "if committed is None or not hmac.compare_digest(hvi(hash_, dhpart2.raw, own_hello.raw), committed):",
        "if committed is None:",
        ("protocol/test_agreement.py", "protocol/test_key_schedule.py"),
    ),
    Mutant(
        "hash chain",
        "protocol/hash_chain.py",
        "return hmac.compare_digest(value, image)",
        "return True",
        ("protocol/test_hash_chain.py",),
    ),
    Mutant(
        "H2 continues the Hello",
        "protocol/hash_chain.py",
        'raise ChainBroken("H2 does not belong to the Hello")',
        "pass",
        ("protocol/test_hash_chain.py", "protocol/test_commitment.py", "protocol/test_agreement.py"),
    ),
    Mutant(
        "source of Commit",
        "protocol/commitment.py",
        "if candidate.ssrc != ssrc:",
        "if False:",
        ("protocol/test_commitment.py",),
    ),
    Mutant(
        "H1 of DHPart2 continues the Commit",
        "protocol/hash_chain.py",
        'raise ChainBroken("H1 does not belong to the Commit")',
        "pass",
        ("protocol/test_hash_chain.py", "protocol/test_agreement.py"),
    ),
    Mutant(
        "H0 of Confirm continues DHPart",
        "protocol/hash_chain.py",
        'raise ChainBroken("H0 does not belong to the DHPart message")',
        "pass",
        ("protocol/test_hash_chain.py", "protocol/test_confirmation.py"),
    ),
    Mutant(
        "H0 of a Multistream Confirm continues the Hello",
        "protocol/hash_chain.py",
        "    verify_hello(hello, sha256(sha256(h0)))\n",
        "",
        ("protocol/test_hash_chain.py", "protocol/test_confirmation.py"),
    ),
    Mutant(
        "H0 of a Multistream Confirm continues the Commit",
        "protocol/hash_chain.py",
        "    verify_commit(commit, sha256(h0))\n",
        "",
        ("protocol/test_hash_chain.py", "protocol/test_confirmation.py"),
    ),
    Mutant(
        "MACs of Hello, Commit and DHPart",
        "protocol/hash_chain.py",
        "if not hmac.compare_digest(message_mac(key, message.covered), message.mac):",
        "if False:",
        ("protocol/test_hash_chain.py",),
    ),
    Mutant(
        "Confirm MAC",
        "protocol/confirm.py",
        "if not hmac.compare_digest(self._mac(role, ciphertext), mac):",
        "if False:",
        ("protocol/test_confirmation.py",),
    ),
    Mutant(
        "ZID of Commit",
        "protocol/commitment.py",
        "if commit.zid != candidate.hello.zid:",
        "if False:",
        ("protocol/test_commitment.py",),
    ),
    Mutant(
        "equal ZIDs",
        "protocol/discovery.py",
        "if hello.zid == stream.session.zid:",
        "if False:",
        ("protocol/test_discovery.py",),
    ),
    Mutant(
        "zrtp-hash",
        "protocol/discovery.py",
        "if expected is None or hmac.compare_digest(sha256(candidate.hello.raw), expected):",
        "if True:",
        ("protocol/test_discovery.py",),
    ),
    Mutant(
        "offered algorithms",
        "protocol/negotiation.py",
        "if code not in offered and not (implied and code in mandatory):",
        "if False:",
        ("protocol/test_negotiation.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "one key agreement in a call",
        "protocol/commitment.py",
        "    elif session.zrtpsess is not None:\n        raise",
        "    elif False:\n        raise",
        ("protocol/test_commitment.py",),
    ),
    Mutant(
        "nonce",
        "protocol/nonces.py",
        "if commit.nonce in self._used:",
        "if False:",
        ("protocol/test_nonces.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "range of a finite-field public value",
        "crypto/key_agreements/finite_field.py",
        'if not 1 < int.from_bytes(pv, "big") < self.prime - 1:',
        "if False:",
        ("crypto/key_agreements", "crypto"),
    ),
    Mutant(
        "range of a point's coordinates",
        "crypto/key_agreements/elliptic.py",
        "if x >= self.prime or y >= self.prime or x == y == 0:",
        "if False:",
        ("crypto/key_agreements", "crypto"),
    ),
    Mutant(
        "all-zero secret",
        "crypto/key_agreements/base.py",
        "if len(result) != length or not any(result):\n        refuse",
        "if False:\n        refuse",
        ("crypto/key_agreements", "crypto"),
    ),
    Mutant(
        "own public value reflected",
        "crypto/key_agreements/diffie_hellman.py",
        "if agreement.same_point(pv, self.public_value):",
        "if False:",
        ("crypto/key_agreements", "crypto"),
    ),
    Mutant(
        "mismatch gate",
        "protocol/retention.py",
        "self.held_back = not self.loaded or (mismatch and not outcome.authenticated)",
        "self.held_back = not self.loaded",
        ("protocol/test_retention.py", "protocol/test_session.py"),
    ),
    Mutant(
        "no verdict makes a compromised call good",
        "protocol/session.py",
        'if self.compromised:\n            raise ApiMisuse("The SAS of this call was found to differ; only',
        'if False:\n            raise ApiMisuse("The SAS of this call was found to differ; only',
        ("protocol/test_session.py",),
    ),
    Mutant(
        "SAS only after both Confirms",
        "protocol/session.py",
        "        if self.sas is None:\n            raise ApiMisuse",
        "        if False:\n            raise ApiMisuse",
        ("protocol/test_session.py",),
    ),
    Mutant(
        "gate for clear media",
        "protocol/stream.py",
        "if self.state in IN_EXCHANGE or self.state in (State.SECURE, State.GOCLEAR_SENT, State.CLEAR_PENDING):",
        "if False:",
        ("protocol/test_stream.py", "protocol/test_ending.py"),
    ),
    Mutant(
        "gate for SRTP",
        "media/secure.py",
        "if self._sender is not None:\n            return self.stream.sending is Sending.SRTP",
        "if self._sender is not None:\n            return True",
        ("media/test_secure.py",),
    ),
    Mutant(
        "no SRTP before Conf2ACK",
        "protocol/confirmation.py",
        "    stream.hand_over_keys()\n    stream.send_repeatedly(confirm2, T2, now)\n",
        "    stream.hand_over_keys()\n    stream.set_sending(Sending.SRTP)\n"
        "    stream.send_repeatedly(confirm2, T2, now)\n",
        ("protocol/test_confirmation.py",),
    ),
    Mutant(
        "GoClear MAC",
        "protocol/clearing.py",
        "if not hmac.compare_digest(expected, message.clear_mac):",
        "if False:",
        ("protocol/test_clearing.py",),
    ),
    Mutant(
        "GoClear only if we allowed it",
        "protocol/clearing.py",
        "if not own.allow_clear or own.enrolment or present(exchange.peer_plain).enrolment:",
        "if False:",
        ("protocol/test_clearing.py",),
    ),
    Mutant(
        "relayed SAS only from a declared server",
        "protocol/relaying.py",
        "if not exchange.peer.hello.mitm:",
        "if False:",
        ("security/test_attacks_relay.py", "protocol/test_relaying.py"),
    ),
    Mutant(
        "relayed SAS only from an enrolled server",
        "protocol/relaying.py",
        "if exchange.matched.s3 is None:",
        "if False:",
        ("security/test_attacks_relay.py", "protocol/test_relaying.py"),
    ),
    Mutant(
        "enrolment only by the user",
        "protocol/session.py",
        "        if self.enrol:\n            self.retention.store_pbxsecret",
        "        if True:\n            self.retention.store_pbxsecret",
        ("protocol/test_relaying.py", "security/test_attacks_relay.py"),
    ),
    Mutant(
        "an Error needs a grace period",
        "protocol/ending.py",
        "now + limits.ERROR_GRACE * stream.endpoint.config.timer_scale",
        "now",
        ("protocol/test_ending.py",),
    ),
    Mutant(
        "length of a fragmented message",
        "wire/fragments.py",
        "if 4 * fragment.total_words > self._limit_octets:",
        "if False:",
        ("wire/test_fragments.py",),
    ),
    Mutant(
        "frame of a fragmented message",
        "protocol/stream.py",
        "            check_frame(message)\n",
        "            pass\n",
        ("protocol/test_fragmented_messages.py",),
    ),
    Mutant(
        "place of a fragment",
        "wire/fragments.py",
        "if fragment.offset_words + words > fragment.total_words:",
        "if False:",
        ("wire/test_fragments.py",),
    ),
    Mutant(
        "overlapping fragments",
        "wire/fragments.py",
        'raise MalformedPacket("Two fragments of one message overlap.")',
        "pass",
        ("wire/test_fragments.py",),
    ),
    Mutant(
        "CRC",
        "wire/packet.py",
        "raise BadChecksum",
        "_ = BadChecksum",
        ("wire/test_packet.py",),
    ),
    Mutant(
        "SRTP tag",
        "media/srtp/transforms.py",
        "if not hmac.compare_digest(self._tag(data, len(tag)), tag):",
        "if False:",
        ("media/srtp/test_transforms.py", "media/srtp/test_srtp.py"),
    ),
    Mutant(
        "SRTP replay",
        "media/srtp/replay.py",
        "if self._used >> age & 1:",
        "if False:",
        ("media/srtp/test_replay.py",),
    ),
    Mutant(
        "SRTP replay window",
        "media/srtp/replay.py",
        "if age >= WINDOW:",
        "if False:",
        ("media/srtp/test_replay.py",),
    ),
    Mutant(
        "answers to duplicates are bounded",
        "protocol/stream.py",
        "if times < limits.DUPLICATE_ANSWERS:",
        "if True:",
        ("protocol/test_stream.py",),
    ),
    Mutant(
        "answers to strangers are bounded",
        "protocol/stream.py",
        "if not self._bucket.take(now, 0.0 if message is HELLO_ACK else limits.KEPT_FOR_HELLO_ACK):",
        "if False:",
        ("protocol/test_stream.py", "protocol/test_discovery.py"),
    ),
    Mutant(
        "Commit goes to whoever acknowledged our Hello",
        "protocol/commitment.py",
        "next((known for known in candidates if known.ssrc == stream.acknowledged_by), candidates[0])",
        "candidates[0]",
        ("security/test_discovery_under_attack.py",),
    ),
    Mutant(
        "Hello is repeated for a peer that did not get it",
        "protocol/discovery.py",
        "        stream.retransmission.preceded_by = stream.hello\n",
        "        pass\n",
        ("protocol/test_discovery.py",),
    ),
    Mutant(
        "MAC of Hello",
        "protocol/hash_chain.py",
        "    _verify_mac(h2, hello)\n",
        "",
        ("protocol/test_hash_chain.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "MAC of Commit",
        "protocol/hash_chain.py",
        "    _verify_mac(h1, commit)\n",
        "",
        ("protocol/test_hash_chain.py", "protocol/test_agreement.py"),
    ),
    Mutant(
        "MAC of DHPart",
        "protocol/hash_chain.py",
        "    _verify_mac(h0, dhpart)\n",
        "",
        ("protocol/test_hash_chain.py", "protocol/test_confirmation.py"),
    ),
    Mutant(
        "MAC keys go by role",
        "protocol/key_schedule.py",
        "return self.mackeyi if role is Role.INITIATOR else self.mackeyr",
        "return self.mackeyi",
        ("protocol/test_confirm.py", "security/test_attacks_goclear.py"),
    ),
    Mutant(
        "cipher keys go by role",
        "protocol/key_schedule.py",
        "return self.zrtpkeyi if role is Role.INITIATOR else self.zrtpkeyr",
        "return self.zrtpkeyi",
        ("protocol/test_confirm.py", "test_vectors.py"),
    ),
    Mutant(
        "SRTP keys go by role",
        "protocol/key_schedule.py",
        "return self.srtpi if role is Role.INITIATOR else self.srtpr",
        "return self.srtpi",
        ("protocol/test_key_schedule.py", "protocol/test_confirmation.py"),
    ),
    Mutant(
        "own Hello reflected",
        "protocol/discovery.py",
        "if hello.raw == stream.hello.raw:",
        "if False:",
        ("protocol/test_discovery.py",),
    ),
    Mutant(
        "a further stream commits to the peer's ZID only",
        "protocol/commitment.py",
        " if peer_zid in (None, known.hello.zid)]",
        "]",
        ("security/test_one_peer.py",),
    ),
    Mutant(
        "one exchange of a call at a time",
        "protocol/session.py",
        "if stream.state in IN_EXCHANGE and stream.mode not in (None, Mode.MULTISTREAM):",
        "if False:",
        ("security/test_one_peer.py",),
    ),
    Mutant(
        "a Multistream Commit is the peer's",
        "protocol/session.py",
        " or commit.zid != self.peer_zid:",
        ":",
        ("protocol/test_commitment.py", "protocol/test_session.py"),
    ),
    Mutant(
        "source of a message of the exchange",
        "protocol/stream.py",
        "if self.exchange is not None and ssrc != self.exchange.peer.ssrc and not self._may_be_the_peers(kind, ssrc):",
        "if False:",
        ("protocol/test_stream.py", "protocol/test_ending.py"),
    ),
    Mutant(
        "our own SSRC",
        "protocol/stream.py",
        "        if ssrc == self.ssrc:\n            self._own_ssrc",
        "        if False:\n            self._own_ssrc",
        ("protocol/test_discovery.py", "protocol/test_stream.py"),
    ),
    Mutant(
        "Error about a malformed packet to the peer only",
        "protocol/stream.py",
        "if self.state in IN_EXCHANGE and self._knows(ssrc) and not recent:",
        "if self.state in IN_EXCHANGE and not recent:",
        ("security/test_strangers.py",),
    ),
    Mutant(
        "fragments of the peer only",
        "protocol/stream.py",
        "if limit == 0 or not self._knows(fragment.ssrc):",
        "if limit == 0:",
        ("security/test_strangers.py",),
    ),
    Mutant(
        "HelloACK of a known source only",
        "protocol/discovery.py",
        "if all(ssrc != known.ssrc for known in stream.candidates.values()):",
        "if False:",
        ("security/test_discovery_under_attack.py",),
    ),
    Mutant(
        "HelloACK of whoever sent the Hello",
        "protocol/discovery.py",
        "if stream.state in (State.HELLO_ACKED, State.QUIET) and stream.acknowledged_by != candidate.ssrc:",
        "if False:",
        ("security/test_discovery_under_attack.py",),
    ),
    Mutant(
        "length of a public value",
        "crypto/key_agreements/base.py",
        "if len(octets) != length:",
        "if False:",
        ("crypto/key_agreements",),
    ),
    Mutant(
        "lineage of a Preshared secret",
        "protocol/retention.py",
        "            and record.trusted_lineage\n",
        "",
        ("protocol/test_retention.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "Preshared calls in a row",
        "protocol/retention.py",
        "            and record.preshared_count < self._endpoint.config.preshared_limit\n",
        "",
        ("protocol/test_retention.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "keyID",
        "protocol/commitment.py",
        'if found is None and Secret(key_id(exchange.hash, key)) == Secret(exchange.commit.key_id or b""):',
        "if found is None:",
        ("protocol/test_commitment.py",),
    ),
    Mutant(
        "signature of the SAS",
        "protocol/signing.py",
        '        stream.warn(WarningCode.SIGNATURE_INVALID, f"The other side\'s signature is wrong: {error}", now)\n'
        "        raise\n",
        '        signer = b""\n',
        ("protocol/test_signatures.py",),
    ),
    Mutant(
        "clear media stops when we commit",
        "protocol/commitment.py",
        "    stream.set_sending(Sending.BLOCKED)\n    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.INITIATOR))",
        "    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.INITIATOR))",
        ("protocol/test_commitment.py", "media/test_secure.py"),
    ),
    Mutant(
        "clear media stops when the peer commits",
        "protocol/commitment.py",
        "    stream.set_sending(Sending.BLOCKED)\n    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.RESPONDER))",
        "    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.RESPONDER))",
        ("security/test_gates.py",),
    ),
    Mutant(
        "plain RTP after secure is dropped",
        "media/secure.py",
        "            octets = self._unprotected(self._receiver, datagram, now)\n",
        "            octets = self._unprotected(self._receiver, datagram, now) or datagram\n",
        ("media/test_secure.py",),
    ),
    Mutant(
        "V flag only with a match",
        "protocol/session.py",
        "return exchange.matched.s1 is not None and record is not None and record.verified",
        "return record is not None and record.verified",
        ("protocol/test_session.py", "protocol/test_retained_secrets.py", "protocol/test_whole_calls.py"),
    ),
    Mutant(
        "verified only if both remember it",
        "protocol/session.py",
        "            and self.peer_plain.verified\n        )",
        "        )",
        ("protocol/test_session.py", "protocol/test_retained_secrets.py"),
    ),
    Mutant(
        "an Error has no effect without an exchange",
        "protocol/transitions.py",
        "Kind.ERROR: Go(ending.on_error_without_effect, (state,)),",
        "Kind.ERROR: Go(ending.on_error, (state,)),",
        ("protocol/test_ending.py", "protocol/test_transitions.py"),
    ),
    Mutant(
        "least authentication tag",
        "protocol/negotiation.py",
        "return config.minimum_auth_tags is None or auth_tag in config.minimum_auth_tags",
        "return True",
        ("protocol/test_negotiation.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "EC38 needs a hash of 384 bits",
        "protocol/negotiation.py",
        'if commit.key_agreement in (b"EC38", b"E414") and commit.hash not in P384_HASHES:',
        "if False:",
        ("protocol/test_negotiation.py",),
    ),
    Mutant(
        "counts of algorithms in Hello",
        "wire/messages.py",
        "if word & _COUNTS_ABOVE_SEVEN:",
        "if False:",
        ("wire/test_messages.py",),
    ),
    Mutant(
        "length of a signature",
        "wire/messages.py",
        "    if 4 * words != len(octets):\n",
        "    if False:\n",
        ("wire/test_messages.py",),
    ),
    Mutant(
        "length word of a message",
        "wire/packet.py",
        "    if 4 * words != octets:\n",
        "    if False:\n",
        ("wire/test_packet.py",),
    ),
    Mutant(
        "length word of a fragment",
        "wire/packet.py",
        "    if 4 * words != len(data):\n",
        "    if False:\n",
        ("wire/test_packet.py",),
    ),
    Mutant(
        "half-open exchanges",
        "protocol/endpoint.py",
        "if len(self._half_open) > self.config.half_open_limit:",
        "if False:",
        ("protocol/test_endpoint.py", "protocol/test_commitment.py"),
    ),
    Mutant(
        "candidate Hellos",
        "protocol/discovery.py",
        "if key not in candidates and len(candidates) >= limits.CANDIDATES:",
        "if False:",
        ("protocol/test_discovery.py",),
    ),
    Mutant(
        "MAC of a late GoClear",
        "protocol/clearing.py",
        "if late is None or not hmac.compare_digest(late.clear_mac, message.clear_mac):",
        "if late is None:",
        ("protocol/test_clearing.py", "security/test_attacks_goclear.py"),
    ),
    Mutant(
        "a crossing GoClear does not count",
        "protocol/clearing.py",
        "    if late.counts:\n",
        "    if True:\n",
        ("security/test_attacks_goclear.py", "protocol/test_clearing.py"),
    ),
    Mutant(
        "no RTP before the user agrees",
        "protocol/clearing.py",
        "        stream.set_sending(Sending.BLOCKED)\n",
        "        stream.set_sending(Sending.CLEAR)\n",
        ("protocol/test_clearing.py", "security/test_attacks_goclear.py"),
    ),
    Mutant(
        "no export after GoClear",
        "protocol/clearing.py",
        "    session.forget_exported_key()\n",
        "",
        ("security/test_attacks_goclear.py",),
    ),
    Mutant(
        "s0 is wiped",
        "protocol/confirmation.py",
        "    s0.wipe()\n",
        "",
        ("protocol/test_confirmation.py",),
    ),
    Mutant(
        "secrets are not printed",
        "secret.py",
        'return f"Secret(<{len(self._octets)} octets>)"',
        'return f"Secret({self._octets.hex()})"',
        ("security/test_key_octets.py", "protocol/test_key_schedule.py"),
    ),
    Mutant(
        "two directions do not share a key",
        "media/srtp/__init__.py",
        "if send.key == receive.key:",
        "if False:",
        ("media/srtp/test_srtp.py",),
    ),
    Mutant(
        "another relayed SAS withdraws the verdict",
        "protocol/session.py",
        "        if changed and compared:\n            self._verdict = False\n",
        "",
        ("security/test_attacks_relay.py",),
    ),
    Mutant(
        "enrolment needs evidence",
        "protocol/session.py",
        "if self.assurance in doubtful and not despite_unverified:",
        "if False:",
        ("protocol/test_relaying.py", "security/test_attacks_relay.py"),
    ),
    Mutant(
        "call in clear is not verified",
        "protocol/session.py",
        "if self.sas is None or all(stream.state is not State.SECURE for stream in self.streams):",
        "if self.sas is None:",
        ("security/test_attacks_goclear.py",),
    ),
    Mutant(
        "gate for SRTP of a closed stream",
        "protocol/stream.py",
        "        if self.sending is Sending.SRTP:\n            self.set_sending(Sending.BLOCKED)\n",
        "",
        ("protocol/test_stream.py", "security/test_stateful.py"),
    ),
)

_folders = local()


def noticed_by(mutant: Mutant) -> str | None:
    """The first test that fails without the check; None if all pass."""
    folder = _workspace()
    path = folder / "zrtp" / mutant.file
    source = path.read_text()
    if source.count(mutant.check) != 1:
        raise LookupError(f"zrtp/{mutant.file} does not contain this check exactly once any more: {mutant.check}")
    path.write_text(source.replace(mutant.check, mutant.without))
    try:
        for module in mutant.tests:
            if not (folder / "tests" / module).exists():
                continue
            failed = _first_failure(folder, f"tests/{module}")
            if failed is not None:
                return failed
    finally:
        path.write_text(source)
    return None


def _first_failure(folder: Path, module: str) -> str | None:
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", module]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"{module} (did not end)"
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    if found is not None:
        return found[1]
    return None if run.returncode == 0 else f"{module} (exit code {run.returncode})"


def _workspace() -> Path:
    """A copy of the package and its tests for this worker."""
    folder: Path | None = getattr(_folders, "path", None)
    if folder is None:
        folder = _folders.path = Path(tempfile.mkdtemp(prefix="zrtp-mutants-"))
        ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
        for name in ("zrtp", "tests", "vectors"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)
        _made.append(folder)
    return folder


_made: list[Path] = []


def clean() -> None:
    """Remove the copies."""
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)
    vars(_folders).clear()


def main(names: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    missed = 0
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            for mutant, failed in zip(chosen, pool.map(noticed_by, chosen), strict=True):
                print(f"{mutant.name:<50} {failed or 'NOT NOTICED'}", flush=True)
                missed += failed is None
    finally:
        clean()
    print(f"{len(chosen)} checks removed one at a time, {len(chosen) - missed} noticed by a test, {missed} not.")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
