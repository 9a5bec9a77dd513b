"""The generated pages in git are those that the code would generate now."""

import json
from pathlib import Path

import pytest

from paas.dispatch import openapi, reference

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", reference.COMMITTED)
def test_the_page_is_fresh(name):
    assert (DOCS / name).read_text(encoding="utf-8") == reference.COMMITTED[name](), (
        "run 'make docs' and commit the result"
    )


def test_make_docs_writes_every_page(tmp_path):
    reference.main(str(tmp_path))

    assert {path.name for path in tmp_path.iterdir()} == reference.PAGES.keys()
    described = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    assert described == json.loads(json.dumps(openapi.document()))
