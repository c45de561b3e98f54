"""A server on loopback in the Hub's shape: repositories of data sets with commits and branches, and its faults."""

import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Fault = Literal["cut", "short", "hang", "reset", "wrong", "missing"]
"""What happens to a file: fewer bytes than promised; fewer bytes promised and sent; an answer that never comes; a
connection thrown away; other bytes of that length; an entry in the list without a file."""


@dataclass
class Repository:
    """Commits with their files, by hash; branches by name. `closed` makes it gated, private or gone."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    closed: Literal["gated", "private"] | None = None

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Puts a commit of exactly these files on a branch and returns its hash."""
        written = hashlib.sha1(f"{len(self.commits)} {branch}".encode())
        for path, content in sorted(files.items()):
            written.update(path.encode() + b"\0" + content)
        made = written.hexdigest()
        self.commits[made] = dict(files)
        self.branches[branch] = made
        return made


@dataclass
class Hub:
    """What the server has, what goes wrong with which files, and which requests it saw ("GET /path").

    `faults` name a fault a path; `status` answers every request with that status; `deaf` answers none.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    status: int | None = None
    deaf: bool = False
    seen: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def repository(self, name: str) -> Repository:
        """The repository of that name, created if there is none."""
        return self.repositories.setdefault(name, Repository())


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A Hub without repositories on a free port; it ends with the context."""
    hub = Hub()

    class Answer(_Answer):
        pass

    Answer.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.hub.seen.append(f"{self.command} {url.path}")
        self.hub.tokens.add(self.headers.get("Authorization") or "")
        if self.hub.deaf:
            self._hang()
        elif self.hub.status is not None:
            self._refuse(self.hub.status, "")
        elif found := re.fullmatch(
            r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+))?(/.*)?", url.path
        ):
            self._api(found[1], found[2] or "revision", unquote(found[3] or "main"), unquote(found[4] or "")[1:], body)
        elif found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", url.path):
            self._file(found[1], unquote(found[2]), unquote(found[3]))
        else:
            self._refuse(404, "")

    def _opened(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and its files, or None after a refusal."""
        repository = self.hub.repositories.get(name)
        if repository is None or repository.closed == "private":
            self._refuse(401, "RepoNotFound")
        elif repository.closed == "gated":
            self._refuse(403, "GatedRepo")
        else:
            commit = repository.branches.get(revision, revision)
            if commit in repository.commits:
                return commit, repository.commits[commit]
            self._refuse(404, "RevisionNotFound")
        return None

    def _api(self, name: str, what: str, revision: str, folder: str, body: bytes) -> None:
        opened = self._opened(name, revision)
        if opened is None:
            return
        commit, files = opened
        if what == "revision":
            siblings = [{"rfilename": path} for path in files]
            self._json({"_id": "0", "id": name, "sha": commit, "private": False, "siblings": siblings})
        elif what == "tree":
            self._json([_entry(path, files[path]) for path in files if path.startswith(folder)])
        else:
            asked = parse_qs(body.decode()).get("paths", [])
            if self.headers.get("Content-Type", "").startswith("application/json"):
                asked = json.loads(body)["paths"]
            self._json([_entry(path, files[path]) for path in asked if path in files])

    def _file(self, name: str, revision: str, path: str) -> None:
        opened = self._opened(name, revision)
        if opened is None:
            return
        commit, files = opened
        fault = self.hub.faults.get(path)
        if path not in files or fault == "missing":
            self._refuse(404, "EntryNotFound")
            return
        content = files[path]
        if fault == "wrong":
            content = b"x" * len(content)
        if fault == "short":
            content = content[: len(content) // 2]
        first, last = 0, len(content)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked:
            first = int(asked[1])
            last = min(int(asked[2]) + 1, last) if asked[2] else last
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{_etag(files[path])}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "hang":
            self._hang()
        elif fault == "reset":
            self._reset()
        elif fault == "cut":
            # What is left after a first half never comes, however often it is asked for.
            self.wfile.write(content[first : max(first, len(content) // 2)])
            self.wfile.flush()
            self._reset()
        else:
            self.wfile.write(content[first:last])

    def _json(self, told: object) -> None:
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str) -> None:
        content = b'{"error": "No\\u001b[31m thing here."}'
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        # As a server may that repeats what it was sent.
        self.send_header("X-Error-Message", f"refused {self.headers.get('Authorization')}")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang(self) -> None:
        self.hub.closing.wait()
        self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def _etag(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "oid": _etag(content), "size": len(content), "path": path}
    if path.endswith(".parquet"):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry
