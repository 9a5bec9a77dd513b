"""The installed package contains everything that the platform reads: packages, templates and migrations."""

from __future__ import annotations

import configparser
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = ("buildpacks", "hooks", "nginx")
PARTS = ("paas", *DATA, "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def declared() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def packages_on_disk() -> set[str]:
    found = {path.parent.relative_to(CHECKOUT) for path in (CHECKOUT / "paas").rglob("__init__.py")}
    return {".".join(path.parts) for path in found}


def folder_of(package: str) -> Path:
    moved = dict(line.split(" = ") for line in lines(declared()["options"]["package_dir"]))
    return CHECKOUT / moved.get(package, package.replace(".", "/"))


def covered() -> set[Path]:
    """Return every file that setup.cfg declares as part of the package."""
    found: set[Path] = set()

    for package in lines(declared()["options"]["packages"]):
        found.update(folder_of(package).glob("*.py"))

    for package, patterns in declared()["options.package_data"].items():
        for pattern in patterns.split(","):
            # Not Path.glob: setuptools, too, takes hidden files only where the pattern has the dot.
            matches = glob.glob(pattern.strip(), root_dir=folder_of(package), recursive=True)  # noqa: PTH207
            found.update(folder_of(package) / match for match in matches)

    return found


def test_every_package_is_declared() -> None:
    packages = set(lines(declared()["options"]["packages"]))

    assert packages == packages_on_disk() | {f"paas.data.{name}" for name in DATA}


def test_every_file_that_the_platform_reads_is_declared() -> None:
    on_disk = {path for part in ("paas", *DATA) for path in files(CHECKOUT / part)}

    assert sorted(str(path.relative_to(CHECKOUT)) for path in on_disk - covered()) == []


def locked() -> dict[str, str]:
    """Return the versions in requirements.lock, each of which has a hash."""
    text = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    found = {}
    for entry in re.split(r"\n(?=\S)", text):
        if not entry.startswith("#"):
            name, version = re.match(r"(\S+)==(\S+)", entry).groups()
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), name
            found[canonicalize_name(name)] = version
    return found


def missing(wanted: Requirement, lock: dict[str, str]) -> bool:
    return not wanted.specifier.contains(lock.get(canonicalize_name(wanted.name), "0"), prereleases=True)


def test_the_lock_has_what_setup_cfg_asks_for_and_what_builds_the_package() -> None:
    lock = locked()
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        builds = tomllib.load(file)["build-system"]["requires"]
    for line in [*lines(declared()["options"]["install_requires"]), *builds]:
        assert not missing(Requirement(line), lock), f"{line} is not in requirements.lock: make lock"


def test_the_lock_has_all_that_those_packages_need() -> None:
    lock = locked()
    # Others are checked where the locked versions are installed.
    here = {name for name, version in lock.items() if version_here(name) == version}
    assert len(here) > len(lock) / 2
    for name in here:
        for line in metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                assert not missing(wanted, lock), f"{name} needs {wanted}, which is not in requirements.lock: make lock"


def version_here(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def test_a_service_that_does_not_start_is_tried_again_for_ever() -> None:
    """systemd gives up after five times in ten seconds by default; a full disk may have space again in the eleventh."""
    units = {unit.name: unit.read_text(encoding="utf-8") for unit in (CHECKOUT / "packaging").rglob("*.service")}
    kept_up = {name: text for name, text in units.items() if "\nRestart=always\n" in text}

    assert sorted(kept_up) == ["paas-builder.service", "paas-nginx.service", "paas.service"]
    assert all("\nStartLimitIntervalSec=0\n" in text.partition("[Service]")[0] for text in kept_up.values())


def _unit(name: str) -> dict[str, list[str]]:
    """Return the settings of a service by name."""
    found: dict[str, list[str]] = {}
    [path] = (CHECKOUT / "packaging").rglob(name)
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "[")) and "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_server_and_nginx_are_the_last_to_go_when_memory_is_out() -> None:
    server, nginx = _unit("paas.service"), _unit("paas-nginx.service")
    assert server["OOMScoreAdjust"] == nginx["OOMScoreAdjust"] == ["-900"]
    assert server["OOMPolicy"] == ["continue"], "a git that is killed does not stop the server"
    assert int(_unit("paas-builder.service")["OOMScoreAdjust"][0]) > 0


def test_services_write_nothing_but_their_own_files() -> None:
    assert _unit("paas.service")["ReadWritePaths"] == ["/var/lib/paas"]
    assert _unit("paas-nginx.service")["ReadWritePaths"] == ["/var/lib/paas/nginx"]
    for name in ("paas.service", "paas-nginx.service", "paas-builds.service"):
        unit = _unit(name)
        assert (unit["ProtectSystem"], unit["ProtectHome"], unit["PrivateTmp"]) == (["strict"], ["true"], ["true"])
        assert unit["CapabilityBoundingSet"]
    assert _unit("paas-nginx.service")["SystemCallFilter"] == ["@system-service"]


def test_an_engine_that_comes_new_keeps_containers_while_it_restarts() -> None:
    [text] = re.findall(r"printf '(.*)' >/etc/docker/daemon.json", (CHECKOUT / "scripts/install-deps").read_text())
    assert json.loads(text.replace("\\n", "\n")) == {"userland-proxy": False, "live-restore": True}


def test_the_data_folders_are_not_empty() -> None:
    assert [name for name in DATA if not files(CHECKOUT / name)] == [], "an empty folder is not in the repository"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that the checkout gets no build folders."""
    copy = tmp_path_factory.mktemp("checkout")
    ballast = shutil.ignore_patterns("__pycache__", "*.egg-info")

    for part in (CHECKOUT / name for name in PARTS if (CHECKOUT / name).exists()):
        if part.is_dir():
            shutil.copytree(part, copy / part.name, ignore=ballast)
        else:
            shutil.copy(part, copy)

    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(copy / "dist"), str(copy)]
    subprocess.run(pip, check=True)

    return next((copy / "dist").glob("paas-*.whl"))


@pytest.mark.real
def test_the_wheel_has_every_file_and_keeps_programs_executable(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}

    expected = {str(path.relative_to(CHECKOUT)): path for path in files(CHECKOUT / "paas")}
    for name in DATA:
        expected.update({f"paas/data/{path.relative_to(CHECKOUT)}": path for path in files(CHECKOUT / name)})

    assert {name for name in modes if ".dist-info/" not in name} == set(expected)
    assert [name for name, path in expected.items() if os.access(path, os.X_OK) and not modes[name] & 0o100] == []


@pytest.mark.real
def test_installed_elsewhere_it_finds_its_templates(wheel: Path, tmp_path: Path) -> None:
    """Run from another folder, with the installed package first on the path."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(pip, check=True)

    asks = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from paas.system.data_folders import folder\n"
        "print(folder({!r}))"
    )
    for name in DATA:
        python = [sys.executable, "-I", "-c", asks.format(name)]
        answer = subprocess.run(python, cwd="/", capture_output=True, text=True, check=True)

        assert Path(answer.stdout.strip()) == site / "paas/data" / name
