"""What the programs share: their command line, a tone, and the one line that they print in the end."""

from __future__ import annotations

import json
import sys
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.tones import pitch, sine
from zrtp.media.events import CallEvent
from zrtp.protocol.config import Config
from zrtp.protocol.events import SasReady, Secured

FAST = Config(key_agreements=(b"X255", b"Mult"))


@dataclass
class Told:
    """What came of the call."""

    local: int
    """Our UDP port."""
    remote: tuple[str, int]
    """Where the other program is."""
    hertz: int
    """The tone that we send."""
    folder: Path
    """Where both programs leave word for each other."""
    heard: array[int] = field(default_factory=lambda: array("h"))
    rate: int = 8000
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def by_command_line(cls) -> Told:
        folder = Path(*sys.argv[4:5])
        return cls(int(sys.argv[1]), ("127.0.0.1", int(sys.argv[2])), int(sys.argv[3]), folder)

    def ready(self) -> None:
        """Let the other program know that it can begin."""
        (self.folder / f"ready-{self.local}").touch()

    @property
    def other_is_ready(self) -> bool:
        return (self.folder / f"ready-{self.remote[1]}").exists()

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, SasReady):
            self.facts["sas"] = event.sas.rendered
        elif isinstance(event, Secured):
            self.facts["suite"] = f"{event.suite.cipher.decode()} {event.suite.auth_tag.decode()}"

    def tone(self, seconds: float) -> array[int]:
        return array("h", sine(self.hertz, seconds, self.rate))

    def tell(self) -> None:
        """The last line of the program."""
        self.facts["samples"] = len(self.heard)
        self.facts["heard"] = pitch(self.heard, self.rate) if self.heard else None
        print(json.dumps(self.facts), flush=True)  # some end by `os._exit`, which loses what is not written yet


def frames(samples: array[int], size: int = 160) -> list[array[int]]:
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
