"""The figures as JSON, as lines, as a chart, and against the targets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.bench import chart, collect, loss, report
from tests.bench.libbzrtp import NotMeasurable
from tests.bench.measure import Timing
from tests.bench.results import Results, as_json
from tests.bench.scale import Jitter
from tests.bench.targets import Judgement, Target, targets

SVG = "{http://www.w3.org/2000/svg}"


class FakeLibbzrtp:
    """Always takes a millisecond."""

    def measure(self, _suite: str, times: int) -> Timing:
        return Timing((0.001,) * times)

    def __enter__(self) -> FakeLibbzrtp:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """Everything measured once, in the smallest way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "Libbzrtp", FakeLibbzrtp)
        patch.setattr(collect, "PACKET_REPEATS", 1)
        patch.setattr(collect, "IMPORTS", 1)
        patch.setattr(collect, "SOUND_SECONDS", 0.1)
        measured = Results()
        collect.handshakes(measured, ["X255", "EC25", "Mult"], 1, lambda _: None)
        collect.packets(measured, lambda _: None)
        collect.scaling(measured, 4, lambda _: None)
        patch.setattr(loss, "RATES", (0.0, 0.3))
        patch.setattr(loss, "SUITES", ((b"X1M2", 600),))
        collect.losses(measured, 2, lambda _: None)
        yield measured


def test_json_has_every_figure_with_its_unit(results: Results) -> None:
    described = json.loads(json.dumps(as_json(results)))

    row = next(row for row in described["handshakes"] if (row["suite"], row["mode"]) == ("X255", "dh"))
    assert set(row) == {
        *("suite", "mode", "cpu_ms", "wall_ms", "floor_ms", "openssl_ms", "openssl_share", "outside_ms"),
        *(
            "packets",
            "octets",
            "python_calls",
            "hashes",
            "macs",
            "memory_octets",
            "libbzrtp_ms",
            "ratio_to_libbzrtp",
            "ratio_to_floor",
        ),
    }
    assert set(row["cpu_ms"]) == {"median", "low", "high", "repeats"}
    assert row["cpu_ms"]["repeats"] == collect.ROUNDS
    assert row["ratio_to_libbzrtp"] == pytest.approx(row["cpu_ms"]["low"], rel=1e-3)
    assert {row["profile"] for row in described["packets"]} >= {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"}
    assert described["crowd"]["sessions"] == 4
    assert described["import"]["unwanted"] == []
    assert described["jitter"]["busy_ms"]["p99"] >= 0
    assert [(row["suite"], row["loss"], row["runs"]) for row in described["loss"]] == [
        ("X1M2", 0.0, 2),
        ("X1M2", 0.3, 2),
    ]
    assert described["crc32c"] in ("c", "python")


def test_a_further_stream_has_no_floor(results: Results) -> None:
    (row,) = [row for row in as_json(results)["handshakes"] if row["suite"] == "Mult"]

    assert row["floor_ms"] is row["ratio_to_floor"] is None
    assert row["ratio_to_libbzrtp"] > 0


def test_lines_fit_a_terminal_of_80_columns(results: Results) -> None:
    lines = [line for _, section in report.sections(results) for line in section]
    lines += [line for _, section in report.places(results.handshakes) for line in section]
    lines += report.targets(targets(results))

    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.startswith(("X255  dh", "X255  known peer"))]) == 4
    assert any("AES_CM_128_HMAC_SHA1_80" in line for line in lines)
    assert any("3+3 datagrams" in line for line in lines)


def test_without_libbzrtp_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise NotMeasurable("a C compiler is missing: apt install gcc")

    monkeypatch.setattr(collect, "Libbzrtp", fail)
    measured = Results()
    collect.handshakes(measured, ["Mult"], 1, lambda _: None)

    assert "libbzrtp was not measured: a C compiler is missing: apt install gcc" in list(report.notes(measured))
    assert as_json(measured)["without_libbzrtp"].startswith("a C compiler")
    assert measured.handshakes[0].ratio is None


def test_the_chart_is_a_whole_svg_document_with_a_bar_for_each_ratio(results: Results) -> None:
    document = ElementTree.fromstring(chart.svg(results))  # noqa: S314 - our own

    assert document.tag == f"{SVG}svg"
    bars = document.findall(f"{SVG}rect")
    assert len(bars) == 1 + 3, "X255 beside libbzrtp; X255 twice and EC25 beside OpenSSL"
    assert all(float(bar.attrib["x"]) + float(bar.attrib["width"]) < chart.WIDTH for bar in bars)
    assert "X255 dh" in [text.text for text in document.findall(f"{SVG}text")]


def test_an_empty_chart_is_a_document_too() -> None:
    assert ElementTree.fromstring(chart.svg(Results())).tag == f"{SVG}svg"  # noqa: S314


def test_every_target_is_judged(results: Results) -> None:
    listed = {target.name: target for target in targets(results)}

    assert listed["DH3k handshake"].judgement is Judgement.UNKNOWN
    assert listed["X255 handshake"].judgement is not Judgement.UNKNOWN
    assert listed["timers of idle secure sessions"].judgement is Judgement.MET
    assert listed["asyncio, sqlite3 in the engine"].judgement is Judgement.MET
    assert len(report.targets(list(listed.values()))) == len(listed) == 17


def test_without_figures_nothing_is_met_or_missed() -> None:
    assert {target.judgement for target in targets(Results())} == {Judgement.UNKNOWN}


@pytest.mark.parametrize(
    ("value", "judgement"),
    [(None, Judgement.UNKNOWN), (0.0, Judgement.MET), (2.0, Judgement.MET), (2.1, Judgement.MISSED)],
)
def test_a_limit_may_be_reached_and_not_exceeded(value: float | None, judgement: Judgement) -> None:
    assert Target(name="n", unit="ms", limit=2.0, value=value).judgement is judgement


def test_lateness_counts_only_what_handshakes_add() -> None:
    still, late = Timing((0.001,) * 100), Timing((0.001,) * 98 + (0.004, 0.004))
    added = next(
        target.value
        for target in targets(Results(jitter=Jitter(quiet=still, busy=late, handshakes=3)))
        if target.name.startswith("lateness")
    )

    assert added == pytest.approx(3.0)
