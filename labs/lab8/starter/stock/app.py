"""Tells prices. The list of goods is a file that comes from outside."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8000
LISTEN = os.environ.get("LISTEN", "127.0.0.1")

path = os.environ.get("GOODS_FILE")
if not path:
    sys.exit("GOODS_FILE is not set: where is the list of goods?")
try:
    with open(path) as file:
        goods = json.load(file)
except (OSError, ValueError) as error:
    sys.exit(f"the list of goods can't be read: {error}")


class Stock(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok", "goods": len(goods)})
        elif self.path.startswith("/goods/") and self.path[7:] in goods:
            self.answer(200, {"name": self.path[7:], **goods[self.path[7:]]})
        else:
            self.answer(404, {"error": "no such thing"})

    def answer(self, status, body):
        payload = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"{len(goods)} goods, listening on {LISTEN}:{PORT}", flush=True)
ThreadingHTTPServer((LISTEN, PORT), Stock).serve_forever()
