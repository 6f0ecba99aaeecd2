"""Words and characters of texts, and texts made of them again."""

import pytest

from minae.data.text.tokens import characters, join_words, tidy, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic, said HE.", ["don't", "panic", ",", "said", "he", "."]),
        ("a well-kept n_components=3", ["a", "well", "-", "kept", "n_components", "=", "3"]),
        ("l’été à Århus: 2.5 €", ["l’été", "à", "århus", ":", "2", ".", "5", "€"]),
        ("日本語 и русский", ["日本語", "и", "русский"]),
        ("'quoted' (twice)", ["'", "quoted", "'", "(", "twice", ")"]),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "don't panic, said he.",
        "the well-kept order (of three), and/or none!",
        "what is 50% of it? nothing; or [all].",
        "one",
        "",
    ],
)
def test_words_are_joined_as_they_are_written(text):
    assert join_words(words(text)) == text


def test_tidy_makes_equal_what_looks_equal():
    assert tidy("  a\tb\n\nc\u00a0d  ") == "a b c d"
    assert tidy("cafe\u0301") == "caf\u00e9"
    assert characters(tidy("a  \u00e9")) == ["a", " ", "\u00e9"]
