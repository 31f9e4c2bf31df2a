"""The words people use most."""

from shared.derive.words import most_used_words


def test_stop_words_and_single_words_are_left_out():
    texts = ["The login is broken", "I love the docs but login fails", "Login again!"]
    assert most_used_words(texts) == [("login", 3)]


def test_a_word_counts_once_per_text():
    assert most_used_words(["slow slow slow slow", "slow docs", "docs docs"]) == [("docs", 2), ("slow", 2)]


def test_addresses_numbers_mentions_and_redactions_are_no_words():
    texts = ["see https://docs.example/install 12345 <@123456> [email] me@docs.example"] * 3
    assert most_used_words(texts) == []


def test_other_languages_count_and_apostrophes_are_one():
    texts = ["L’installation échoue toujours", "l'installation est lente", "Doku fehlt", "Doku!"]
    assert most_used_words(texts) == [("doku", 2), ("l'installation", 2)]


def test_a_hostile_text_is_cut():
    assert most_used_words(["a" * 10_000_000, "x-" * 1_000_000] * 2) == []


def test_the_limit_holds():
    assert len(most_used_words(["alpha beta gamma delta"] * 2, limit=2)) == 2
