"""``domains:*``: host names of apps, and the global ones."""

import json

import pytest

from fakes import DEPLOYER, VIEWER, Behaviour
from paas.core.errors import disk_full
from paas.edge import publish

MISSING = " !     missing argument: DOMAIN\n !     Example: {} [usage]\n"


def test_report_shows_own_global_and_computed_names(hello):
    hello.run("domains:add hello www.example.org")
    assert hello.run("domains:report hello", caller=VIEWER) == (
        0,
        "       Domains app enabled:      true\n"
        "       Domains app vhosts:       www.example.org\n"
        "       Domains computed vhosts:  www.example.org hello.localhost\n"
        "       Domains global enabled:   true\n"
        "       Domains global vhosts:    localhost\n",
        "",
    )
    assert json.loads(hello.run("domains:report hello --format json").out) == {
        "app-enabled": "true",
        "app-vhosts": "www.example.org",
        "computed-vhosts": "www.example.org hello.localhost",
        "global-enabled": "true",
        "global-vhosts": "localhost",
    }
    assert hello.run("domains:report hello --domains-app-vhosts").out == "www.example.org\n"
    assert hello.run("domains:report --global").out == (
        "       Domains global enabled:  true\n       Domains global vhosts:   localhost\n"
    )


def test_added_domains_are_served_at_once_without_touching_containers(hello):
    before = hello.scheduler.ids()
    added = hello.run("domains:add hello WWW.Example.org example.org. *.wild.example.org", caller=DEPLOYER)
    hosts = "www.example.org example.org *.wild.example.org hello.localhost"
    assert added == (0, "", f"-----> hello answers to: {hosts}\n")
    assert hello.proxy.vhost("hello").hosts == tuple(hosts.split())
    assert hello.scheduler.ids() == before
    assert hello.run("domains:add hello example.org") == added


@pytest.mark.parametrize("domain", ["http://example.org", "example.org:80", "ex_ample.org", "a..org", "*"])
def test_a_name_that_is_no_domain_is_refused_and_none_is_added(hello, domain):
    result = hello.run(["domains:add", "hello", "good.example.org", domain])
    assert result.status == 2
    assert result.err.startswith(f" !     {domain!r} is not a domain name\n")
    assert hello.run("domains:report hello --domains-app-vhosts").out == "\n"


def test_removing_setting_and_clearing(hello):
    hello.run("domains:add hello a.example.org b.example.org")
    assert hello.run("domains:remove hello a.example.org") == (0, "", "")
    assert hello.run("domains:remove hello b.example.org c.example.org") == (
        1,
        "",
        " !     hello has no domain c.example.org\n !     It has: b.example.org, hello.localhost [no-such-domain]\n",
    )
    assert hello.proxy.vhost("hello").hosts == ("b.example.org", "hello.localhost")
    assert hello.run("domains:set hello d.example.org e.example.org") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ("d.example.org", "e.example.org")
    assert hello.run("domains:clear hello") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ()


def test_default_names_can_be_given_up_and_come_back(hello):
    hello.run("domains:add-global paas.example")
    assert hello.run("domains:remove hello hello.localhost") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ("hello.paas.example",)
    hello.run("domains:add-global new.example")
    assert hello.proxy.vhost("hello").hosts == ("hello.paas.example",)
    hello.run("domains:remove-global new.example")
    hello.run("domains:set hello www.example.org")
    hello.run("domains:add hello hello.localhost")
    assert hello.proxy.vhost("hello").hosts == ("www.example.org", "hello.localhost")
    hello.run("domains:add hello hello.paas.example")
    assert hello.run("domains:report hello --domains-app-vhosts").out == "www.example.org hello.localhost\n"
    hello.run("domains:add-global new.example")
    assert "hello.new.example" in hello.proxy.vhost("hello").hosts
    hello.run("domains:clear hello")
    assert hello.run("domains:reset hello").status == 0
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost", "hello.paas.example", "hello.new.example")


def test_a_default_name_that_was_given_up_is_free(hello):
    hello.run("apps:create other")
    hello.run("domains:set hello www.example.org")
    assert hello.run("domains:add other hello.localhost").status == 0
    assert hello.run("domains:add hello hello.localhost").err.endswith("first. [domain-taken]\n")
    assert hello.run("domains:reset hello").status == 0
    assert hello.proxy.vhost("hello").hosts == ()
    hello.run("apps:create whole.example.org")
    hello.run("apps:create whole")
    hello.run("domains:add-global example.org")
    assert "whole.example.org" not in hello.proxy.vhost("whole").hosts
    hello.run("domains:clear whole.example.org")
    assert "whole.example.org" in hello.proxy.vhost("whole").hosts


@pytest.mark.parametrize(
    "line",
    [
        *("domains:add hello", "domains:remove hello", "domains:set hello"),
        *("domains:add-global", "domains:remove-global", "domains:set-global"),
    ],
)
def test_a_change_names_domains(hello, line):
    command, app = line.split()[0], line.endswith("hello")
    assert hello.run(line) == (2, "", MISSING.format(f"{command} {'APP www.' if app else ''}example.org"))


def test_a_domain_belongs_to_one_app(hello):
    hello.run("domains:add hello www.example.org")
    hello.run("apps:create other")
    assert hello.run("domains:add other a.example.org www.example.org") == (
        1,
        "",
        " !     the domain www.example.org belongs to the app 'hello'\n"
        " !     Run 'domains:remove hello www.example.org' first. [domain-taken]\n",
    )
    assert hello.run("domains:report other --domains-app-vhosts").out == "\n"
    assert hello.proxy.vhost("other").hosts == ("other.localhost",)

    hello.run("apps:destroy hello --force")
    assert hello.run("domains:set other www.example.org").status == 0


def test_the_default_name_of_an_app_is_not_for_another_one(hello):
    hello.run("apps:create other")
    assert hello.run("domains:add other hello.localhost") == (
        1,
        "",
        " !     the domain hello.localhost belongs to the app 'hello'\n"
        " !     Every app is served at its name below each global domain. [domain-taken]\n",
    )
    assert hello.run("domains:add hello hello.localhost").status == 0
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost",)


def test_an_own_domain_goes_before_the_default_name_of_an_app_that_comes_later(hello):
    hello.run("domains:add hello other.localhost")
    assert hello.run("apps:create other").status == 0
    assert hello.proxy.vhost("other").hosts == ()
    hello.run("domains:add-global paas.example")
    assert hello.proxy.vhost("other").hosts == ("other.paas.example",)
    assert hello.run("domains:report other --domains-computed-vhosts").out == "other.paas.example\n"
    hello.run("domains:reset hello")
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost", "hello.paas.example")
    assert hello.proxy.vhost("other").hosts == ("other.localhost", "other.paas.example")


def test_global_domains_give_every_app_a_name(hello):
    hello.deployed("other")
    assert hello.run("domains:add-global paas.example") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost", "hello.paas.example")
    assert hello.proxy.vhost("other").hosts == ("other.localhost", "other.paas.example")
    assert hello.run("domains:set-global one.example two.example") == (0, "", "")
    assert hello.run("urls hello").out == "http://hello.one.example:8080\nhttp://hello.two.example:8080\n"
    assert hello.run("domains:remove-global one.example") == (0, "", "")
    assert hello.run("domains:remove-global one.example") == (
        1,
        "",
        " !     the server has no domain one.example\n !     It has: two.example [no-such-domain]\n",
    )
    assert hello.run("domains:clear-global") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ()
    assert hello.run("domains:report --global --domains-global-enabled").out == "false\n"


@pytest.mark.parametrize("verb", ["add", "remove", "set", "clear"])
def test_global_domains_are_for_administrators(hello, verb):
    names = "" if verb == "clear" else " paas.example"
    refused = hello.run(f"domains:{verb}-global{names}", caller=DEPLOYER)
    assert refused == (
        1,
        "",
        f" !     alice may not run domains:{verb}-global\n"
        " !     It needs the role admin; this key has deploy.\n"
        " !     An administrator can add the key with another role: 'ssh-keys:add NAME --role admin'. [forbidden]\n",
    )


def test_domains_that_the_proxy_refuses_are_not_kept(hello):
    hello.proxy.refusals.add("hello")
    assert hello.run("domains:add hello www.example.org") == (
        1,
        "",
        " !     nginx refuses the configuration of hello\n !     the test said so [proxy]\n",
    )
    assert hello.run("domains:add-global paas.example").status == 1
    hello.proxy.refusals.clear()
    assert hello.run("domains:report hello --domains-computed-vhosts").out == "hello.localhost\n"


def test_disabled_domains_are_kept_and_not_served(hello):
    hello.run("domains:add hello www.example.org")
    assert hello.run("domains:disable hello") == (0, "", "-----> hello answers to none of its domains\n")
    assert hello.proxy.vhost("hello").hosts == ()
    assert hello.run("domains:report hello --domains-app-enabled").out == "false\n"
    hello.run("domains:enable hello")
    assert hello.proxy.vhost("hello").hosts == ("www.example.org", "hello.localhost")
    hello.run("domains:disable hello")
    hello.run("domains:add hello example.org")
    assert hello.proxy.vhost("hello").hosts == ("www.example.org", "example.org", "hello.localhost")
    assert hello.run("domains:reset hello") == (0, "", "")
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost",)


def test_a_disabled_domain_stays_the_apps_own(hello):
    for line in ("domains:add hello www.example.org", "redirect:add hello example.org www.example.org"):
        assert hello.run(line).status == 0
    assert hello.proxy.vhost("hello").unserved == ()
    hello.run("domains:disable hello")
    assert hello.proxy.vhost("hello").unserved == ("www.example.org", "hello.localhost", "example.org")
    assert hello.proxy.vhost("hello").refused == hello.proxy.vhost("hello").unknown
    hello.run("domains:enable hello")
    assert hello.proxy.vhost("hello").unserved == ()


def test_domains_of_all_apps_are_disabled_and_enabled_with_one_reload(hello):
    hello.run("apps:create other")
    hello.run("domains:disable other")
    before = hello.proxy.reloads
    done = hello.run("domains:disable --all", caller=DEPLOYER)
    assert done == (0, "", "-----> hello answers to none of its domains\n-----> other answers to none of its domains\n")
    assert (hello.proxy.vhost("hello").hosts, hello.proxy.reloads - before) == ((), 1)
    hello.proxy.refusals.add("other")
    assert hello.run("domains:enable --all").status == 1
    assert hello.proxy.vhost("hello").hosts == ()
    hello.proxy.refusals.clear()
    assert hello.run("domains:enable --all").err.splitlines()[1] == "-----> other answers to: other.localhost"
    for line in ("domains:enable", "domains:disable --all hello"):
        assert "takes either an app or --all" in hello.run(line).err


def test_names_in_other_scripts_have_one_form(hello):
    assert "unicode" not in hello.run("domains:report hello").out
    hello.run(["domains:add", "hello", "Straße.Example", "bücher.example."])
    said = hello.run("domains:add hello *.xn--bcher-kva.example").err
    assert "xn--strae-oqa.example (straße.example) xn--bcher-kva.example (bücher.example)" in said
    shown = hello.run("domains:report hello --domains-unicode-vhosts").out
    assert shown == "straße.example bücher.example *.bücher.example hello.localhost\n"
    hello.run("domains:remove hello *.bücher.example")
    assert hello.proxy.vhost("hello").hosts[:2] == ("xn--strae-oqa.example", "xn--bcher-kva.example")
    hello.run("apps:create other")
    assert hello.run(["domains:add", "other", "BÜCHER.example"]).err.endswith("[domain-taken]\n")
    assert hello.run(["domains:add", "hello", "xn--zzzzzzzz.example"]).status == 2


def test_one_app_may_have_what_nobody_else_has(hello):
    hello.run("apps:create other")
    assert hello.run("domains:add hello _").status == 0
    assert "belongs to the app 'hello'" in hello.run("domains:add other _").err
    assert hello.proxy.vhost("hello").hosts == ("_", "hello.localhost")
    assert hello.run("urls hello").out == "http://hello.localhost:8080\n"
    assert hello.run("domains:add-global _").status == 2


def test_an_app_that_is_called_like_a_host_serves_it(hello):
    hello.deployed("www.example.org")
    assert hello.proxy.vhost("www.example.org").hosts == ("www.example.org",)
    refused = hello.run("domains:add hello www.example.org")
    assert "belongs to the app 'www.example.org'" in refused.err
    hello.run("domains:add hello shop.example.org")
    refused = hello.run("apps:create shop.example.org")
    assert refused.err.startswith(" !     the domain shop.example.org belongs to the app 'hello'\n")
    assert hello.run("apps:create hello.localhost").err.endswith("[domain-taken]\n")
    assert hello.run("apps:rename www.example.org shop.example.org").err.endswith("[domain-taken]\n")


@pytest.mark.real("git")
def test_a_paas_yml_lists_domains(hello):
    hello.run("domains:add hello by-command.example.org")
    hello.source("hello")
    pushed = hello.push("hello", {"paas.yml": "domains: [WWW.example.org, by-command.example.org, old.example.org]\n"})
    assert pushed.status == 0, pushed.err
    hosts = ["by-command.example.org", "www.example.org", "old.example.org", "hello.localhost"]
    assert list(hello.proxy.vhost("hello").hosts) == hosts
    hello.run("domains:add hello later.example.org")
    assert hello.push("hello", {"paas.yml": "domains: [www.example.org]\n"}).status == 0
    hosts = ["by-command.example.org", "www.example.org", "later.example.org", "hello.localhost"]
    assert list(hello.proxy.vhost("hello").hosts) == hosts


@pytest.mark.real("git")
def test_a_push_with_a_domain_of_another_app_is_refused_before_it_is_built(hello):
    hello.run("apps:create other")
    hello.run("domains:add other www.example.org")
    built = len(hello.builder.sources)
    refused = hello.push("hello", {"paas.yml": "domains: [www.example.org]\n"})
    assert refused.status == 1
    assert "the domain www.example.org belongs to the app 'other'" in refused.err
    refused = hello.push("hello", {"paas.yml": "domains: [a.example.org, 'no domain']\n"})
    assert "paas.yml: domains[1]: 'no domain' is not a domain name" in refused.err
    assert len(hello.builder.sources) == built


@pytest.mark.real("git")
def test_domains_of_a_release_that_fails_are_not_kept(hello):
    hello.scheduler.tell("web", Behaviour(answer=500))
    assert hello.push("hello", {"paas.yml": "domains: [www.example.org]\n"}).status == 1
    assert hello.run("domains:report hello --domains-app-vhosts").out == "\n"


def listing(*names):
    return {"paas.yml": f"domains: [{', '.join(names)}]\n"}


@pytest.mark.real("git")
@pytest.mark.parametrize("fails", ["the process", "the proxy", "the record"])
def test_domains_that_a_failed_deploy_lists_are_never_served(hello, monkeypatch, fails):
    assert hello.push("hello", listing("a.example.org", "c.example.org")).status == 0
    before = hello.proxy.vhost("hello").hosts
    assert before[:2] == ("a.example.org", "c.example.org")
    count = len(hello.proxy.switches)
    if fails == "the process":
        hello.scheduler.tell("web", Behaviour(exits=1))
    elif fails == "the proxy":
        hello.proxy.refusals.add("hello")
    else:

        def full(*args):
            raise disk_full("the database")

        monkeypatch.setattr(hello.ctx.store.releases, "make_current", full)
    assert hello.push("hello", listing("b.example.org", "c.example.org")).status == 1
    assert hello.run("domains:report hello --domains-app-vhosts").out == "a.example.org c.example.org\n"
    assert hello.proxy.vhost("hello").hosts == before
    if fails != "the record":
        assert len(hello.proxy.switches) == count


@pytest.mark.real("git")
@pytest.mark.parametrize("gate", ["inspect", "publish"])
def test_domains_that_an_interrupted_deploy_lists_are_not_served(hello, tmp_path, gate):
    assert hello.push("hello", listing("a.example.org")).status == 0
    hello.commit("hello", listing("b.example.org"))
    with hello.gates.hold(gate) as held:
        push = hello.begin_push("hello")
        held.wait_until_reached()
        # Others look after the app meanwhile.
        if gate == "inspect":
            publish.refresh(hello.ctx, hello.app())
        survivor = hello.killed(tmp_path / "survivor")
        assert hello.proxy.vhost("hello").hosts[0] == "a.example.org"
    assert push.wait().status == 0
    assert hello.proxy.vhost("hello").hosts[0] == "b.example.org"
    survivor.repair()
    assert survivor.proxy.vhost("hello").hosts[0] == "a.example.org"
    survivor.close()


@pytest.mark.real("git")
def test_a_listed_domain_that_another_app_took_meanwhile_stays_its(hello):
    hello.run("apps:create other")
    hello.commit("hello", listing("new.example.org"))
    with hello.gates.hold("inspect") as held:
        push = hello.begin_push("hello")
        held.wait_until_reached()
        assert hello.run("domains:add other new.example.org").status == 0
    assert "belongs to the app 'other'" in push.wait().err
    assert "new.example.org" not in hello.proxy.vhost("hello").hosts


def test_a_domain_stays_served_where_giving_it_up_fails_for_another_app(hello):
    """The proxy takes what it can, so what was taken back has to be published again."""
    hello.run("domains:add hello web.localhost")
    hello.run("apps:create web")
    hello.run("apps:create other")
    hello.quiet()
    before = {app: hello.proxy.vhost(app).hosts for app in ("hello", "web")}
    hello.proxy.refusals.add("other")
    assert "nginx refuses the configuration of other" in hello.run("domains:remove hello web.localhost").err
    assert hello.run("domains:report hello --domains-app-vhosts").out == "web.localhost\n"
    assert {app: hello.proxy.vhost(app).hosts for app in before} == before
