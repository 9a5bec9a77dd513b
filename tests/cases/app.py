"""Answers by path: /refuse before the body is read, /length as WSGI does, /hints with a 103, /big?n=KB of headers,
/drip 60 MB, one a second. With SLOW=SECONDS it begins to listen that much later."""

import os
import select
import signal
import socketserver
import sys


def slowly(seconds):
    select.select([], [], [], seconds)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
slowly(float(os.environ.get("SLOW", "0")))


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            _, target, _ = line.decode("latin1").split()
            headers = {}
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode("latin1").partition(":")
                headers[name.lower()] = value.strip()
            length = int(headers.get("content-length") or 0)
            if target == "/refuse":
                self.reply("401 Unauthorized", b"no\n", "Connection: close\r\n")
                return
            if target == "/length":
                body = self.rfile.read(length)
                self.reply("200 OK", f"read {len(body)} bytes\n".encode(), "Connection: close\r\n")
                return
            self.rfile.read(length)
            if target == "/hints":
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n")
            if target == "/drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 75000000\r\n\r\n")
                for _ in range(75):
                    self.wfile.write(b"x" * 1_000_000)
                    slowly(1)
                continue
            more = ""
            if target.startswith("/big?n="):
                more = "".join(f"Set-Cookie: c{number}={'v' * 1000}\r\n" for number in range(int(target[7:])))
            self.reply("200 OK", f"{os.environ.get('PAAS_APP')}\n".encode(), more)

    def reply(self, status, body, more=""):
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("", int(os.environ.get("PORT", "5000"))), Handler).serve_forever()
