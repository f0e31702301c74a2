"""tshark as a second opinion about our packets: its dissector shares no line with our codec."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.pcap_writer import Datagram, write_pcap

COLUMNS = ("udp.srcport", "_ws.malformed", "_ws.expert.message")
NAMES = """
    sequence cookie source_id length signature type version client_source_id hash_image zid
    sigcap mitm passive hc cc ac kc sc hash cipher at keya sas hvi nonce key_id
    rs1id rs2id auxs pbxs hmac cfb error
    ping_version ping_endpointhash pingack_endpointhash ping_ssrc checksum checksum.status
"""
ZRTP_FIELDS = tuple("zrtp." + name for name in NAMES.split())
FIELD_END, VALUE_END = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Row:
    """One packet as tshark sees it."""

    source_port: int
    malformed: bool
    complaints: tuple[str, ...]
    """Whatever tshark's experts remark."""
    fields: dict[str, tuple[str, ...]]
    """Field name without "zrtp." to its values in order of appearance; absent fields are left out."""

    @property
    def kind(self) -> str:
        """The type block as tshark shows it: 8 characters, spaces included."""
        return self.one("type")

    @property
    def checksum_good(self) -> bool:
        return self.one("checksum.status") == "1"

    def one(self, name: str) -> str:
        """The only value of a field."""
        (value,) = self.fields.get(name, ("",))
        return value

    def number(self, name: str) -> int:
        """The only value of a numeric field, decimal or 0x."""
        return int(self.one(name), 0)

    def octets(self, name: str) -> bytes:
        """The only value of an octets field."""
        return bytes.fromhex(self.one(name).removeprefix("0x").replace(":", ""))


def decode(folder: Path, payloads: Iterable[bytes], port: int = 43000) -> list[Row]:
    """What tshark reads in UDP payloads, one row for each that it takes for ZRTP."""
    addresses = ("127.0.0.1", port), ("127.0.0.1", port + 2)
    return decode_pcap(
        write_pcap(
            folder / "payloads.pcap",
            [Datagram(i / 50, *addresses, payload) for i, payload in enumerate(payloads)],
        )
    )


def decode_pcap(path: Path) -> list[Row]:
    """What tshark reads in a capture file, one row for each ZRTP packet."""
    names = [*COLUMNS, *ZRTP_FIELDS]
    command = [shutil.which("tshark") or "tshark", "-r", str(path), "--enable-heuristic", "rtp_udp", "-n"]
    command += ["-Y", "zrtp", "-T", "fields", "-E", f"separator={FIELD_END}", "-E", f"aggregator={VALUE_END}"]
    command += [part for name in names for part in ("-e", name)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if run.returncode:
        raise RuntimeError(f"tshark failed: {run.stderr.strip()}")
    lines = run.stdout.removesuffix("\n").split("\n") if run.stdout else []
    return [_row(dict(zip(names, line.split(FIELD_END), strict=True))) for line in lines]


def _row(cells: dict[str, str]) -> Row:
    def values(name: str) -> Sequence[str]:
        return cells[name].split(VALUE_END) if cells[name] else ()

    return Row(
        source_port=int(cells["udp.srcport"]),
        malformed=bool(cells["_ws.malformed"]),
        complaints=tuple(values("_ws.expert.message")),
        fields={name.removeprefix("zrtp."): tuple(values(name)) for name in ZRTP_FIELDS if cells[name]},
    )
