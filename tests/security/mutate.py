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
        "media/srtp_transform.py",
        "if not hmac.compare_digest(self._tag(data, len(tag)), tag):",
        "if False:",
        ("media/test_srtp_transform.py", "media/test_srtp.py"),
    ),
    Mutant(
        "SRTP replay",
        "media/replay.py",
        "if self._used >> age & 1:",
        "if False:",
        ("media/test_replay.py",),
    ),
    Mutant(
        "SRTP replay window",
        "media/replay.py",
        "if age >= WINDOW:",
        "if False:",
        ("media/test_replay.py",),
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
        "if not self._bucket.take(now):",
        "if False:",
        ("protocol/test_stream.py", "protocol/test_discovery.py"),
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


def main(names: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    missed = 0
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            for mutant, failed in zip(chosen, pool.map(noticed_by, chosen), strict=True):
                print(f"{mutant.name:<50} {failed or 'NOT NOTICED'}", flush=True)
                missed += failed is None
    finally:
        for folder in _made:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(chosen)} checks removed one at a time, {len(chosen) - missed} noticed by a test, {missed} not.")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
