"""The picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.inspection.recordings import report_of, zrtp
from tests.support.cases import every
from tests.support.pcap import CAPTURES
from zrtp.inspection.report import inspect
from zrtp.inspection.svg import MOST_STEPS, svg
from zrtp.wire.messages import Error

SPACE = "{http://www.w3.org/2000/svg}"


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing).iter(f"{SPACE}text")]  # noqa: S314


@every("capture", sorted(CAPTURES.glob("*.pcap")), ids=lambda path: path.stem)
def test_every_report_is_a_picture(capture: Path) -> None:
    drawing = svg(inspect(capture))
    assert texts(drawing)[0] == capture.name
    height = int(ElementTree.fromstring(drawing).get("height", "0"))  # noqa: S314
    ys = [int(each.get("y", "0")) for each in ElementTree.fromstring(drawing).iter(f"{SPACE}text")]  # noqa: S314
    assert max(ys) < height


def test_a_ladder_with_every_message_and_the_verdict() -> None:
    found = texts(svg(inspect(CAPTURES / "lp_default.pcap")))
    assert (
        "ZRTP: Nobody but the two ends could hear this, if they compared their words (SAS), now or in an earlier call."
        in found
    )
    for title in (
        "Hello",
        "HelloACK",
        "Commit",
        "DHPart1",
        "DHPart2",
        "Confirm1",
        "Confirm2",
        "Conf2ACK",
        "Hello again",
    ):
        assert title in found
    assert "alice  127.0.0.1:42000" in found
    assert "33.6 ms" in found


def test_names_cannot_break_out_of_the_document(tmp_path: Path) -> None:
    evil = tmp_path / "a<b>&\x1b.pcap"
    evil.write_bytes((CAPTURES / "lp_default.pcap").read_bytes())
    assert texts(svg(inspect(evil)))[0] == "a<b>&?.pcap"


def test_very_long_exchanges_and_none(tmp_path: Path) -> None:
    many = report_of(tmp_path, zrtp((0, Error.make(code=number).raw) for number in range(MOST_STEPS + 9)))
    assert "and 9 more messages" in texts(svg(many))
    assert texts(svg(report_of(tmp_path, []))) == ["call.pcap", "There is no call in it."]
