import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.deliver.csv_text import clean_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "|cmd",
        "%x",
        "\tx",
        "\rx",
        "\nx",
        "  =1",
        "\u00a0=1",
        "\ufeff=1",
        "＝1",
        "＋1",
        "－1",
        "＠a",
        "\0=1",
    ],
)
def test_what_may_run_gets_an_apostrophe(text: str) -> None:
    assert clean_cell(text) == "'" + text.replace("\0", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [("a=1", "a=1"), ("", ""), (None, ""), (-5, "-5"), (0, "0"), (1.5, "1.5"), (True, "True"), ("é", "é")],
)
def test_other_values_stay(value: object, cell: str) -> None:
    assert clean_cell(value) == cell


@pytest.mark.slow
@given(st.text())
def test_no_cell_begins_with_a_formula_sign(text: str) -> None:
    assert clean_cell(text).lstrip()[:1] not in set("=+-@|%＝＋－＠｜％")
