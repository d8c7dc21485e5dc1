"""A small Hub on loopback that speaks the calls huggingface_hub makes to publish a folder."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What was sent: files by path, objects by SHA-256, the heads of commits, and the tokens that came."""

    address: str = ""
    token: str = "hf_right"
    repos: dict[str, bool] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    commits: list[dict] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    broken_after: int | None = None
    """So many objects are taken, then the connection ends."""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.answer({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/validate-yaml":
            self.hub.cards.append(json.loads(body)["content"])
            self.answer({"errors": [], "warnings": []})
        elif self.path == "/api/repos/create":
            self.create(json.loads(body))
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [{"path": one["path"], "uploadMode": "lfs", "shouldIgnore": False} for one in files]
            self.answer({"files": modes})
        elif self.path.endswith("/info/lfs/objects/batch"):
            self.batch(json.loads(body))
        elif "/commit/" in self.path:
            self.commit(body)
        else:
            self.answer({"error": self.path}, 404)

    def do_GET(self):
        if self.path.startswith("/api/models/") and "/revision/" not in self.path:
            self.answer({"id": "owner/name", "sha": COMMIT, "private": False, "siblings": []})
        else:
            self.answer({"error": self.path}, 404)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        hub = self.hub
        if hub.broken_after is not None and len(hub.uploads) >= hub.broken_after:
            self.answer({"error": "out of order"}, 500)
            return
        hub.uploads.append(self.path.rpartition("/")[2])
        hub.objects[hub.uploads[-1]] = content
        self.answer({})

    def create(self, asked):
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        self.hub.repos.setdefault(name, bool(asked.get("private")) or asked.get("visibility") == "private")
        self.answer({"url": f"{self.hub.address}/{name}", "name": name, "id": name})

    def batch(self, asked):
        objects = []
        for one in asked["objects"]:
            known = one["oid"] in self.hub.objects
            upload = {"href": f"{self.hub.address}/objects/{one['oid']}", "header": {}}
            objects.append(one if known else one | {"actions": {"upload": upload}})
        self.answer({"transfer": "basic", "objects": objects})

    def commit(self, body):
        lines = [json.loads(line) for line in body.splitlines()]
        for line in lines:
            value = line["value"]
            if line["key"] == "lfsFile":
                self.hub.files[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "file":
                self.hub.files[value["path"]] = base64.b64decode(value["content"])
        wants_pr = "create_pr=1" in self.path
        self.hub.commits.append(lines[0]["value"] | {"pr": wants_pr})
        address = f"{self.hub.address}/me/news/commit/{COMMIT}"
        pr = {"pullRequestUrl": f"{self.hub.address}/me/news/discussions/1"} if wants_pr else {}
        self.answer({"success": True, "commitOid": COMMIT, "commitUrl": address, "hookOutput": "", **pr})

    def answer(self, value, status=200):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
