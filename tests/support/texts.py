"""Any text, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

SURROGATES = range(0xD800, 0xE000)


def texts(*, max_size: int | None = None) -> st.SearchStrategy[str]:
    """Text of all characters there are, as `st.text` gives it, which first sorts them by their category: a second of
    CPU time in every run of the tests.
    """
    characters = st.one_of(
        st.integers(0, 0x7F), st.integers(0x80, 0x2FFF), st.integers(0x3000, 0x10FFFF - len(SURROGATES))
    )
    return st.lists(characters.map(character), max_size=max_size).map("".join)


def character(number: int) -> str:
    """One of all, without the halves of a pair in UTF-16."""
    return chr(number if number < SURROGATES.start else number + len(SURROGATES))
