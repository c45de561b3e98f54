"""The process that serves a model file with llama.cpp's own server.

It reads one JSON line (Task) and writes one (Serving) once the server answers or has failed. Then it lives as long as
its stdin is open, so that it ends with its parent, however that ends. The key comes by stdin, because other users could
read arguments and environment. All other output goes to stderr.
"""

import importlib
import os
import signal
import sys
import threading
from typing import Any

import msgspec


class Task(msgspec.Struct):
    """What to serve. `context` is in tokens for each slot, `needs` the bytes of memory for model and context."""

    path: str
    name: str
    key: str
    slots: int
    context: int
    threads: int
    needs: int


class Serving(msgspec.Struct, omit_defaults=True):
    """The address of the server, or in `error` the end of a sentence that says why there is none; it is empty if
    llama.cpp gave the reason."""

    address: str = ""
    error: str | None = None


def serve(task: Task) -> Serving:
    """Start the server in this process. Needs the package xllamacpp."""
    x: Any = importlib.import_module("xllamacpp")
    devices = x.get_device_info()
    memory = max((device["memory_total"] for device in devices), default=0)
    # With a graphics card, llama.cpp itself decides what goes into which memory.
    only_cpu = all(device["type"] == x.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU for device in devices)
    if only_cpu and 0 < memory < task.needs:
        return Serving(
            error=f"needs about {_gigabytes(task.needs)} of memory for {task.slots} slots of {task.context} tokens, "
            f"and this machine has {_gigabytes(memory)}; use a smaller model, or lower model.concurrency"
        )
    params = x.CommonParams()
    params.model.path = task.path
    params.model_alias = {task.name}  # otherwise replies would contain the path
    params.api_keys = [task.key]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = task.slots
    params.n_ctx = task.slots * task.context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = task.threads
    params.cache_ram_mib = 0  # no copies of what slots forget, which could take 8 GiB
    params.ui = params.endpoint_slots = False
    params.verbosity = 1
    try:
        server = x.Server(params)
    except RuntimeError:
        return Serving(error="")  # llama.cpp has written the reason to stderr
    _KEPT.append(server)
    return Serving(address=server.listening_address)


# A server ends when nothing refers to it.
_KEPT: list[Any] = []


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve until stdin closes."""
    answer = os.dup(1)
    os.dup2(2, 1)  # C++ writes to the descriptor directly
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the parent has ended
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    if sys.platform == "linux":
        # No Python thread runs while a model is loaded, which may take minutes. So the kernel ends the process, by the
        # signal that a pipe sends when its other end is closed.
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
