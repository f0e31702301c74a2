"""The hash chain of one side as it is revealed, and the MACs that become checkable by it (RFC 6189 section 9).

H3 stands in Hello, H2 in Commit, H1 in DHPart, and H0 in Confirm, encrypted. Whoever sees H1 also knows H2 and H3,
so each preimage opens all earlier messages.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from zrtp.crypto.hashes import sha256
from zrtp.inspection.findings import Findings, Severity
from zrtp.inspection.steps import Step
from zrtp.protocol.hash_chain import message_mac
from zrtp.wire.messages import Commit, DHPart1, DHPart2, Hello


class Chain:
    """One side's messages that are part of a chain."""

    def __init__(self, findings: Findings, name: str) -> None:
        self._findings = findings
        self._name = name
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        """Take a message, and check what it reveals against the earlier ones."""
        message = step.message
        match message:
            case Commit():
                self._reveal(step, 2, message.h2, "Commit")
            case DHPart1() | DHPart2():
                self._reveal(step, 1, message.h1, message.kind.text)
        self._steps.append(step)

    def complete(self, step: Step, h0: bytes) -> bool:
        """The same for H0 of a Confirm that was decrypted; whether it fits everything."""
        return self._reveal(step, 0, h0, step.title)

    def _reveal(self, step: Step, level: int, preimage: bytes, source: str) -> bool:
        """Check the preimage H<level> against all images above it, and the MACs that are keyed with them."""
        fits = []
        for earlier, image_level, image in self._images():
            key = preimage
            for _ in range(image_level - level - 1):
                key = sha256(key)
            if image_level <= level:
                continue
            if not hmac.compare_digest(sha256(key), image):
                fits.append((earlier, False))
                continue
            fits.append((earlier, True))
            self._check_mac(earlier, key, f"H{image_level - 1}, from {source}")
        if not fits:
            return True
        if any(good for _, good in fits):
            step.check(f"H{level}", True, f"hashes to what {_titles(fits)} said")
            return True
        step.check(f"H{level}", False, f"does not hash to what {fits[-1][0].title} said")
        self._findings.add(
            Severity.SERIOUS,
            f"H{level} in {source} of {self._name} does not continue the hash chain of its {fits[-1][0].title}: it is "
            "from somebody else, or was changed on the way.",
            "9",
            step.number,
        )
        return False

    def _images(self) -> Iterator[tuple[Step, int, bytes]]:
        for step in self._steps:
            match step.message:
                case Hello(h3=image):
                    yield step, 3, image
                case Commit(h2=image):
                    yield step, 2, image
                case DHPart1(h1=image) | DHPart2(h1=image):
                    yield step, 1, image

    def _check_mac(self, step: Step, key: bytes, by: str) -> None:
        message = step.message
        if not isinstance(message, Hello | Commit | DHPart1 | DHPart2):
            return
        good = hmac.compare_digest(message_mac(key, message.covered), message.mac)
        step.check("MAC", good, f"keyed with {by}")
        if not good:
            self._findings.add(
                Severity.SERIOUS,
                f"The MAC of {step.title} of {self._name} is wrong: it was changed on the way.",
                "9",
                step.number,
            )


def _titles(fits: list[tuple[Step, bool]]) -> str:
    return " and ".join(dict.fromkeys(step.title for step, good in fits if good))
