import shutil

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return f"chain v1, node at run time: {shutil.which('node')}"
