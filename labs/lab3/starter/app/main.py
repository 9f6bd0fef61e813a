"""Counts words. The counting is done by tally, which is written in C."""

from flask import Flask, jsonify, request

import tally

app = Flask(__name__)


@app.post("/count")
def count():
    return jsonify(words=tally.words(request.get_data(as_text=True)))


@app.get("/health")
def health():
    # Only well when the part in C works, not merely when it is there.
    works = tally.words("as it should") == 3
    return jsonify(status="ok" if works else "broken", native=tally.__name__)
