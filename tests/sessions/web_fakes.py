"""The web before a server made of fakes: the real control socket between them, and Flask's client as the browser."""

import asyncio
import functools
import re
import threading
from pathlib import Path

from flask.testing import FlaskClient

from paas.access import keys, tokens
from paas.control import server as control
from paas.web.app import create, instance

LOOPBACK = {"X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "http"}


@functools.cache
def application():
    """Made once, with its templates: what is an instance's own is in its configuration."""
    return create(Path("/nowhere"))


class Web:
    """A server's control socket on a loop of its own, and the WSGI application."""

    def __init__(self, server):
        self.server = server
        self.app = application()
        self.app.config.update(instance(server.root))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._control = self._call(
            control.start(
                server.paths.control_socket,
                lookup=lambda fingerprint: keys.caller(server.ctx, fingerprint),
                dispatch=server.dispatch,
                tokens=lambda token: tokens.caller(server.ctx, token),
            )
        )

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close(self):
        """Ends the control socket."""
        self._call(self._control.close(grace=0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def token(self, role="admin", name="", **more):
        """A token of that role, as an administrator makes one."""
        ttl = "".join(f" --{key} {value}" for key, value in more.items())
        return self.server.run(f"tokens:add {name or role} --role {role}{ttl}").out.strip()

    def call(self, name, parameters=None, token="", *, method="POST", headers=None, **options):
        """A request to the API."""
        given = {"json": parameters or {}} if method == "POST" else {"query_string": parameters}
        sent = {**LOOPBACK, **({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        client = self.app.test_client()
        # Read to its end, as a client does: only then it is over for the server.
        options = {"buffered": True, **given, **options}
        return client.open(f"/api/v1/commands/{name}", method=method, headers=sent, **options)

    def browser(self, role="admin"):
        """Somebody who is signed in."""
        found = Browser(self.app.test_client())
        answer = found.post("/sign-in", token=self.token(role, name=f"{role}-browser"))
        assert answer.status_code == 303, answer.text
        return found


class Browser:
    """A browser with its cookies: it sends forms as the pages that it shows have them."""

    def __init__(self, client: FlaskClient):
        self.client = client
        self.page = ""

    def get(self, path):
        """Opens a page."""
        answer = self.client.get(path, headers=LOOPBACK, buffered=True)
        self.page = answer.get_data(as_text=True)
        return answer

    def post(self, path, **fields):
        """Sends a form of the page that is open."""
        key = re.search(r'name="form_key" value="([0-9a-f]+)"', self.page)
        fields = {**({"form_key": key[1]} if key else {}), **fields}
        return self.client.post(path, data=fields, headers=LOOPBACK, buffered=True)
