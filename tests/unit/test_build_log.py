"""BuildKit's plain progress, as docker 20.10 and buildx print it."""

from paas.core.builds.log import KEPT_LINES, BuildLog

FRESH = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:8f08d5a1dcd16e9e951c21b9a09361e1abe0520cfeae395dfd902129e2f518e4
#1 transferring dockerfile: 164B done
#1 DONE 0.0s

#2 [internal] load .dockerignore
#2 sha256:3ac2a7d5d86768dad99feb8a1de08d2e1213a3f146ea5d0eeec780e90917bc49
#2 transferring context: 2B done
#2 DONE 0.0s

#3 [internal] load metadata for docker.io/paas/stack:bookworm
#3 sha256:54da6ee3a16607b8e5036555d79b811bbfe84a672089b8f14394690b2567607f
#3 DONE 0.0s

#4 [base 1/2] FROM docker.io/paas/stack:bookworm
#4 sha256:0ae582dca690a756716597a9a7546d9f51b77a9b22b703a06949dddf2f020102
#4 CACHED

#7 [internal] load build context
#7 sha256:592179be31923407cc4f5a21f1364d5ce74862584eba01025d1c841bf84e7c85
#7 transferring context: 34B 0.0s done
#7 DONE 0.1s

#5 [base 2/2] RUN mkdir -p /srv && echo one && echo two >&2
#5 sha256:aa93ee0652d7036ab8a7981c6cca890bf01fdabfb24dd74ecf39c5f2da8a02c0
#5 0.297 one
#5 0.297 two
#5 DONE 0.3s

#6 [stage-1 1/2] WORKDIR /srv
#6 sha256:fcaa46016709e0f552211b7e893df1a4ca7fabe231f2c71289457099fa7caf90
#6 DONE 0.0s

#8 [stage-1 2/2] COPY file .
#8 sha256:5631d6dc3443a0b50092f2a7121217b4679828e0d49cd4d165f33b022e63c58f
#8 DONE 0.1s

#9 exporting to image
#9 sha256:e8c613e07b0b7ff33893b694f7759a10d42e180f2b4dc349fb57dc6b71dcab00
#9 exporting layers 0.1s done
#9 writing image sha256:3d70a144a1909cc0377be7fcfcc377d0c88161410662cd57537c2c446ea963f6 done
#9 DONE 0.1s
"""

FAILED = """\
#4 [2/2] RUN echo before && ls /nowhere
#4 sha256:64b0711099878f035b4b2ef00b0db6b2e430d8740f2c553c6dfe8eca0f6347fc
#4 0.378 before
#4 0.387 ls: cannot access '/nowhere': No such file or directory
#4 ERROR: executor failed running [/bin/sh -c echo before && ls /nowhere]: exit code: 2
------
 > [2/2] RUN echo before && ls /nowhere:
------
executor failed running [/bin/sh -c echo before && ls /nowhere]: exit code: 2
"""

FAILED_IN_BUILDX = """\
#0 building with "default" instance using docker driver

#4 [2/2] RUN echo before && ls /nowhere
#4 0.312 before
#4 0.313 ls: cannot access '/nowhere': No such file or directory
#4 ERROR: process "/bin/sh -c echo before && ls /nowhere" did not complete successfully: exit code: 2
------
 > [2/2] RUN echo before && ls /nowhere:
0.312 before
0.313 ls: cannot access '/nowhere': No such file or directory
------
Dockerfile:2
--------------------
   1 |     FROM debian
   2 | >>> RUN echo before && ls /nowhere
   3 |
--------------------
ERROR: failed to solve: process "/bin/sh -c echo before && ls /nowhere" did not complete successfully: exit code: 2
"""

MISSING_FILE = """\
#6 [2/2] COPY nothing /x
#6 sha256:02687ebcd7499fbb18692e77137a27727bd5f789e3c165f1d0f6fec4c4e98ed3
#6 ERROR: "/nothing" not found: not found
------
 > [2/2] COPY nothing /x:
------
failed to compute cache key: "/nothing" not found: not found
"""

UNKNOWN_INSTRUCTION = """\
#2 [internal] load .dockerignore
#2 transferring context: 2B done
#2 DONE 0.0s
failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown \
instruction: RNU
"""

NO_REGISTRY = """\
#3 [internal] load metadata for no.such.registry.invalid/x:1
#3 ERROR: failed to do request: Head "https://no.such.registry.invalid/v2/x/manifests/1": dial tcp: no such host
------
 > [internal] load metadata for no.such.registry.invalid/x:1:
------
failed to solve with frontend dockerfile.v0: failed to do request: no such host
"""


def feed(text):
    log = BuildLog()
    shown = [log.feed(line) for line in text.splitlines()]
    return log, [line for line in shown if line is not None]


def test_steps_with_their_output_are_shown_and_the_rest_is_not():
    log, shown = feed(FRESH)
    assert shown == [
        "[base 1/2] FROM docker.io/paas/stack:bookworm",
        "  cached",
        "[base 2/2] RUN mkdir -p /srv && echo one && echo two >&2",
        "  one",
        "  two",
        "[stage-1 1/2] WORKDIR /srv",
        "[stage-1 2/2] COPY file .",
    ]
    assert log.failed_step == ""


def test_the_step_that_failed_and_why():
    log, shown = feed(FAILED)
    assert shown == [
        "[2/2] RUN echo before && ls /nowhere",
        "  before",
        "  ls: cannot access '/nowhere': No such file or directory",
    ]
    assert log.failed_step == "[2/2] RUN echo before && ls /nowhere"
    assert log.error() == "executor failed running [/bin/sh -c echo before && ls /nowhere]: exit code: 2"


def test_buildx_repeats_the_output_and_the_dockerfile_and_that_is_left_out():
    log, shown = feed(FAILED_IN_BUILDX)
    assert shown == [
        "[2/2] RUN echo before && ls /nowhere",
        "  before",
        "  ls: cannot access '/nowhere': No such file or directory",
    ]
    assert log.error() == (
        'ERROR: failed to solve: process "/bin/sh -c echo before && ls /nowhere" did not complete successfully: '
        "exit code: 2"
    )


def test_failures_without_output():
    log, _ = feed(MISSING_FILE)
    assert (log.failed_step, log.error()) == (
        "[2/2] COPY nothing /x",
        'failed to compute cache key: "/nothing" not found: not found',
    )
    log, shown = feed(UNKNOWN_INSTRUCTION)
    assert (shown, log.failed_step) == ([], "")
    assert log.error().endswith("dockerfile parse error line 2: unknown instruction: RNU")
    log, _ = feed(NO_REGISTRY)
    assert log.error().endswith("no such host")
    assert BuildLog().error() == "the builder gave no reason"


def test_steps_that_run_at_the_same_time_are_told_apart():
    _, shown = feed("#5 [a 1/1] RUN x\n#6 [b 1/1] RUN y\n#5 0.1 from x\n#6 ...\n\n#5 [a 1/1] RUN x\n#6 0.2 from y\n")
    assert shown == ["[a 1/1] RUN x", "[b 1/1] RUN y", "  from x", "  from y"]


def test_output_is_passed_on_as_it_is():
    text = "#5 [2/2] RUN x\n#5 0.1   indented\n#5 0.2 \n#5 0.3 DONE with it\n#5 0.4 #7 text\n#5 1.5 sha256:abc\n"
    _, shown = feed(text)
    assert shown == ["[2/2] RUN x", "    indented", "  ", "  DONE with it", "  #7 text", "  sha256:abc"]


def test_only_the_last_lines_of_a_step_are_kept_in_memory():
    log, shown = feed("#5 [2/2] RUN x\n" + "".join(f"#5 0.1 line {number}\n" for number in range(1000)))
    assert len(shown) == 1001
    assert len(log._output["5"]) == KEPT_LINES
