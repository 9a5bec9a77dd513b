"""Options for builds and containers: the accepted ones, their phases, and their values.

Names are those of https://docs.docker.com/reference/cli/docker/buildx/build/ and …/docker/container/run/. Options that
could reach beyond the app's own containers are not accepted.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from paas.core import names, values
from paas.core.errors import InvalidValue, PaasError
from paas.core.git.refs import one_line

PHASES = ("build", "deploy", "run")
BUILD, DEPLOY, RUN = PHASES
CONTAINERS = (DEPLOY, RUN)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_TMPFS_WORD = re.compile(r"size=[0-9]+[kmg]?|mode=[0-7]{3,4}|ro|rw|noexec|exec|nosuid|nodev")
_RESERVED = ("paas.", "com.docker.", "com.dokku.")


@dataclass(frozen=True)
class Option:
    """One option: the long name of its flag, and its value, empty for a flag without one."""

    flag: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.flag}={self.value}" if self.value else self.flag

    @property
    def slot(self) -> str:
        """Key under which only one option can exist: a new one replaces it."""
        return f"{self.flag}={re.split('[=:]', self.value)[0]}" if RULES[self.flag].many else self.flag


@dataclass(frozen=True)
class OptionRule:
    """Rule for an option. ``check`` raises ValueError or an error with details; None: the flag has no value."""

    phases: tuple[str, ...]
    check: Callable[[str], object] | None
    says: str = ""
    many: bool = False


def _matches(pattern: str) -> Callable[[str], None]:
    compiled = re.compile(pattern)

    def check(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValueError(text)

    return check


def _build_argument(text: str) -> None:
    key, equals, _ = text.partition("=")
    names.variable(key)
    if not equals:
        raise InvalidValue(
            f"--build-arg {key} has no value",
            why="A value from the app's configuration would stay readable in the image's history.",
            fix=f"Give a value that is no secret: --build-arg {key}=VALUE. Secrets are for RUN --mount=type=secret.",
            code="invalid-option",
        )
    if key.lower().endswith("_proxy"):
        raise InvalidValue(
            f"--build-arg {key} is set by the server",
            why="Proxies of builds are settings.",
            fix="An administrator can set build-http-proxy, build-https-proxy and build-no-proxy.",
            code="invalid-option",
        )


def _label(text: str) -> None:
    key, equals, _ = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z0-9][a-z0-9._/-]*", key) or key.startswith(_RESERVED):
        raise ValueError(text)


def _added_host(text: str) -> None:
    host, _, address = text.partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(text)
    ipaddress.ip_address(address.strip("[]"))


def _tmpfs(text: str) -> None:
    path, colon, words = text.partition(":")
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", path) or ".." in path or path.startswith(("/proc", "/sys", "/dev")):
        raise ValueError(text)
    if colon and not all(_TMPFS_WORD.fullmatch(word) for word in words.split(",")):
        raise ValueError(text)


SIZE = values.size("6m", "16t").parse
RULES: Mapping[str, OptionRule] = {
    "--build-arg": OptionRule((BUILD,), _build_argument, "KEY=VALUE", many=True),
    "--target": OptionRule((BUILD,), _matches(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"), "the name of a stage"),
    "--no-cache": OptionRule((BUILD,), None),
    "--pull": OptionRule((BUILD,), None),
    "--network": OptionRule((BUILD,), _matches("none|default"), "none or default"),
    "--add-host": OptionRule(PHASES, _added_host, "HOST:ADDRESS", many=True),
    "--label": OptionRule(PHASES, _label, "KEY=VALUE, not below paas.", many=True),
    "--memory": OptionRule(CONTAINERS, SIZE, "a size from 6m"),
    "--cpus": OptionRule(CONTAINERS, _matches(r"(?!0+(\.0+)?$)[0-9]{1,4}(\.[0-9]{1,3})?"), "a number such as 1.5"),
    "--shm-size": OptionRule(CONTAINERS, values.size("64k", "16t").parse, "a size such as 256m"),
    "--tmpfs": OptionRule(CONTAINERS, _tmpfs, "a path, with size= and mode= after a colon", many=True),
    "--ulimit": OptionRule(
        CONTAINERS, _matches(r"(nofile|nproc|core|stack|memlock|msgqueue)=[0-9]{1,12}(:[0-9]{1,12})?"),
        "nofile, nproc, core, stack, memlock or msgqueue with =SOFT or =SOFT:HARD", many=True,
    ),
    "--dns": OptionRule(CONTAINERS, ipaddress.ip_address, "an IP address", many=True),
    "--read-only": OptionRule(CONTAINERS, None),
    "--sysctl": OptionRule(
        CONTAINERS, _matches(r"net\.(core\.somaxconn|ipv4\.[a-z0-9_.]+)=[0-9 ]+"), "net.ipv4.…=NUMBER", many=True
    ),
    "--stop-signal": OptionRule(CONTAINERS, _matches(r"SIG[A-Z]{2,6}[0-9]?"), "a signal such as SIGQUIT"),
}  # fmt: skip
SHORT = {"-m": "--memory"}
_WHY = {
    **dict.fromkeys(("--privileged", "--cap-add", "--device", "--security-opt", "--pid", "--ipc", "--userns", "--uts",
                     "--cgroup-parent", "--gpus", "--group-add", "--user", "-u", "--runtime", "--volumes-from"),
                    "It would let the app reach beyond its own containers."),
    **dict.fromkeys(("-v", "--volume", "--mount"), "It would let the app reach files of the server."),
    **dict.fromkeys(("-p", "--publish", "-P", "--expose"), "Requests reach an app through its domains."),
    **dict.fromkeys(("-e", "--env", "--env-file"), "Variables are configuration: 'config:set'."),
    **dict.fromkeys(("--restart", "--init", "--name", "--rm", "-d", "--health-cmd"), "The platform sees to that."),
    **dict.fromkeys(("--secret", "--ssh"), "It would let the build read files of the server."),
}  # fmt: skip


def phases(text: str) -> tuple[str, ...]:
    """Parse the names of phases, separated by commas."""
    found = tuple(dict.fromkeys(text.split(",")))
    if not set(found) <= set(PHASES):
        raise InvalidValue(f"{text!r} are not phases", why=f"Phases are {' and '.join(PHASES)}.", code="invalid-phase")
    return found


def parse(words: Sequence[str], wanted: Sequence[str]) -> list[Option]:
    """Parse the options in the words, and check each for all of the phases.

    A word may contain several options, quoted as for a shell. Nothing is expanded.
    """
    try:
        # Split only a word that is a whole line: a value may contain blanks.
        split = [part for word in words for part in (shlex.split(word) if word.startswith("-") else [word])]
    except ValueError as error:
        raise InvalidValue(f"the options can't be read: {error}", code="invalid-option") from error
    found = []
    left = list(split)
    while left:
        word = left.pop(0)
        name, equals, value = word.partition("=")
        name = SHORT.get(name, name)
        rule = _rule(name, wanted)
        if rule.check is not None and not equals:
            if not left:
                raise InvalidValue(f"{name} needs a value", why=f"It is {rule.says}.", code="invalid-option")
            value = left.pop(0)
        _check(name, rule, equals, value)
        found.append(Option(name, value))
    if not found:
        raise InvalidValue("there is no option", fix="Write for instance: --build-arg KEY=VALUE", code="invalid-option")
    return found


def _rule(name: str, wanted: Sequence[str]) -> OptionRule:
    rule = RULES.get(name)
    for phase in wanted:
        if rule is None or phase not in rule.phases:
            taken = ", ".join(flag for flag, other in RULES.items() if phase in other.phases)
            raise InvalidValue(
                f"{one_line(name, 60)!r} is not an option for {phase}",
                why=_WHY.get(name, f"Taken are: {taken}."),
                code="invalid-option",
            )
    assert rule is not None
    return rule


def _check(name: str, rule: OptionRule, equals: str, value: str) -> None:
    if rule.check is None:
        if equals:
            raise InvalidValue(f"{name} takes no value", code="invalid-option")
        return
    try:
        if not value or not value.isprintable() or len(value) > 4096:
            raise ValueError(value)
        rule.check(value)
    except PaasError as error:
        if error.code == "invalid-option":
            raise
        raise InvalidValue(f"{name}: {error.what}", why=error.why, code="invalid-option") from error
    except ValueError as error:
        raise InvalidValue(
            f"{name}: {one_line(value, 80)!r} is not a value for it", why=f"It is {rule.says}.", code="invalid-option"
        ) from error


def stored(text: str) -> Option:
    """Restore the option from its stored text."""
    flag, _, value = text.partition("=")
    return Option(flag, value)


def with_added(before: Sequence[Option], added: Sequence[Option]) -> list[Option]:
    """Return the options in order; of those that exclude each other only the newest."""
    found = {option.slot: option for option in before}
    for option in added:
        found.pop(option.slot, None)
        found[option.slot] = option
    return list(found.values())


@dataclass(frozen=True)
class ContainerOptions:
    """Effect of a phase's options on containers: sizes in bytes, 0 for unset ones."""

    memory: int = 0
    cpus: float = 0.0
    shm_size: int = 0
    read_only: bool = False
    stop_signal: str = ""
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    ulimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def for_containers(options: Sequence[Option]) -> ContainerOptions:
    """Convert options to those of a container."""

    def one(flag: str) -> str:
        return next((option.value for option in options if option.flag == flag), "")

    def pairs(flag: str, mark: str = "=") -> dict[str, str]:
        parts = [option.value.partition(mark) for option in options if option.flag == flag]
        return {key: value for key, _, value in parts}

    return ContainerOptions(
        memory=values.size_in_bytes(one("--memory") or "0"),
        cpus=float(one("--cpus") or 0),
        shm_size=values.size_in_bytes(one("--shm-size") or "0"),
        read_only=any(option.flag == "--read-only" for option in options),
        stop_signal=one("--stop-signal"),
        tmpfs=pairs("--tmpfs", ":"),
        ulimits={name: _soft_and_hard(text) for name, text in pairs("--ulimit").items()},
        hosts=pairs("--add-host", ":"),
        dns=tuple(option.value for option in options if option.flag == "--dns"),
        sysctls=pairs("--sysctl"),
        labels=pairs("--label"),
    )


def _soft_and_hard(text: str) -> tuple[int, int]:
    soft, _, hard = text.partition(":")
    return int(soft), int(hard or soft)
