"""Suites that every implementation of a seam has to pass."""

import pytest

# Otherwise an assertion that fails in a suite shows no values.
pytest.register_assert_rewrite("contract.scheduler")
