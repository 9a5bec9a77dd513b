"""A web server that tells its arguments, and ends with a line when it is told to end."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(repr(sys.argv).encode())


def end(*_):
    print("SIGTERM arrived", flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
print("started", sys.argv, sys.version.split()[0], flush=True)
HTTPServer(("", int(os.environ.get("PORT", "5000"))), Handler).serve_forever()
