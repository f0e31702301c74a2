"""What people read: the text, its ladder, at whatever width."""

from __future__ import annotations

from pathlib import Path

from tests.inspection.exchanges import named
from tests.inspection.recordings import KEY, OTHER_KEY, encrypted, in_clear, lp_default, report_of, signalling
from tests.support.cases import every
from tests.support.frames import ALICE, BOB
from tests.support.pcap import CAPTURES
from zrtp.inspection import keys, text
from zrtp.inspection.lines import Pen
from zrtp.inspection.report import Report, inspect


def shown(report: Report, *, width: int = 80, fields: bool = False, ascii: bool = False) -> list[str]:
    return [line.text for line in text.lines(report, Pen(width=width, ascii=ascii), fields=fields)]


@every("capture", sorted(CAPTURES.glob("*.pcap")), ids=lambda path: path.stem)
def test_every_line_fits_80_columns_and_commands_nothing(capture: Path) -> None:
    for fields in (False, True):
        lines = shown(inspect(capture), fields=fields)
        assert max(map(len, lines)) <= 80
        assert all(line.isprintable() for line in lines)


def test_the_beginning_says_what_it_is_and_who_called_whom() -> None:
    lines = shown(inspect(lp_default()))
    assert lines[0] == "lp_default.pcap: 352 packets, 57.1 kB, 3.2 s from 2026-11-22 19:22:43 UTC"
    assert lines[2] == "CALL  alice@127.0.0.1 -> bob@127.0.0.1"
    assert lines[3] == "     0.000  127.0.0.1:5162 -> 127.0.0.1:5161 UDP  INVITE (SDP, zrtp-hash)"
    assert "STREAM 1  audio, alice 127.0.0.1:42000 <-> bob 127.0.0.1:42050" in lines


def test_where_nothing_can_be_drawn_it_is_drawn_in_ascii() -> None:
    assert all(line.isascii() for line in shown(inspect(lp_default()), ascii=True))


def test_a_wide_and_a_narrow_terminal() -> None:
    assert max(map(len, shown(inspect(lp_default()), width=120))) > 100
    assert max(len(line) for line in shown(inspect(lp_default()), width=40)) <= 76


def test_keys_in_the_signalling_are_marked_and_never_shown(tmp_path: Path) -> None:
    sent = signalling([f"crypto:{KEY}"], [f"crypto:{OTHER_KEY}"]) + encrypted()
    report = report_of(tmp_path, sent)
    lines = list(text.lines(report, Pen()))
    marked = [line for line in lines if line.style == "red" and "INVITE" in line.text]
    assert "INVITE (SDP, keys)" in marked[0].text
    assert "KA9q3" not in "\n".join(line.text for line in lines)


def test_what_keys_opened() -> None:
    given = keys.parse(f"s0 {named('linphone_default').expect.s0.hex()}", "keys")
    lines = "\n".join(shown(inspect(lp_default(), given)))
    assert "alice                  6 ZRTP, 155 RTP, 2 STUN, keys open 152 of 155" in lines
    assert 'the words were "d3jb"' in lines
    assert "decrypted: flags none, secret kept for ever" in lines


def test_a_verdict_has_the_colour_of_its_danger(tmp_path: Path) -> None:
    clear = [line.style for line in text.lines(report_of(tmp_path, in_clear()), Pen()) if "Everybody" in line.text]
    safe = [line.style for line in text.lines(inspect(lp_default()), Pen()) if "Nobody but" in line.text]
    assert (clear, safe) == (["red"], ["green"])


def test_several_streams_are_counted_at_the_beginning() -> None:
    assert shown(inspect(CAPTURES / "lp_video.pcap"))[1] == "  2 streams: 2 ZRTP"


def test_a_capture_without_a_call(tmp_path: Path) -> None:
    assert shown(report_of(tmp_path, [])) == ["call.pcap: no packets", "  There is nothing in it."]
    noise = [((ALICE[0], 53), (BOB[0], 53), b"some other protocol")]
    assert "There is no call in it" in shown(report_of(tmp_path, noise))[1]


def test_an_impossible_time_is_no_accident(tmp_path: Path) -> None:
    report = report_of(tmp_path, in_clear(20))
    report.began = 1e300
    assert "from an impossible time" in shown(report)[0]
