"""A small web service: a greeting, and a word on how it is doing."""

from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/")
def greeting():
    return jsonify(message="Hello from a container!")


@app.get("/health")
def health():
    return jsonify(status="ok")
