import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.deliver.plain_text import clean_line, remove_unseen

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\r\nc\u2028d", "a b c d"),
        ("\x1b[31mred\x9b2J", "[31mred2J"),
        ("\u202eabc\u200b", "abc"),
        ("  many   spaces\t", "many spaces"),
        ("ordinary text, 100 %", "ordinary text, 100 %"),
    ],
)
def test_one_harmless_line(text: str, line: str) -> None:
    assert clean_line(text) == line


@given(ANY_TEXT, st.integers(min_value=0, max_value=50))
def test_a_line_has_no_control_characters_and_fits(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in line)


def test_marks_on_a_letter_and_line_breaks_are_few() -> None:
    assert remove_unseen("Z" + "\u0301" * 50) == "Z\u0301\u0301"
    assert remove_unseen("a" + "\n" * 9 + "b") == "a\n\n\nb"
    assert remove_unseen("a\n \n \n \n \nb").count("\n") == 3
