"""The test server as a process of its own, for measurements that it must not share a core's time with."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tests.servers.behaviour import Behaviour
from tests.servers.model import Load


class Served:
    """A running server."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child
        assert child.stdout is not None
        self._said = child.stdout
        self.base_url = f"http://127.0.0.1:{int(self._said.readline())}/v1"

    def load(self) -> Load:
        """What it served since it was last asked."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"\n")
        self._child.stdin.flush()
        return msgspec.json.decode(self._said.readline(), type=Load)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Served]:
    """A server with `behaviour` on a free port; it ends with the context."""
    words = [sys.executable, "-m", "tests.servers.model", "--behaviour", msgspec.json.encode(behaviour).decode()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            yield Served(child)
        finally:
            child.communicate()
