"""Packs parcels over HTTP. Takes a moment to get ready, and finishes what it has begun before it ends."""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8000
WARM_UP_SECONDS = 2
READY_AT = time.monotonic() + WARM_UP_SECONDS


class Counter(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            ready = time.monotonic() >= READY_AT
            self.answer(200 if ready else 503, {"status": "ok" if ready else "warming up"})
        elif self.path == "/parcel":
            time.sleep(1)
            self.answer(200, {"parcel": "packed", "packers": int(os.environ.get("PACKERS", "1"))})
        else:
            self.answer(404, {"error": "ask for /parcel or /health"})

    def answer(self, status, body):
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


server = ThreadingHTTPServer(("0.0.0.0", PORT), Counter)
# Wait for parcels that are being packed when the server is closed.
server.daemon_threads = False


def finish(number, _frame):
    print(f"got signal {number}: no new parcels", flush=True)
    # In a thread of its own: shutdown() waits for the loop below, which this handler interrupts.
    threading.Thread(target=server.shutdown).start()


signal.signal(signal.SIGTERM, finish)
print(f"packing on port {PORT}")
server.serve_forever()
server.server_close()
print("every parcel is packed, goodbye", flush=True)
