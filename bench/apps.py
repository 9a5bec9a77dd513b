"""The apps that are deployed: small ones, with a line that changes from one release to the next."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.programs import environment, run

PYTHON = """\
import http.server, os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
def paced(rate, seconds):
    line, began = "x" * 180, time.monotonic()
    for tick in range(seconds * 100):
        if tick == seconds * 50:
            sys.stdout.write("L" * 1_000_000 + "\\n")
            sys.stdout.flush()
            sys.stdout.buffer.write(b"\\xff\\x00\\x1b[2Jgarbage\\n")
        first = tick * rate // 100
        sys.stdout.write("".join(f"{n:09d} {line}\\n" for n in range(first, (tick + 1) * rate // 100)))
        sys.stdout.flush()
        time.sleep(max(0.0, began + (tick + 1) / 100 - time.monotonic()))
    print("the end", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        if self.path.startswith("/lines/"):
            count = int(self.path.rsplit("/", 1)[1])
            line = "x" * 180
            for first in range(0, count, 1000):
                sys.stdout.write("".join(f"{n:09d} {line}\\n" for n in range(first, min(first + 1000, count))))
            sys.stdout.flush()
        if self.path.startswith("/paced/"):
            paced(*map(int, self.path.split("/")[2:]))
        body = f"TEXT {socket.gethostname()}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""

NGINX = """\
worker_processes auto;
daemon off;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    keepalive_requests 1000000;
    server {
        listen 5000 backlog=4096;
        location / { default_type text/plain; return 200 "TEXT\\n"; }
    }
}
"""


def python_app(base: str, text: str = "one") -> dict[str, str]:
    """A web server of Python's standard library that answers with the text."""
    dockerfile = f'FROM {base}\nWORKDIR /app\nCOPY . .\nCMD ["python3", "-u", "web.py"]\n'
    return {"Dockerfile": dockerfile, "web.py": PYTHON.replace("TEXT", text)}


def nginx_app(base: str, text: str = "one") -> dict[str, str]:
    """An app that is quicker than any proxy before it: nginx with a fixed answer."""
    dockerfile = f'FROM {base}\nCOPY nginx.conf /app/\nCMD ["nginx", "-e", "stderr", "-c", "/app/nginx.conf"]\n'
    return {"Dockerfile": dockerfile, "nginx.conf": NGINX.replace("TEXT", text)}


class Source:
    """A git work tree on the developer's side."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self.env = environment(
            **{f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        )
        folder.mkdir(parents=True)
        run(["git", "init", "-q", "-b", "main"], folder=folder, env=self.env)
        self.commit(files)

    def commit(self, files: Mapping[str, str]) -> None:
        """One more commit, with these files written."""
        for name, text in files.items():
            (self.folder / name).write_text(text)
        run(["git", "add", "-A"], folder=self.folder, env=self.env)
        run(["git", "commit", "-q", "--allow-empty", "-m", "change"], folder=self.folder, env=self.env)


def bulk(folder: Path, files: int, size: int) -> None:
    """Fills the folder with so many files of so many bytes that do not compress well."""
    chance = random.Random(4)
    for number in range(files):
        path = folder / f"part{number // 100:02d}" / f"file{number:04d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(size))


def history(folder: Path, commits: int, size: int) -> None:
    """A bare repository whose branch main has so many commits, each with another file of so many random bytes."""
    chance = random.Random(5)
    stream = bytearray()
    for number in range(commits):
        message = f"change {number}".encode()
        data = chance.randbytes(size)
        stream += b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\n" % (1_767_225_600 + number)
        stream += b"data %d\n%s\n" % (len(message), message)
        stream += b"M 100644 inline file%d\ndata %d\n" % (number % 200, size) + data + b"\n"
    run(["git", "init", "-q", "--bare", "-b", "main", str(folder)])
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=bytes(stream), env=environment(), check=True)
    run(["git", "repack", "-adq"], folder=folder)
