import os

from bottle import route, run


@route("/")
def index() -> str:
    return "bottle v1"


run(host="0.0.0.0", port=int(os.environ["PORT"]), quiet=True)
