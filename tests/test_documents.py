"""The README and docs/ say what is so: code runs and type checks, links lead somewhere, lists are right."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from mypy import api as mypy

from tests.support import documents
from tests.support.documents import DOCUMENTS, Program
from tests.support.tables import ROOT, TABLES
from zrtp.cli.screen import jsonlines

PROGRAMS = [program for document in DOCUMENTS for program in documents.programs(document)]


def test_generated_parts_are_up_to_date() -> None:
    """Otherwise: python -m tests.support.documents update."""
    found = set()
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        found |= set(documents.parts(text))
        assert documents.updated(text) == text, f"{document.name} is not what would be generated now"
    assert found >= set(TABLES)


def test_the_list_of_public_names_says_what_methods_take_and_fits_on_the_page() -> None:
    lines = TABLES["public names"]().splitlines()

    assert [line for line in lines if len(line) > 130] == []
    begin = [line.strip().partition(":")[0] for line in lines]
    for shown in (
        "`.close(now)`",
        "`.next_timer()`",
        "`.sas_matched(name=...)`",
        "`.set_remote(*addresses, rtcp=...)`",
    ):
        assert f"* {shown}" in begin


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_programs_run_as_printed(program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "program.py"
    file.write_text(program.code, "utf-8")
    runpy.run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out


@pytest.mark.long
def test_programs_pass_the_type_checker(tmp_path: Path) -> None:
    for program in PROGRAMS:
        (tmp_path / f"{program}.py").write_text(program.code, "utf-8")
    said, wrong, _ = mypy.run(
        ["--strict", "--no-incremental", f"--config-file={ROOT / 'pyproject.toml'}", str(tmp_path)]
    )
    assert not wrong
    assert said.startswith("Success"), said


def test_links_lead_to_files_and_headings_that_exist() -> None:
    for document in DOCUMENTS:
        for target in documents.links(document.read_text("utf-8")):
            assert "://" not in target, (
                f"{document.name}: the project has no address on the web that could be linked to"
            )
            path, _, heading = target.partition("#")
            file = document.parent / path if path else document
            assert file.is_file(), f"{document.name} links to {target}"
            if heading:
                assert heading in documents.headings(file.read_text("utf-8")), f"{document.name} links to {target}"


def test_every_file_that_is_mentioned_exists() -> None:
    for document in DOCUMENTS:
        for path in re.findall(r"`((?:zrtp|tests|vectors|docs|\.ci)/[\w./-]*)`", document.read_text("utf-8")):
            assert (ROOT / path).exists(), f"{document.name} mentions {path}"


def test_every_module_and_name_that_is_mentioned_exists() -> None:
    for document in set(DOCUMENTS) - {ROOT / "docs" / "CHANGELOG.md"}:  # which tells of what is gone
        for dotted in re.findall(r"`(zrtp(?:\.\w+)+)`", document.read_text("utf-8")):
            assert documents.exists(dotted), f"{document.name} mentions {dotted}"


def test_every_event_of_the_command_is_explained() -> None:
    table = (ROOT / "docs" / "command.md").read_text("utf-8").split("## Events for programs", 1)[1]
    explained = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert explained == set(re.findall(r'"event": "(\w+)"', Path(jsonlines.__file__).read_text("utf-8")))
