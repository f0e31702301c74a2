"""One exchange as a ladder."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.recordings import lp_default, report_of, zrtp
from zrtp.inspection import text
from zrtp.inspection.ladder import MOST_REPETITIONS, MOST_STEPS
from zrtp.inspection.lines import Pen
from zrtp.inspection.report import Report, inspect
from zrtp.wire.messages import HELLO_ACK, Error, Kind


def shown(report: Report, *, width: int = 80, fields: bool = False, ascii: bool = False) -> list[str]:
    return [line.text for line in text.lines(report, Pen(width=width, ascii=ascii), fields=fields)]


def test_the_ladder() -> None:
    lines = shown(inspect(lp_default()))
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith("ms   alice"))
    assert lines[start : start + 6] == [
        "      ms   alice                                                    bob",
        "     0.0  │<────────────────────────── Hello ──────────────────────────│ 2937",
        '          │  "BZRTPv1.1" version 1.10, ZID 035f5883ead59f3c56060094    │',
        "          │  S256 | AES1 AES3 | HS80 HS32 | DH3k Mult | B32            │",
        "          │  good: CRC, MAC, zrtp-hash                                 │",
        "    33.6  │────────────────────────── Hello ──────────────────────────>│ 1187",
    ]
    text_of_all = "\n".join(lines)
    assert "ZRTP exchange, secure; DH mode with DH3k, S256, AES1, HS80, B32; alice is the\n  initiator" in text_of_all
    assert "97 ms from the first message to secure; 2\n  repetitions." in text_of_all
    assert "Hello again" in text_of_all


def test_every_field_with_its_place() -> None:
    lines = shown(inspect(lp_default()), fields=True)
    assert any('    12 version "1.10"' in line for line in lines)
    assert any("     80 hashes" not in line and "80   hashes" in line for line in lines)
    assert any("h3 bd91ffa7b26f75d36baaecfa921d96ce57b5d696b8ac7926" in line for line in lines)


def test_repetitions_in_a_row_are_counted(tmp_path: Path) -> None:
    lines = shown(report_of(tmp_path, zrtp([(0, HELLO_ACK.raw)] * 20)))
    assert sum(Kind.HELLO_ACK.text in line for line in lines) == 1 + MOST_REPETITIONS
    assert f"          │  and {19 - MOST_REPETITIONS} more repetitions" in lines


def test_a_long_exchange_is_cut_short(tmp_path: Path) -> None:
    errors = [(0, Error.make(code=number).raw) for number in range(MOST_STEPS + 20)]
    lines = shown(report_of(tmp_path, zrtp(errors)))
    assert sum("─ Error ─" in line for line in lines) == MOST_STEPS
    assert "          │  and 20 more messages" in lines
