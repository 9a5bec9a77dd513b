"""The figures of the layout: they add up, and hold what the layout was made for."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

import pytest
from sources import ROOT


@pytest.fixture(scope="module")
def structure() -> ModuleType:
    loader = SourceFileLoader("structure", str(ROOT / "scripts/structure"))
    module = module_from_spec(spec_from_loader("structure", loader))
    loader.exec_module(module)
    return module


def test_few_imports_lead_from_one_subject_to_another(structure: ModuleType) -> None:
    rows = {line[:18].strip(): line[18:].split() for line in structure.figures(ROOT)}
    kinds = ("inside subjects", "to common ground", "between subjects", "wiring")
    counts = [int(rows[kind.strip()][-3]) for kind in kinds]
    assert sum(counts) == int(rows["imports"][0])
    assert counts[2] <= 0.15 * sum(counts)


@pytest.mark.parametrize("name", ["cron", "drains", "sandboxes"])
def test_a_feature_is_one_folder_with_its_room_in_the_core(structure: ModuleType, name: str) -> None:
    files, folders = structure.of_feature(ROOT, name)
    assert len(files) >= 3
    assert len([folder for folder in folders if not folder.startswith(("core", "store"))]) == 1
