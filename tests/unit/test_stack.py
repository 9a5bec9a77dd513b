"""The stack image, made with stand-ins for the docker and mmdebstrap programs that keep their images as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from paas.builders import stack
from paas.core.errors import DockerError, InvalidValue

DOCKER = """#!/bin/sh
# An engine whose images are files in $IMAGES. `$1 $2` that it does not know end with status 64.
set -eu
echo "$*" >> "$LOG"
case "$1" in
  images) test -e "$IMAGES/down" && { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
          name=$(echo "$3" | tr / _); test ! -e "$IMAGES/$name" || cat "$IMAGES/$name" ;;
  pull)   case "$REGISTRY" in
            silent) exec sleep 60 ;;
            none) echo "no such host" >&2; exit 1 ;;
            there) echo "bookworm-slim: Pulling from library/debian" ;;
          esac ;;
  build)  test "$BUILDS" = yes; cat > "$IMAGES/dockerfile"; echo built > "$IMAGES/$(echo "$3" | tr / _)" ;;
  import) cat > "$IMAGES/layer"; echo sha256:imported ;;
  tag)    echo "$2" > "$IMAGES/$(echo "$3" | tr / _)" ;;
  rmi)    rm "$IMAGES/layer" ;;
  *)      exit 64 ;;
esac
"""

MMDEBSTRAP = """#!/bin/sh
echo "I: automatically chosen mode: root" >&2
echo "I: downloading packages with apt..." >&2
printf 'the system'
test "$MAKES" = yes || { echo "E: no mirror answers" >&2; exit 25; }
echo "I: creating tarball..." >&2
"""


@dataclass
class Machine:
    folder: Path
    environment: pytest.MonkeyPatch

    @property
    def docker(self) -> str:
        return str(self.folder / "bin/docker")

    @property
    def commands(self) -> list[str]:
        return [line.split()[0] for line in (self.folder / "log").read_text().splitlines()]

    @property
    def images(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in (self.folder / "images").iterdir()}

    def has(self, **facts: str) -> None:
        for name, value in facts.items():
            self.environment.setenv(name.upper(), value)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "bin").mkdir()
    (tmp_path / "images").mkdir()

    for name, text in {"docker": DOCKER, "mmdebstrap": MMDEBSTRAP, "newuidmap": "#!/bin/sh\n"}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("IMAGES", str(tmp_path / "images"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    machine = Machine(tmp_path, monkeypatch)
    machine.has(registry="none", builds="yes", makes="yes")
    return machine


def make(machine: Machine, said: list[str] | None = None, **options: bool) -> str:
    lines: list[str] = [] if said is None else said
    return stack.ensure("bookworm", docker_cli=machine.docker, progress=lines.append, **options)


def test_an_image_that_exists_is_returned_without_any_work(machine: Machine) -> None:
    (machine.folder / "images/paas_stack:bookworm").write_text("sha256:there")

    assert make(machine) == "paas/stack:bookworm"
    assert machine.commands == ["images"]


def test_a_refresh_makes_a_new_image_although_one_exists(machine: Machine) -> None:
    (machine.folder / "images/paas_stack:bookworm").write_text("sha256:there")

    make(machine, refresh=True)

    assert machine.images["paas_stack:bookworm"] == "sha256:imported"


def test_without_a_registry_the_image_is_made_from_packages(machine: Machine) -> None:
    said: list[str] = []

    assert make(machine, said) == "paas/stack:bookworm"
    assert machine.commands == ["images", "pull", "import", "tag"]
    assert machine.images == {"layer": "the system", "paas_stack:bookworm": "sha256:imported"}
    assert [line for line in said if line.startswith("  ")] == ["  downloading packages", "  importing it into Docker"]


def test_with_a_registry_it_is_debians_own_with_the_same_packages(machine: Machine) -> None:
    machine.has(registry="there")

    make(machine)

    assert machine.commands == ["images", "pull", "build"]
    assert "FROM debian:bookworm-slim" in machine.images["dockerfile"]
    assert "ca-certificates tzdata" in machine.images["dockerfile"]
    assert "LABEL paas.stack=bookworm" in machine.images["dockerfile"]


def test_a_pulled_base_that_cannot_be_completed_gives_way_to_packages(machine: Machine) -> None:
    machine.has(registry="there", builds="no")

    make(machine)

    assert machine.commands == ["images", "pull", "build", "import", "tag"]


def test_a_registry_that_says_nothing_is_given_up(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "REGISTRY_ANSWERS_WITHIN", 0.1)
    machine.has(registry="silent")

    make(machine)

    assert machine.commands == ["images", "pull", "import", "tag"]


def test_no_registry_is_asked_when_pulling_is_off(machine: Machine) -> None:
    make(machine, pull=False)

    assert machine.commands == ["images", "import", "tag"]


def test_a_failure_half_way_leaves_no_image_and_says_why(machine: Machine) -> None:
    machine.has(makes="no")

    with pytest.raises(stack.StackError) as failure:
        make(machine)

    assert machine.commands == ["images", "pull", "import", "rmi"]
    assert machine.images == {}
    assert "no mirror answers" in failure.value.why
    assert "deb.debian.org" in failure.value.fix


def test_a_reader_who_goes_away_stops_the_work(machine: Machine) -> None:
    def gone(line: str) -> None:
        if line.startswith("  "):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        stack.ensure("bookworm", docker_cli=machine.docker, progress=gone)

    assert "tag" not in machine.commands


def test_without_mmdebstrap_the_error_names_the_package(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    with pytest.raises(stack.StackError, match="cannot be created") as failure:
        make(machine)

    assert failure.value.fix == "Install it: apt-get install mmdebstrap"


def test_an_engine_that_does_not_answer_is_named_before_any_work(machine: Machine) -> None:
    (machine.folder / "images/down").touch()

    with pytest.raises(DockerError) as failure:
        make(machine)

    assert machine.commands == ["images"]
    assert "Cannot connect" in failure.value.why


def test_an_unknown_suite_is_refused_with_the_known_ones(machine: Machine) -> None:
    with pytest.raises(InvalidValue) as failure:
        stack.ensure("sid", docker_cli=machine.docker, progress=print)

    assert failure.value.why == "Stacks: bookworm, trixie."


@pytest.mark.parametrize(
    ("os_release", "suite"),
    [
        ({"ID": "debian", "VERSION_CODENAME": "trixie"}, "trixie"),
        ({"ID": "debian", "VERSION_CODENAME": "bookworm"}, "bookworm"),
        ({"ID": "debian", "VERSION_CODENAME": "forky"}, "bookworm"),
        ({"ID": "ubuntu", "VERSION_CODENAME": "noble"}, "bookworm"),
        ({}, "bookworm"),
    ],
)
def test_the_default_suite_is_the_hosts_where_there_is_a_stack_for_it(os_release: dict[str, str], suite: str) -> None:
    assert stack.default_suite(os_release) == suite
