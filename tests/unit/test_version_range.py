"""Versions that apps ask for, as npm, pip, Poetry, Bundler and Composer write them."""

from __future__ import annotations

import pytest

from paas.core.builds.version_range import allows


@pytest.mark.parametrize(
    ("wanted", "available", "precision", "answer"),
    [
        ("", "3.11", 2, True),
        ("*", "18", 1, True),
        ("3.11", "3.11", 2, True),
        ("3.11.9", "3.11", 2, True),
        ("3.12", "3.11", 2, False),
        ("3", "3.11", 2, True),
        (">=3.10,<4", "3.11", 2, True),
        (">=3.12", "3.11", 2, False),
        ("^3.10", "3.11", 2, True),
        ("^3.12", "3.11", 2, False),
        ("^0.9", "1.0", 2, False),
        ("~=3.10", "3.11", 2, True),
        ("~=3.10.0", "3.11", 2, False),
        ("~=3.11.2", "3.11", 2, True),
        ("~3.10", "3.11", 2, False),
        ("!=3.11", "3.11", 2, False),
        ("!=3.11.3", "3.11", 2, True),
        ("< 3.11.5", "3.11", 2, True),
        ("<3.11", "3.11", 2, False),
        ("<=3.11", "3.11", 2, True),
        ("~> 3.1.0", "3.1", 2, True),
        ("~> 3.1", "3.3", 2, True),
        ("~> 3.1.0", "3.3", 2, False),
        ("18.x", "18", 1, True),
        ("v18.1.2", "18", 1, True),
        (">=18.17", "18", 1, True),
        (">18", "18", 1, False),
        (">= 16 < 19", "18", 1, True),
        ("16 - 18", "18", 1, True),
        ("16 - 18", "20", 1, False),
        ("18 || 20", "20", 1, True),
        ("^18.0.0 || ^22", "20", 1, False),
        ("^8.1|^9", "8.2", 2, True),
        ("lts/*", "18", 1, True),
        ("lts/iron", "18", 1, None),
        ("banana", "18", 1, None),
        ("3.11 or so", "3.11", 2, None),
    ],
)
def test_which_versions_a_text_means(wanted: str, available: str, precision: int, answer: bool | None) -> None:
    assert allows(wanted, available, precision) is answer
