"""Quotes over HTTP: one for each day, written in Markdown and sent as HTML."""

from datetime import date

from flask import Flask, jsonify
from markdown import markdown

from app.quotes import QUOTES

app = Flask(__name__)

TITLE = "Quote of the day"


@app.get("/")
def quote():
    text, author = QUOTES[date.today().toordinal() % len(QUOTES)]
    return markdown(f"# {TITLE}\n\n> {text}\n\n*{author}*\n")


@app.get("/health")
def health():
    return jsonify(status="ok", quotes=len(QUOTES))
