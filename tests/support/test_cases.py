"""One test that goes through many cases says which of them failed, and forgets none."""

from __future__ import annotations

import inspect

import pytest

from tests.support.cases import a_tenth_by_default, every


def test_every_case_runs_and_the_failed_ones_are_named() -> None:
    seen = []

    @every("number", range(6), ids=lambda number: f"case {number}")
    def test(number: int) -> None:
        seen.append(number)
        assert number not in (2, 4)

    with pytest.raises(AssertionError) as caught:
        test()
    assert seen == [0, 1, 2, 3, 4, 5]
    assert caught.value.__notes__ == ["2 of 6 cases failed, this one first: case 2, case 4"]


def test_a_message_does_not_name_thousands() -> None:
    @every("number", range(1000))
    def test(number: int) -> None:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0") as caught:
        test()
    (note,) = caught.value.__notes__
    assert note.startswith("1000 of 1000 cases failed, this one first: 0, 1, 2,")
    assert note.endswith("11 and 988 more")


def test_two_lists_make_every_combination() -> None:
    seen = []

    @every(("left", "right"), [(1, 2), (3, 4)])
    @every("sign", "+-")
    def test(left: int, right: int, sign: str) -> None:
        seen.append(f"{left}{sign}{right}")
        assert (left, sign) != (3, "-")

    with pytest.raises(AssertionError) as caught:
        test()
    assert seen == ["1+2", "1-2", "3+4", "3-4"]
    assert caught.value.__notes__ == [
        "1 of 2 cases failed, this one first: -",
        "1 of 2 cases failed, this one first: 3-4",
    ]


def test_fixtures_and_marks_stay_the_tests_own() -> None:
    @pytest.mark.rfc("outer")
    @every("number", [1])
    @pytest.mark.attack("inner")
    def test(number: int, tmp_path: object) -> None:
        assert number

    assert list(inspect.signature(test).parameters) == ["tmp_path"]
    assert {mark.name for mark in vars(test)["pytestmark"]} == {"rfc", "attack"}


def test_a_case_may_skip_itself_once_the_others_have_passed() -> None:
    @every("number", range(4))
    def test(number: int) -> None:
        if number == 1:
            pytest.skip("no library for 1")
        assert number < wrong

    wrong = 4
    with pytest.raises(pytest.skip.Exception, match="1 of 4 cases, while the others passed: no library for 1"):
        test()
    wrong = 3
    with pytest.raises(AssertionError):
        test()


def test_a_list_without_cases_is_refused() -> None:
    with pytest.raises(ValueError, match="no case of size"):
        every("size", [])


def test_a_tenth_stays_in_the_default_run() -> None:
    cases = a_tenth_by_default([*range(19), pytest.param(19, marks=pytest.mark.attack("x"))])
    late = [case for case in cases if not isinstance(case, int) and pytest.mark.long in case.marks]
    stays = [case for case in cases if case not in late]
    assert len(cases) == 20 and len(late) == 18
    assert [case if isinstance(case, int) else case.values[0] for case in cases] == list(range(20))
    assert stays == [case for case in a_tenth_by_default(range(20)) if isinstance(case, int)]
    assert [case for case in a_tenth_by_default("ab") if isinstance(case, str)]
