"""The image with what a container wrote: the configuration of the one before, and one layer more."""

import io
import json
import tarfile

from paas.schedulers.docker import committed

BEFORE = {
    "Architecture": "arm64",
    "Os": "linux",
    "Variant": "v8",
    "Config": {"Env": ["PATH=/bin"], "Cmd": ["./web"], "Labels": {"paas.app-id": "1"}, "User": "app"},
}


def test_the_configuration_stays_as_it_was():
    assert json.loads(committed.described(BEFORE, ["sha256:a", "sha256:b"], "2026-01-01T00:00:00Z")) == {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "created": "2026-01-01T00:00:00Z",
        "config": BEFORE["Config"],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]},
    }


def test_the_stream_names_as_many_layers_as_there_are_and_holds_none():
    with tarfile.open(fileobj=io.BytesIO(committed.stream(b"{}", 2))) as archive:
        assert archive.getnames() == ["config.json", "manifest.json"]
        manifest = json.loads(archive.extractfile("manifest.json").read())
    assert manifest == [{"Config": "config.json", "RepoTags": None, "Layers": ["0/layer.tar", "1/layer.tar"]}]
