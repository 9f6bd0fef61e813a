"""Keeps notes in a small database. POST /notes takes one, GET /notes lists them all."""

import json
import os
import sqlite3
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATABASE = os.environ.get("DATABASE", "/data/notes.db")
PORT = 8000


def database():
    connection = sqlite3.connect(DATABASE)
    connection.execute("create table if not exists notes (id integer primary key, text not null)")
    return connection


class Notes(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/notes":
            self.with_database(self.list_notes)
        else:
            self.answer(404, {"error": "ask for /notes or /health"})

    def do_POST(self):
        if self.path == "/notes":
            self.with_database(self.add_note)
        else:
            self.answer(404, {"error": "notes go to /notes"})

    def list_notes(self, connection):
        rows = connection.execute("select id, text from notes order by id").fetchall()
        self.answer(200, {"notes": [{"id": number, "text": text} for number, text in rows]})

    def add_note(self, connection):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        cursor = connection.execute("insert into notes (text) values (?)", (text,))
        connection.commit()
        self.answer(201, {"id": cursor.lastrowid, "text": text})

    def with_database(self, work):
        try:
            with closing(database()) as connection:
                work(connection)
        except sqlite3.Error as error:
            print(f"{DATABASE}: {error}", flush=True)
            self.answer(500, {"error": f"the database can not be used: {error}"})

    def answer(self, status, body):
        payload = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


print(f"notes in {DATABASE}, on port {PORT}", flush=True)
ThreadingHTTPServer(("0.0.0.0", PORT), Notes).serve_forever()
