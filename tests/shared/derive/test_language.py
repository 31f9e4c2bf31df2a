import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.derive import language
from shared.derive.language import detect_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The installation guide does not mention that this version is required", "en"),
        ("search is very slow today", "en"),
        ("Tack så mycket, sidan är jättebra och lätt att hitta", "sv"),
        ("Je ne comprends pas la page sur l'authentification", "fr"),
        ("La documentación es muy confusa", "es"),
        ("nie działa", "pl"),
        ("감사합니다", "ko"),
        ("", None),
        ("123 ... 456", None),
    ],
)
def test_language_of_a_text(text: str, code: str | None) -> None:
    assert detect_language(text) == code


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert detect_language(text) is None or len(str(detect_language(text))) == 2


def test_plain_english_does_not_load_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_load_identifier", lambda: pytest.fail("loaded"))
    assert detect_language("I think that the page should have an example with the new client") == "en"


def test_the_model_is_loaded_once_by_many_threads() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(language._load_identifier())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(item) for item in found}) == 1
