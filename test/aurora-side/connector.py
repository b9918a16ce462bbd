"""Stands in for the connector: a real HTTP server that answers with the given statuses and stores every call."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def lower(headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Connector:
    def __init__(self):
        self.calls: list[dict] = []
        self.answers: list[tuple[int, dict, dict]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.calls.append({"path": self.path, "headers": lower(self.headers), "body": json.loads(body)})
                status, answer, headers = outer.answers.pop(0) if outer.answers else (202, {"noteId": "n1"}, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def do_GET(self):
                outer.calls.append({"path": self.path, "headers": lower(self.headers), "body": None})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments):
                """Logs nothing, so that the tests print no request lines."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer_next(self, status: int, answer: dict | None = None, headers: dict | None = None):
        self.answers.append((status, answer or {}, headers or {}))

    def close(self):
        self.server.shutdown()
        self.server.server_close()
