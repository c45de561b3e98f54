"""The process that serves a model file: llama.cpp's own server, ended by its parent's end.

One JSON line comes in (Task), one goes out (Serving) once the server answers or cannot. Then the process lives as long
as its stdin is open, so that it ends with its parent however that ends. The key comes by stdin, since others could read
arguments and environment. Chatter goes to stderr.
"""

import importlib
import os
import signal
import sys
import threading
from typing import Any

import msgspec


class Task(msgspec.Struct):
    """What is to be served. `context` is tokens a slot, `needs` the bytes that model and context take."""

    path: str
    name: str
    key: str
    slots: int
    context: int
    threads: int
    needs: int


class Serving(msgspec.Struct, omit_defaults=True):
    """The address of the server, or why there is none: the rest of a sentence, empty if llama.cpp only failed."""

    address: str = ""
    error: str | None = None


def serve(task: Task) -> Serving:
    """Starts the server in this process. The module xllamacpp must be there."""
    x: Any = importlib.import_module("xllamacpp")
    devices = x.get_device_info()
    memory = max((device["memory_total"] for device in devices), default=0)
    # A graphics card has memory of its own, and llama.cpp then decides itself what goes where.
    only_cpu = all(device["type"] == x.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU for device in devices)
    if only_cpu and 0 < memory < task.needs:
        return Serving(
            error=f"needs about {_gigabytes(task.needs)} of memory for {task.slots} slots of {task.context} tokens, "
            f"and this machine has {_gigabytes(memory)}; take a smaller model, or set model.concurrency lower"
        )
    params = x.CommonParams()
    params.model.path = task.path
    params.model_alias = {task.name}  # else replies would name the path
    params.api_keys = [task.key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = task.slots
    params.n_ctx = task.slots * task.context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = task.threads
    params.cache_ram_mib = 0  # what slots forget is not kept beside them: it could take 8 GiB
    params.ui = params.endpoint_slots = False
    params.verbosity = 1
    try:
        server = x.Server(params)
    except RuntimeError:
        return Serving(error="")  # llama.cpp has told the reason on stderr
    _KEPT.append(server)
    return Serving(address=server.listening_address)


# What serves ends when nothing refers to it.
_KEPT: list[Any] = []


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serves until stdin closes."""
    answer = os.dup(1)
    os.dup2(2, 1)  # C++ writes to the descriptor itself
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the parent ended before it asked
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    if sys.platform == "linux":
        # No thread of Python runs while a model is loaded, which may take minutes. So the kernel ends the process: by
        # the signal that a pipe sends when its other end is closed.
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    serving = serve(msgspec.json.decode(line, type=Task))
    os.write(answer, msgspec.json.encode(serving) + b"\n")
    os.close(answer)
    if serving.error is not None:
        os._exit(1)
    threading.Event().wait()


if __name__ == "__main__":
    main()
