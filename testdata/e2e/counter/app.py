"""Counts its page views in Redis."""
import os

import redis
from flask import Flask

app = Flask(__name__)
store = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"),
    port=int(os.environ.get("REDIS_PORT", "6379")),
)


@app.route("/")
def index():
    views = store.incr("views")
    return f"This page has been viewed {views} times.\n"


if __name__ == "__main__":
    app.run(host=os.environ.get("HOST", "0.0.0.0"), port=int(os.environ.get("PORT", "5000")))
