"""Text from outside: one plain line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import BridgeError
from firmware_bridge.text import NAME, SENTENCE, narrow, printable, unique

ANY = st.text(st.characters(exclude_categories=())) | st.text("\x1b[];\r\n\t 0mHJ\x9b\u202e")


@given(ANY, st.integers(4, 50))
def test_a_sentence_is_one_printable_line(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most
    assert printable(shown, most) == shown
    if text.isprintable() and "  " not in text and text == text.strip() and len(text) <= most:
        assert shown == text


@given(ANY)
def test_a_name_is_as_wide_as_it_is_long(text: str) -> None:
    name = narrow(text)
    assert name.isprintable()
    assert len(name) == min(len(text), NAME)
    assert narrow(name) == name
    for c in name:
        assert unicodedata.east_asian_width(c) not in "WF"
        assert not unicodedata.combining(c)
        assert unicodedata.bidirectional(c) not in ("R", "AL", "AN", "RLO", "RLE", "RLI")


@pytest.mark.parametrize("name", ["MLII", "V5", "aVR", "µV Ⅱ", "Ableitung_Ö", "ĒKG", "ЭКГ 1"])
def test_usual_names_stay(name: str) -> None:
    assert narrow(name) == name
    assert printable(name) == name


def test_what_is_cut_says_so() -> None:
    assert printable("x" * 2000) == "x" * (SENTENCE - 3) + "..."


@given(ANY)
def test_no_error_steers_a_terminal(text: str) -> None:
    assert str(BridgeError(text)).isprintable()


@given(st.lists(st.sampled_from(["a", "a 0", "a 1", "a 2", "a 1 1", "b"]), max_size=8))
def test_no_two_names_are_alike(names: list[str]) -> None:
    told = unique(names)
    assert len(set(told)) == len(told) == len(names)
    if len(set(names)) == len(names):
        assert list(told) == names
