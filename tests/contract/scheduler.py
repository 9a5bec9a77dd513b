"""What every scheduler has to do, as a user sees it. A scheduler passes if a `Rig` with it passes `SchedulerContract`.

The suite types commands, sends requests, and breaks things. How apps behave is the rig's business, so that the same
tests run with schedulers in memory, with Docker Engine, and with real clusters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fakes import Result

WELL, EXITS = "well", "exits"
"""How a process behaves: it serves or works, or it exits with a status of 1 right after its start."""


class Rig(Protocol):
    """A server with one app, ``hello``, that its scheduler runs. Its process types are web and worker."""

    def command(self, line: str) -> Result:
        """Type the command, and wait until nothing is under way in the background."""

    def deploy(self, *, files: Mapping[str, str] | None = None, **behavior: str) -> Result:
        """Push a new commit with these files, of which each named process type behaves as said."""

    def answers(self) -> set[str]:
        """Return which releases (``v1``) answer requests to the app, or the status of the edge's own page.

        Raise if any request is lost.
        """

    def processes(self) -> list[str]:
        """Return what runs, each as ``web.1 v1``, sorted; candidates and retiring ones included."""

    def ids(self) -> dict[str, str]:
        """Return the ids of what runs, by label."""

    def say(self, text: str) -> None:
        """Have web.1 write a line to its log."""

    def crash(self, label: str) -> None:
        """End the process with a status that is not 0."""

    def lose(self, label: str) -> None:
        """Lose what runs there without notice: a machine with all on it, or a container on a single server."""

    def heal(self) -> None:
        """Wait until scheduler and platform have done what they do about that."""

    def leave_over(self) -> None:
        """Start a process that no record knows, as a crash in a deploy leaves it."""

    def restart_server(self) -> None:
        """Kill the platform's server, and start it again on what it left."""

    def left(self) -> list[str]:
        """Return what the scheduler has of any app: containers, services, networks."""


def scaled(rig: Rig) -> dict[str, str]:
    """Run two of web and one worker."""
    done = rig.command("ps:scale hello web=2 worker=1")
    assert done.status == 0, done.err
    return rig.ids()


class SchedulerContract:
    """The suite. A subclass has a fixture ``rig``; before each test v1 of ``hello`` serves with one web."""

    def test_a_deploy_serves(self, rig: Rig) -> None:
        assert rig.processes() == ["web.1 v1"]
        assert rig.answers() == {"v1"}

    def test_a_deploy_replaces_all_processes(self, rig: Rig) -> None:
        before = scaled(rig)

        done = rig.deploy()

        assert done.status == 0, done.err
        assert rig.processes() == ["web.1 v2", "web.2 v2", "worker.1 v2"]
        assert not set(rig.ids().values()) & set(before.values())
        assert rig.answers() == {"v2"}

    def test_a_deploy_of_which_one_process_fails_changes_nothing(self, rig: Rig) -> None:
        before = scaled(rig)

        failed = rig.deploy(worker=EXITS)

        assert failed.status == 1
        assert "worker.1 exited with status 1" in failed.err
        assert rig.ids() == before
        assert rig.answers() == {"v1"}
        assert rig.command("apps:info hello").out.count("v1")

    def test_a_type_that_must_not_overlap_comes_back_if_the_new_one_fails(self, rig: Rig) -> None:
        scaled(rig)
        alone = {"paas.yml": "processes:\n  worker:\n    overlap: false\n"}
        assert rig.deploy(files=alone).status == 0

        failed = rig.deploy(files=alone, worker=EXITS)

        assert failed.status == 1
        assert "Restarted the previous worker.1" in failed.err
        assert rig.processes() == ["web.1 v2", "web.2 v2", "worker.1 v2"]
        assert rig.answers() == {"v2"}

    def test_scaling_touches_only_the_difference(self, rig: Rig) -> None:
        before = scaled(rig)

        assert rig.command("ps:scale hello web=3").status == 0
        assert rig.processes() == ["web.1 v1", "web.2 v1", "web.3 v1", "worker.1 v1"]
        assert before.items() <= rig.ids().items()

        assert rig.command("ps:scale hello web=1 worker=0").status == 0
        assert rig.processes() == ["web.1 v1"]
        assert rig.ids()["web.1"] == before["web.1"]
        assert rig.answers() == {"v1"}

    def test_a_rollback_runs_the_former_release_again(self, rig: Rig) -> None:
        assert rig.deploy().status == 0

        done = rig.command("releases:rollback hello v1")

        assert done.status == 0, done.err
        assert rig.processes() == ["web.1 v3"]
        assert rig.answers() == {"v3"}

    def test_a_restart_replaces_what_runs(self, rig: Rig) -> None:
        before = scaled(rig)

        done = rig.command("ps:restart hello")

        assert done.status == 0, done.err
        assert rig.processes() == ["web.1 v1", "web.2 v1", "worker.1 v1"]
        assert not set(rig.ids().values()) & set(before.values())
        assert rig.answers() == {"v1"}

    def test_a_restart_of_one_type_leaves_the_others(self, rig: Rig) -> None:
        before = scaled(rig)

        assert rig.command("ps:restart hello worker").status == 0

        assert rig.ids()["worker.1"] != before["worker.1"]
        assert {rig.ids()["web.1"], rig.ids()["web.2"]} == {before["web.1"], before["web.2"]}

    def test_a_stopped_app_runs_nothing_and_starts_again(self, rig: Rig) -> None:
        scaled(rig)

        assert rig.command("ps:stop hello").status == 0
        assert rig.processes() == []
        assert rig.answers() == {"503"}

        assert rig.command("ps:start hello").status == 0
        assert rig.processes() == ["web.1 v1", "web.2 v1", "worker.1 v1"]
        assert rig.answers() == {"v1"}

    def test_ps_names_what_runs(self, rig: Rig) -> None:
        scaled(rig)

        report = rig.command("ps hello").out

        assert [line.split()[:3] for line in report.splitlines()] == [
            ["web.1", "running", "v1"],
            ["web.2", "running", "v1"],
            ["worker.1", "running", "v1"],
        ]

    def test_logs_outlive_what_wrote_them(self, rig: Rig) -> None:
        rig.say("first words")
        assert "first words" in rig.command("logs hello").out

        assert rig.deploy().status == 0
        rig.say("second words")

        shown = rig.command("logs hello").out
        assert shown.index("first words") < shown.index("second words")

    def test_a_run_has_the_release_and_its_exit_status(self, rig: Rig) -> None:
        done = rig.command("run hello -- show-release-and-exit-7")

        assert done.status == 7
        assert done.out == "v1\n"

    def test_a_command_beside_a_process(self, rig: Rig) -> None:
        done = rig.command("enter hello web.1 -- show-release-and-exit-7")

        assert done.status == 7
        assert done.out == "v1\n"

    def test_a_process_that_crashes_is_started_again(self, rig: Rig) -> None:
        scaled(rig)

        rig.crash("worker.1")
        rig.heal()

        assert rig.processes() == ["web.1 v1", "web.2 v1", "worker.1 v1"]
        assert rig.answers() == {"v1"}

    def test_what_a_lost_machine_ran_serves_again(self, rig: Rig) -> None:
        scaled(rig)

        rig.lose("web.1")
        rig.heal()

        assert rig.processes() == ["web.1 v1", "web.2 v1", "worker.1 v1"]
        assert rig.answers() == {"v1"}

    def test_a_deploy_after_a_loss_is_as_any_other(self, rig: Rig) -> None:
        scaled(rig)
        rig.lose("web.1")
        rig.heal()

        assert rig.deploy().status == 0

        assert rig.processes() == ["web.1 v2", "web.2 v2", "worker.1 v2"]
        assert rig.answers() == {"v2"}

    def test_a_release_phase_that_fails_changes_nothing(self, rig: Rig) -> None:
        before = scaled(rig)
        phase = {"Procfile": "web: ./web\nworker: ./work\nrelease: ./migrate\n"}

        failed = rig.deploy(files=phase, release=EXITS)

        assert failed.status == 1
        assert "the release phase exited with status 1" in failed.err
        assert rig.ids() == before
        assert rig.answers() == {"v1"}

    def test_a_restart_of_the_server_touches_nothing(self, rig: Rig) -> None:
        before = scaled(rig)

        rig.restart_server()

        assert rig.ids() == before
        assert rig.answers() == {"v1"}
        assert rig.deploy().status == 0
        assert rig.answers() == {"v2"}

    def test_what_a_crash_left_over_is_removed(self, rig: Rig) -> None:
        before = scaled(rig)

        rig.leave_over()
        assert len(rig.processes()) > len(before)
        rig.restart_server()

        assert rig.ids() == before
        assert rig.answers() == {"v1"}

    def test_a_destroyed_app_leaves_nothing(self, rig: Rig) -> None:
        scaled(rig)

        assert rig.command("apps:destroy --force hello").status == 0

        assert rig.left() == []
