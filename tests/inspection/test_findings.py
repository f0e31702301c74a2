"""Findings: equal ones are counted, and there is an end to them."""

from __future__ import annotations

from zrtp.inspection.findings import MOST_FINDINGS, Findings, Severity


def test_equal_findings_are_one() -> None:
    findings = Findings()
    findings.add(Severity.ODD, "Something.", "5.2", 3)
    findings.add(Severity.ODD, "Something.", "5.2", 7)
    findings.add(Severity.ODD, "Something.", "RFC 4568")
    assert [(each.section, each.step, each.times) for each in findings] == [
        ("RFC 6189 section 5.2", 3, 2),
        ("RFC 4568", None, 1),
    ]


def test_their_number_is_bounded() -> None:
    findings = Findings()
    for number in range(MOST_FINDINGS + 10):
        findings.add(Severity.NOTE, str(number), "")
    assert len(list(findings)) == MOST_FINDINGS
    assert findings.beyond == 10
