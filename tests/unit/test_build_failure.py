"""The cause class of a build that failed."""

from paas.core.builds.log import BuildLog, build_failure


def failure(*lines):
    log = BuildLog()
    for line in ("#5 [2/3] RUN make", *lines):
        log.feed(line)
    return build_failure(log)


def test_a_full_disk():
    error = failure(
        "#5 1.2 cc: error: write: No space left on device",
        "#5 ERROR: process failed",
        "error: failed to solve: executor failed running [/bin/sh -c make]: exit code: 1",
    )
    assert error.code == "disk-full"
    assert error.what == "the image could not be built at [2/3] RUN make: the disk is full"


def test_a_full_disk_that_buildkit_met_itself():
    assert failure("ERROR: failed to solve: failed to copy: write /var/x: no space left on device").code == "disk-full"


def test_a_step_that_was_killed():
    assert failure("error: failed to solve: executor failed running [make]: exit code: 137").code == "build-killed"


def test_another_failure():
    error = failure("error: failed to solve: executor failed running [/bin/sh -c make]: exit code: 2")
    assert error.code == "build-failed"


def test_a_step_is_shown_without_what_is_mounted_for_it():
    mounts = "--mount=type=secret,id=env --mount=type=cache,id=x,target=/y"
    step = f"[web 2/3] RUN {mounts}     . /run/secrets/env; : variables 0a1b;     npm run build"
    log = BuildLog()
    assert log.feed(f"#7 {step}") == "[web 2/3] RUN npm run build"
    log.feed("#7 ERROR: executor failed")
    error = build_failure(log, "Look at it.")
    assert error.what == "the image could not be built at [web 2/3] RUN npm run build"
    assert error.fix == "The step's output is above. Look at it."


def test_a_step_that_knows_why_it_fails_says_so_by_itself():
    error = failure(
        "#5 1.2 ::paas-error::no-jar::the build left no jar::It was looked for in target.::Set build-dir.",
        "#5 ERROR: process failed",
        "error: failed to solve: executor failed running [make]: exit code: 1",
    )
    assert error.lines() == ["the build left no jar", "It was looked for in target.", "Set build-dir. [no-jar]"]
    log = BuildLog()
    shown = log.feed("#7 [java 2/3] RUN a && { [ -n x ] || { echo '::paas-error::a::b::c::it'\"'\"'s d'; exit 1; }; }")
    assert shown == "[java 2/3] RUN a && { [ -n x ] || { }; }"
    assert log.feed("#7 0.1 ::paas-error::a::b::c::d") is None
