"""Every relative link of the written pages leads to a file, and to a heading of it."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
        *(ROOT / name / "README.md" for name in ("buildpacks", "hooks")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)


def prose(text: str) -> str:
    """Return the text of a page without its code."""
    return re.sub(r"`[^`\n]+`", "code", FENCE.sub("", text))


@functools.cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors that GitHub creates for the page's headings."""
    found: dict[str, int] = {}
    for title in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    numbered = {f"{slug}-{number}" for slug, last in found.items() for number in range(1, last + 1)}
    return frozenset(found.keys() | numbered)


def broken(page: Path) -> list[str]:
    """Return the broken links of a page."""
    missing = []
    for link in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    return missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page):
    assert broken(page) == []


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    named = {name.partition("#")[0] for name in LINK.findall(index)}
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path.name not in {*named, "index.md"}] == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b` & c\n[here](#a-b--c) [no](#b) [gone](gone.md) [out](https://example.org/x)\n```\n[x](y)\n```\n")

    assert broken(page) == ["#b", "gone.md"]
