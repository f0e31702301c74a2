"""Many cases of one fact in one test.

    @every("size", range(40))
    def test_a_truncated_message_is_refused(size: int) -> None: ...

`pytest.mark.parametrize` makes a test of each case, and thousands of those cost more time to collect and to report
than to run. Here one test goes through all of its cases, and a failure names every case that failed. Where a case
needs a mark or a fresh fixture of its own, `parametrize` stays the right choice.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]
ParameterSet = type(pytest.param())
Ids = Callable[[Any], object] | Iterable[str] | None

SEED = 2
"""Chooses the cases that the default run takes from the long tests."""

NAMED = 12
"""How many failed cases a message names; the others it counts."""


def every(names: str | Sequence[str], cases: Iterable[Any], ids: Ids = None) -> Callable[[Test], Test]:
    """Run a test with every case, as `parametrize` takes them.

    The first failure is raised after the last case, with a note that names all cases that failed. Cases that skip
    themselves are counted in the reason of a skip, once all others have passed.
    """
    fields = [names] if isinstance(names, str) else list(names)
    alone = isinstance(names, str)
    chosen = list(cases)
    if not chosen:
        raise ValueError(f"There is no case of {', '.join(fields)}, so the test could not fail.")
    titles = _titles(chosen, alone, ids)
    arguments = [dict(zip(fields, _values(case, alone), strict=True)) for case in chosen]

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            failed: dict[str, Exception] = {}
            skipped: list[str] = []
            for title, values in zip(titles, arguments, strict=True):
                try:
                    test(*args, **fixtures, **values)
                except pytest.skip.Exception as reason:
                    skipped.append(str(reason))
                except Exception as error:
                    failed.setdefault(title, error)
            if failed:
                first = next(iter(failed.values()))
                first.add_note(_note(list(failed), len(chosen)))
                raise first
            if skipped:
                pytest.skip(f"{len(skipped)} of {len(chosen)} cases, while the others passed: {skipped[0]}")

        signature = inspect.signature(test)
        rest = [value for key, value in signature.parameters.items() if key not in fields]
        vars(run)["__signature__"] = signature.replace(parameters=rest)
        return run

    return decorate


def a_tenth_by_default(cases: Iterable[Any]) -> list[Any]:
    """The cases for `parametrize`: a tenth of them, at least one, in every run, the others with the long tests."""
    every_case = list(cases)
    dice = random.Random(SEED)
    stays = set(dice.sample(range(len(every_case)), k=-(-len(every_case) // 10)))
    return [case if place in stays else _long(case) for place, case in enumerate(every_case)]


def _long(case: Any) -> Any:
    if isinstance(case, ParameterSet):
        return pytest.param(*case.values, marks=[*case.marks, pytest.mark.long], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)


def _values(case: Any, alone: bool) -> Sequence[Any]:
    if isinstance(case, ParameterSet):
        if case.marks:
            raise ValueError("A case with a mark of its own needs pytest.mark.parametrize.")
        return case.values
    return [case] if alone else case


def _titles(cases: list[Any], alone: bool, ids: Ids) -> list[str]:
    if ids is not None and not callable(ids):
        return list(ids)
    named = ids if ids is not None else _shown
    titles = []
    for case in cases:
        given = case.id if isinstance(case, ParameterSet) else None
        titles.append(str(given or "-".join(str(named(value)) for value in _values(case, alone))))
    return titles


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _note(failed: list[str], count: int) -> str:
    named = ", ".join(failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    return f"{len(failed)} of {count} cases failed, this one first: {named}{more}"
