"""Public addresses of the edge."""

from __future__ import annotations

import ipaddress

from paas.jobs.context import Context

ANY = "::"


def leading_here(ctx: Context) -> frozenset[str]:
    """Return the addresses that a public name may point to.

    These are the addresses of the setting ``public-addresses`` and this machine's own. Left out are loopback,
    link-local and container addresses, and IPv6 addresses on which nginx does not listen.
    """
    own = ctx.host.addresses() - ctx.host.inner_addresses()
    return frozenset(one for one in own if _reached(ctx, one)) | set(ctx.settings.value("public-addresses") or ())


def _reached(ctx: Context, text: str) -> bool:
    address = ipaddress.ip_address(text)
    if address.is_loopback or address.is_link_local:
        return False
    return address.version == 4 or bool({ANY, text} & listening_ipv6(ctx))


def listening_ipv6(ctx: Context) -> set[str]:
    """Return the IPv6 addresses on which nginx listens; ``::`` stands for all of the machine."""
    extra = ctx.store.properties.of(None).text("nginx", "bind-address-ipv6")
    return {address for address in (str(ctx.settings.value("listen")), extra) if ":" in address}
