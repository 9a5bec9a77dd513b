"""What nobody needs any more, and above all what stays."""

from paas.core.containers.image import StoredImage
from paas.core.model import Container, Release, ReleaseState, Replica
from paas.core.server import garbage
from paas.core.server.garbage import Kept

CURRENT, SUPERSEDED, FAILED, PENDING = (
    ReleaseState.CURRENT, ReleaseState.SUPERSEDED, ReleaseState.FAILED, ReleaseState.PENDING,
)  # fmt: skip


def release(version, image, state=SUPERSEDED):
    return Release(image, "c", (), {}, {}, "ada", "push", version=version, state=state)


def container(status="exited", *, app=1, index=1, slot=0, image="i1"):
    return Container(f"{app}.{index}.{slot}", "n", app, "web", index, slot, 1, status, image)


def test_the_newest_releases_that_served_keep_their_image():
    releases = [
        release(6, "e", PENDING), release(5, "d", FAILED), release(4, "c", CURRENT), release(3, "b"), release(2, "a"),
    ]  # fmt: skip
    assert garbage.kept(releases, 2) == Kept(frozenset({4, 3}), frozenset({"c", "b", "e"}))


def test_an_old_release_with_a_kept_image_keeps_its_name():
    kept = garbage.kept([release(3, "a", CURRENT), release(2, "b"), release(1, "a")], 1)
    assert kept == Kept(frozenset({3, 1}), frozenset({"a"}))


KEEPS = Kept(frozenset({3}), frozenset({"i3"}))


def images(*stored, containers=(), keeps=KEEPS):
    found = garbage.of_app(1, keeps, (), containers, stored)
    return found.names, [image.id for image in found.images]


def test_the_image_of_a_release_that_is_not_kept_goes():
    assert images(StoredImage("i2", 1, ((1, 2),)), StoredImage("i3", 1, ((1, 3),))) == ((), ["i2"])


def test_an_image_without_a_name_that_was_built_for_the_app_goes():
    assert images(StoredImage("failed", 1)) == ((), ["failed"])


def test_one_that_was_built_for_another_app_stays():
    assert images(StoredImage("other", 2), StoredImage("unknown", None), StoredImage("i9", 2, ((2, 1),))) == ((), [])


def test_only_the_name_goes_of_an_image_that_another_app_has_too():
    assert images(StoredImage("shared", 1, ((1, 2), (2, 1)))) == ((2,), [])


def test_an_image_that_somebody_else_named_stays():
    assert images(StoredImage("tagged", 1, (), ("mine:latest",))) == ((), [])
    assert images(StoredImage("tagged", 1, ((1, 2),), ("mine:latest",))) == ((2,), [])


def test_an_image_in_use_stays_with_its_names():
    assert images(StoredImage("i2", 1, ((1, 2),)), containers=[container("running", app=2, image="i2")]) == ((), [])


def test_an_image_whose_only_container_goes_can_go():
    assert images(StoredImage("i1", 1), containers=[container()]) == ((), ["i1"])


def test_the_image_of_a_release_on_its_way_stays():
    assert images(StoredImage("new", 1), keeps=Kept(frozenset(), frozenset({"new"}))) == ((), [])


def dead(*containers, replicas=()):
    return [found.id for found in garbage.of_app(1, Kept(), replicas, containers, ()).containers]


def test_containers_that_ended_and_are_not_wanted_go():
    wanted = Replica("web", 1, 0, 3)
    assert dead(container(), container(slot=1), container("dead", index=2), replicas=[wanted]) == ["1.1.1", "1.2.0"]


def test_containers_that_run_or_have_not_begun_or_are_another_s_stay():
    assert dead(*(container(status) for status in ("running", "created", "paused", "restarting"))) == []
    assert dead(container(app=2)) == []
