"""Rules for names: refused with the rule, never repaired."""

import pytest

from paas.core import names
from paas.core.errors import InvalidValue

GOOD = {
    names.app_name: ["a", "my-app", "app.example.org", "0", "a" * 63, "a1.b2-c3"],
    names.process_type: ["web", "w", "web-2", "w" * 32],
    names.variable: ["A", "_", "a_B9", "A" * 255],
    names.key_name: ["alice", "alice@laptop", "a.b_c+d-e", "A" * 64],
    names.branch: ["main", "feature/x", "v1.2", "a" * 200, "_x"],
}
BAD = {
    names.app_name: [
        *("", "A", "-a", "a-", ".a", "a.", "a..b", "a.-b", "a-.b", "a_b", "a b", "a/b", "../a", "a.git", "a" * 64),
        *("a;rm", "é", "a\n", "a\0", "$(a)", "٣"),
    ],
    names.process_type: ["", "Web", "-w", "w-", "w_b", "w b", "w.1", "w" * 33, "w\n"],
    names.variable: ["", "1A", "A-B", "A B", "A=B", "é", "A" * 256, "A\n"],
    names.key_name: ["", "-a", "a b", "a/b", "A" * 65, "a\n", ".a"],
    names.branch: [
        *("", "/a", "a/", "a//b", "a..b", ".a", "a/.b", "a.lock", "a/b.lock", "a.", "-a", "a b", "a~1", "a^", "a:b"),
        *("a\\b", "a?", "a[b", "a" * 201, "a\n"),
    ],
}


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, good in GOOD.items() for name in good])
def test_a_name_that_keeps_the_rule_is_given_back_as_it_is(rule, name):
    assert rule(name) == name


@pytest.mark.parametrize(("rule", "name"), [(rule, name) for rule, bad in BAD.items() for name in bad])
def test_a_name_that_breaks_the_rule_is_refused(rule, name):
    with pytest.raises(InvalidValue) as raised:
        rule(name)
    assert raised.value.what.startswith(f"{name!r} is not a name for ")
    assert raised.value.why
    assert raised.value.fix
    assert raised.value.code.startswith("invalid-")
