"""Which engines a build gets out of, and what in a Dockerfile does it."""

import subprocess
from pathlib import Path

import pytest

from paas.builders import buildpack_folders
from paas.core.builds import safety
from paas.system.data_folders import folder

LIB = Path(__file__).resolve().parents[2] / "scripts" / "lib.sh"
ENGINES = pytest.mark.parametrize(
    ("version", "escapes"),
    [
        ("20.10.24+dfsg1", True),
        ("20.10.5+dfsg1", True),
        ("23.0.6", True),
        ("24.0.7", True),
        ("24.0.8", True),
        ("24.0.9", False),
        ("24.0.9-1", False),
        ("25.0.0", True),
        ("25.0.1", True),
        ("25.0.2", False),
        ("26.1.5+dfsg1", False),
        ("28.5.1", False),
        ("29", False),
    ],
)


@ENGINES
def test_engines(version, escapes):
    assert safety.escapes(version) is escapes


@ENGINES
def test_the_scripts_think_the_same_of_them(version, escapes):
    check = '. "$0"; engine_escapes "$1"'
    for text in (version, f"5:{version}-1~debian.12~bookworm"):
        done = subprocess.run(["bash", "-euc", check, str(LIB), text], check=False)
        assert done.returncode == (0 if escapes else 1), text


def test_a_version_that_can_not_be_read_counts_as_new():
    assert not safety.escapes("dev")


def lines(dockerfile):
    return [found.line for found in safety.dangers(dockerfile)]


@pytest.mark.parametrize(
    "harmless",
    [
        "FROM x\nRUN make\nCOPY --from=0 /a /b\n",
        "FROM x\nRUN --mount=type=cache,target=/root/.cache,id=pip-$TARGETARCH,sharing=locked pip install .\n",
        "FROM x\nRUN --mount=type=secret,id=env --mount=type=ssh --mount=type=tmpfs,target=/t make\n",
        "FROM x\nRUN --mount=type=bind,source=list.txt,target=/r.txt --mount=target=/src,rw pip install -r /r.txt\n",
        "FROM x\nRUN echo --mount=type=cache,source=x\n",
        "FROM x\n# syntax is what it has\nRUN echo syntax=1\n",
        "",
    ],
)
def test_what_is_taken(harmless):
    assert lines(harmless) == []


@pytest.mark.parametrize(
    ("dockerfile", "line"),
    [
        ("# syntax=docker/dockerfile:1\nFROM x\n", 1),
        ("#SYNTAX = evil/frontend\nFROM x\n", 1),
        ("\ufeff# escape=`\n# syntax=evil/frontend\nFROM x\n", 2),
        ("#!/usr/bin/env x\n// syntax=evil/frontend\nFROM x\n", 2),
        ('{"syntax": "evil/frontend"}\n', 1),
        ("FROM x\nRUN --mount=type=cache,id=c,target=/c,source=/sub cat /c/shadow\n", 2),
        ("FROM x\nRUN --mount=type=cache,target=/c,src=sub true\n", 2),
        ("FROM x\nRUN --mount=type=cache,target=/c,from=base true\n", 2),
        ("FROM x\nrun --network=none --MOUNT=Type=Cache,Target=/c,Source=sub true\n", 2),
        ("FROM x\nRUN --mount=type=$KIND,target=/c true\n", 2),
        ("FROM x\nONBUILD RUN --mount=type=cache,target=/c,source=sub true\n", 2),
        ("FROM x\n\nRUN \\\n  # a comment\n\n  --mount=type=cache,target=/c,source=sub true\n", 3),
        ("FROM x\n# escape=`\nRUN \\\n  --mount=type=cache,target=/c,source=sub true\n", 3),
        ("# escape=`\nFROM x\nRUN `\n  --mount=type=cache,target=/c,source=sub true\n", 3),
        ("# escape=`\nFROM x\nRUN dir C:\\\nRUN --mount=type=cache,target=/c,source=sub true\n", 4),
        ("FROM x\nRUN --mount=type=cache\\ ,source=sub,target=/c true\n", 2),
        ('FROM x\nRUN --mount="type=cache,target=/c" true\n', 2),
        ('FROM x\nRUN "--network=de fault" --mount=type=cache,target=/c,source=sub true\n', 2),
        ("FROM x\nRUN --mount=type=future,target=/c true\n", 2),
    ],
)
def test_what_is_refused_and_where(dockerfile, line):
    assert lines(dockerfile) == [line]


@pytest.mark.parametrize("pack", [pack.name for pack in buildpack_folders.shipped()])
def test_the_templates_that_come_with_the_platform_ask_for_nothing_of_it(pack):
    for name in (f"{pack}/Dockerfile.j2", "lib.j2"):
        assert lines("FROM x\n" + (folder("buildpacks") / name).read_text(encoding="utf-8")) == []
