"""Takes texts, has them counted by a worker, and tells what came of it."""

import json
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import parts

PORT = 8000


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/health":
            self.careful(self.health)
        elif path == "/texts":
            self.careful(self.list_texts)
        else:
            self.answer(404, {"error": "ask for /texts or /health"})

    def do_POST(self):
        if urlsplit(self.path).path == "/texts":
            self.careful(self.take_text)
        else:
            self.answer(404, {"error": "texts go to /texts"})

    def health(self):
        with parts.database() as database:
            database.execute("select 1")
        parts.queue().ping()
        self.answer(200, {"status": "ok"})

    def list_texts(self):
        with parts.database() as database:
            rows = database.execute("select id, text, words from texts order by id").fetchall()
        self.answer(200, {"texts": [{"id": n, "text": text, "words": words} for n, text, words in rows]})

    def take_text(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with parts.database() as database:
            (number,) = database.execute("insert into texts (text) values (%s) returning id", (text,)).fetchone()
        # Only now, when the row is there for the worker to find.
        parts.queue().lpush(parts.TICKETS, number)
        words = self.wait_for(number)
        self.answer(202 if words is None else 200, {"id": number, "words": words})

    def wait_for(self, number):
        """The number of words, if the worker is done within `?wait=SECONDS`."""
        wait = float(parse_qs(urlsplit(self.path).query).get("wait", ["0"])[0])
        deadline = time.monotonic() + min(wait, 30)
        while True:
            with parts.database() as database:
                (words,) = database.execute("select words from texts where id = %s", (number,)).fetchone()
            if words is not None or time.monotonic() >= deadline:
                return words
            time.sleep(0.1)

    def careful(self, work):
        try:
            work()
        except parts.FAULTS as error:
            print(f"{self.path}: {error}", flush=True)
            self.answer(503, {"error": str(error).strip()})

    def answer(self, status, body):
        payload = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
parts.prepare()
print(f"web on port {PORT}", flush=True)
ThreadingHTTPServer(("0.0.0.0", PORT), Web).serve_forever()
