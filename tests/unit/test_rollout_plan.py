"""Which containers start, stay and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.containers.container import labels_of, name_of
from paas.core.errors import InvalidValue
from paas.core.model import App, Process, Release, Replica
from paas.core.releases import rollout

APP = App(7, "hello", 0.0, "ada")
TYPES = ("web", "worker", "clock")


def release(version, types=TYPES):
    processes = tuple(Process(kind, f"./{kind}", 5000 if kind == "web" else None) for kind in types)
    return Release("image", "commit", processes, {}, {}, "ada", "git push", version=version)


def port_of(kind, index, slot):
    return 20_000 + 1000 * slot + index


@st.composite
def situations(draw):
    """A release, what runs before it, and what else is there."""
    wanted = release(draw(st.integers(1, 3)), draw(st.sampled_from([TYPES, ("web",), ("worker", "clock")])))
    formation = draw(st.dictionaries(st.sampled_from(TYPES), st.integers(0, 4)))
    places = draw(st.sets(st.tuples(st.sampled_from(TYPES), st.integers(1, 5)), max_size=8))
    current = [
        Replica(kind, index, slot := draw(st.integers(0, 2)), draw(st.integers(1, 3)),
                port_of(kind, index, slot) if kind == "web" else None)
        for kind, index in sorted(places)
    ]  # fmt: skip
    extra = draw(st.sets(st.tuples(st.sampled_from(TYPES), st.integers(1, 5), st.integers(0, 2)), max_size=8))
    occupied = {(replica.process_type, replica.index, replica.slot) for replica in current} | extra
    fresh = draw(st.none() | st.sets(st.sampled_from(TYPES)))
    return wanted, formation, current, occupied, fresh


@given(situations())
def test_whatever_there_is_the_plan_holds_together(situation):
    wanted, formation, current, occupied, fresh = situation
    plan = rollout.plan(wanted, formation, current, occupied, port_of, fresh=fresh)
    replicas = plan.replicas()
    starting = [candidate.replica for candidate in plan.start]

    slots = [(replica.process_type, replica.index, replica.slot) for replica in replicas]
    ports = [replica.port for replica in replicas if replica.port is not None]
    assert len(set(slots)) == len(slots)
    assert len(set(ports)) == len(ports)

    places = {(replica.process_type, replica.index) for replica in replicas}
    quantities = rollout.quantities([process.type for process in wanted.processes], formation)
    assert places == {(kind, index) for kind, count in quantities.items() for index in range(1, count + 1)}
    assert len(places) == len(replicas)

    assert not {(one.process_type, one.index, one.slot) for one in starting} & occupied
    assert all(replica.release == wanted.version for replica in replicas)
    assert all((replica.port is None) == (replica.process_type != "web") for replica in starting)
    assert set(plan.keep) <= set(current)
    assert set(plan.keep) | set(plan.retire) == set(current)
    assert not set(plan.keep) & set(plan.retire)
    if fresh is None:
        assert plan.keep == ()
    else:
        assert not {replica.process_type for replica in plan.keep} & fresh
    assert all(candidate.process.type == candidate.replica.process_type for candidate in plan.start)


def test_a_new_release_replaces_all_on_the_other_slot():
    current = [Replica("web", 1, 0, 1, 20001), Replica("web", 2, 0, 1, 20002)]
    occupied = [("web", 1, 0), ("web", 2, 0)]
    plan = rollout.plan(release(2, ("web",)), {"web": 2}, current, occupied, port_of)
    assert [(one.replica.index, one.replica.slot, one.replica.port) for one in plan.start] == [
        (1, 1, 21001),
        (2, 1, 21002),
    ]
    assert plan.retire == tuple(current)


def test_the_lowest_free_slot_is_taken():
    plan = rollout.plan(release(2, ("web",)), {}, [], [("web", 1, 0), ("web", 1, 1), ("web", 2, 2)], port_of)
    assert plan.start[0].replica.slot == 2


def test_without_a_formation_there_is_one_web_and_none_of_the_others():
    assert rollout.quantities(TYPES, {}) == {"web": 1, "worker": 0, "clock": 0}
    assert rollout.quantities(TYPES, {"web": 0, "worker": 2, "gone": 5}) == {"web": 0, "worker": 2, "clock": 0}


def test_quantities_as_they_are_typed():
    assert rollout.parse_scale(["web=2", "worker=0", "web=3"]) == {"web": 3, "worker": 0}
    assert rollout.parse_scale([]) == {}
    for text in ("web", "web=", "web=x", "web=-1", "web=101", "web=1.0", "=1", "WEB=1", "a b=1", "web=²"):
        with pytest.raises(InvalidValue):
            rollout.parse_scale([text])


def test_unknown_types_are_refused_unless_they_are_set_to_none():
    rollout.check_scale({"nope": 0, "web": 1}, ["web"])
    rollout.check_scale({"anything": 5}, None)
    with pytest.raises(InvalidValue) as raised:
        rollout.check_scale({"a": 1, "b": 2, "web": 1}, ["web", "worker"])
    assert raised.value.lines() == [
        "the app has no process type a, b",
        "Its process types are: web, worker",
        "Add it to the Procfile and push, then scale it. [no-such-process-type]",
    ]


def test_a_container_s_name_and_labels():
    candidate = rollout.Candidate(Replica("web", 2, 1, 3, 20000), Process("web", None, 5000))
    assert name_of(APP, candidate, "0123456789ab") == f"hello.web.2.b-012345-{APP.id}"
    far = rollout.Candidate(Replica("web", 2, 30, 3, 20000), Process("web", None, 5000))
    assert name_of(APP, far, "0123456789ab") == f"hello.web.2.30-012345-{APP.id}"
    labels = labels_of(APP, candidate, release(3), "0123456789ab")
    assert labels == {
        "paas.instance": "0123456789ab",
        "paas.app": "hello",
        "paas.app-id": "7",
        "paas.process": "web",
        "paas.index": "2",
        "paas.slot": "1",
        "paas.release": "3",
        "paas.role": "",
        "paas.run": "",
        "paas.sandbox": "",
        "com.dokku.app-name": "hello",
        "com.dokku.process-type": "web",
        "com.dokku.dyno": "web.2",
    }
