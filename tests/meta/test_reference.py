"""The generated pages are those that the code would generate now."""

from pathlib import Path

import pytest

from paas.dispatch import reference

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_fresh(name):
    assert (DOCS / name).read_text(encoding="utf-8") == reference.PAGES[name](), "run 'make docs' and commit the result"
