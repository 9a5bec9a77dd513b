"""How large a commit may be once it is checked out."""

import pytest

from paas.core.errors import BuildFailed
from paas.core.git import checkout

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("size", "stored"),
    [(0, 0), (100 * MIB, 0), (300 * MIB, 290 * MIB), (4 * GIB, GIB), (2 * GIB, 11 * MIB)],
)
def test_what_may_be_checked_out(size, stored):
    checkout.check(size, 4 * GIB, stored)


@pytest.mark.parametrize(
    ("size", "stored", "what"),
    [
        (4 * GIB + 1, 4 * GIB, "the commit's files are too large: 4.0 GiB"),
        (1_600_000_000, 16_605, "the commit's files unpack to 96356 times what the repository takes"),
        (129 * MIB, 0, "the commit's files unpack to 135266304 times what the repository takes"),
    ],
)
def test_what_may_not(size, stored, what):
    with pytest.raises(BuildFailed) as caught:
        checkout.check(size, 4 * GIB, stored)
    assert (caught.value.what, caught.value.code) == (what, "checkout-too-large")
    assert caught.value.why and caught.value.fix
