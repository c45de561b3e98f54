"""The test server as a process of its own, for measurements that it must not share a core's time with."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tests.servers.behaviour import Behaviour
from tests.servers.model import Load


class Served:
    """A running server: `base_url`, and once its context was left, `load`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.load: Load | None = None


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Served]:
    """A server with `behaviour` on a free port; it ends with the context."""
    words = [sys.executable, "-m", "tests.servers.model", "--behaviour", msgspec.json.encode(behaviour).decode()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        served = Served(f"http://127.0.0.1:{int(child.stdout.readline())}/v1")
        try:
            yield served
        finally:
            child.stdin.close()
            told = child.stdout.read()
    served.load = msgspec.json.decode(told, type=Load)
