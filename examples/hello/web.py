"""A page that shows the app, the release, the process and the container that answered."""

import os
import signal
import socket
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "{greeting} from {app}: release {release}, process {process}, container {host}\n"

PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{app}</title>
<style>
  body {{ font: 1.2rem/1.6 system-ui, sans-serif; max-width: 32rem; margin: 18vh auto; padding: 0 1rem }}
  code {{ background: #8882; padding: .1em .4em; border-radius: .3em }}
</style>
<h1>{greeting} from {app}</h1>
<p>Release <code>{release}</code>, process <code>{process}</code>, container <code>{host}</code>.
<p>Change <code>web.py</code>, commit, and <code>git push</code> again.
"""

FACTS = {
    "greeting": escape(os.environ.get("GREETING", "Hello")),
    "app": escape(os.environ.get("PAAS_APP", "hello")),
    "release": escape(os.environ.get("PAAS_RELEASE", "none yet")),
    "process": escape(os.environ.get("DYNO", "web.1")),
    "host": escape(socket.gethostname()),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        browser = "text/html" in self.headers.get("Accept", "")
        answer = (PAGE if browser else TEXT).format_map(FACTS).encode()

        self.send_response(200)
        self.send_header("Content-Type", f"text/{'html' if browser else 'plain'}; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        print(format % args, flush=True)


def main() -> None:
    # Without a handler, Python as the first process of a container ignores SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    port = int(os.environ.get("PORT", "5000"))
    print(f"Listening on port {port}", flush=True)
    ThreadingHTTPServer(("", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
