"""A real model behind llama.cpp's own server, and what happens without one."""

import asyncio
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from icm_tui.errors import UserError
from icm_tui.models.gguf.launch import LocalServer, digest_of, serve
from icm_tui.models.gguf.server import Task
from tests.models.gguf.test_header import LLAMA, head
from tests.servers.smollm2 import MODEL, real


def _refusal(path: Path, **settings: int) -> str:
    async def attempt() -> str:
        with pytest.raises(UserError) as caught:
            async with serve(path, slots=settings.get("slots", 1), context=settings.get("context")):
                pass
        return str(caught.value)

    return asyncio.run(attempt())


def _lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while _lives(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def _complete(server: LocalServer, headers: dict[str, bytes]) -> httpx.Response:
    body = {"prompt": "The sky is", "max_tokens": 1, "logprobs": 5, "temperature": 0}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(f"{server.base_url}/completions", json=body, headers=headers)


def _serving(model: Path | None) -> Path:
    assert model is not None
    return model


class TestServed:
    pytestmark = real

    def test_serve_answers_only_with_key(self) -> None:
        async def ask() -> tuple[httpx.Response, httpx.Response, LocalServer]:
            async with serve(_serving(MODEL), slots=2, context=512) as server:
                assert server.trouble() is None
                right = await _complete(server, server.key.headers())
                wrong = await _complete(server, {"Authorization": b"Bearer guessed"})
                command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
                environment = Path(f"/proc/{server.pid}/environ").read_bytes()
                (secret,) = server.key.headers().values()
                assert secret.removeprefix(b"Bearer ") not in command + environment
                # Ctrl+C on the terminal is for the group of who started it.
                assert os.getsid(server.pid) == server.pid
                return right, wrong, server

        right, wrong, server = asyncio.run(ask())
        assert right.status_code == 200
        (entry,) = right.json()["choices"][0]["logprobs"]["content"]
        assert len(entry["top_logprobs"]) == 5
        assert right.json()["model"] == server.model == _serving(MODEL).stem
        assert wrong.status_code == 401
        assert server.digest == digest_of(_serving(MODEL))
        assert not _lives(server.pid)

    def test_serve_gives_slots_trained_context(self) -> None:
        async def ask() -> tuple[int, int]:
            async with serve(_serving(MODEL), slots=2) as server, httpx.AsyncClient(trust_env=False) as client:
                props = await client.get(server.base_url.removesuffix("/v1") + "/props", headers=server.key.headers())
                return server.context, props.json()["default_generation_settings"]["n_ctx"]

        assert asyncio.run(ask()) == (8192, 8192)

    def test_serve_ends_when_cancelled(self) -> None:
        pids: list[int] = []

        async def wait() -> None:
            async with serve(_serving(MODEL), slots=1, context=512) as server:
                pids.append(server.pid)
                await asyncio.Event().wait()

        async def cancel() -> None:
            task = asyncio.create_task(wait())
            while not pids:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancel())
        assert not _lives(pids[0])

    def test_serve_ends_when_cancelled_while_loading(self) -> None:
        async def cancel() -> None:
            async def begin() -> None:
                async with serve(_serving(MODEL), slots=1, context=512):
                    pytest.fail("it was to be cancelled")

            task = asyncio.create_task(begin())
            while not (children := _children()):
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not any(map(_lives, children))

        asyncio.run(cancel())

    @pytest.mark.parametrize("when", ["serving", "loading"])
    def test_serve_ends_with_killed_parent(self, when: str) -> None:
        parent = subprocess.Popen([sys.executable, "-c", PARENT, _serving(MODEL), when], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _lives(pid)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        assert _gone(pid)

    def test_serve_says_why_server_died(self) -> None:
        async def kill() -> str:
            async with serve(_serving(MODEL), slots=1, context=512) as server:
                os.kill(server.pid, signal.SIGTERM)
                while (trouble := server.trouble()) is None:
                    await asyncio.sleep(0.01)
                return trouble

        assert asyncio.run(kill()) == "The server of the model file has ended with exit status -15."

    def test_serve_refuses_cut_file(self, tmp_path: Path) -> None:
        path = tmp_path / "cut.gguf"
        with _serving(MODEL).open("rb") as whole:
            path.write_bytes(whole.read(5_000_000))
        assert _refusal(path) == (
            f"llama.cpp could not serve {path}: tensor 'token_embd.weight' data is not within the file bounds, model "
            "is corrupted or incomplete."
        )

    def test_serve_refuses_too_large_context(self) -> None:
        said = _refusal(_serving(MODEL), slots=4, context=100_000_000)
        assert said.startswith(f"{MODEL} needs about 9216.1 GB of memory for 4 slots of 100000000 tokens, and this ")
        assert said.endswith("; use a smaller model, or lower model.concurrency.")

    def test_serve_refuses_unknown_architecture(self, tmp_path: Path) -> None:
        path = tmp_path / "odd\x1b[2J.gguf"
        path.write_bytes(head(*LLAMA))
        said = _refusal(path)
        assert said.startswith(f"llama.cpp could not serve {tmp_path}/odd.gguf: ")
        assert said.endswith(".")
        assert "\x1b" not in said


# Prints the child's process number, and waits to be killed.
PARENT = """
import asyncio, sys
from pathlib import Path
from icm_tui.models.gguf import launch

async def main():
    if sys.argv[2] == "loading":
        start = launch._Child.start
        def told(child, task):
            print(child.process.pid, flush=True)
            return start(child, task)
        launch._Child.start = told
    async with launch.serve(Path(sys.argv[1]), slots=1, context=512) as server:
        if sys.argv[2] == "serving":
            print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is used on Linux alone")
def test_serve_ends_with_parent_while_loading() -> None:
    child = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(msgspec.json.encode(Task("", "", "", 1, 1, 1, 0)) + b"\n")
    child.stdin.flush()
    assert child.stdout.readline() == b"busy\n"
    child.stdin.close()
    assert child.wait(timeout=60) == -signal.SIGIO
    child.stdout.close()


# Stands for the loading of a model: a regular expression that takes years and never releases the interpreter.
BUSY = """
import os, re
from icm_tui.models.gguf import server
said = os.dup(1)
def serve(task):
    os.write(said, b"busy\\n")
    re.match("(a+)+$", "a" * 60 + "b")
server.serve = serve
server.main()
"""


def test_serve_refuses_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.gguf"
    assert _refusal(path) == f"There is no model file {path}. Set model.path to a file that ends with .gguf."


def test_serve_refuses_folder(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"The model file {tmp_path} cannot be read: Is a directory."


def test_serve_refuses_other_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"{}" * 100)
    assert _refusal(path) == (f"{path} is not a GGUF model file. Set model.path to a whole file in llama.cpp's format.")


def test_serve_needs_slot(tmp_path: Path) -> None:
    assert "at least one slot" in _refusal(tmp_path, slots=0)


def test_serve_needs_xllamacpp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert _refusal(tmp_path / "model.gguf") == (
        "A model file needs the package xllamacpp, which is not installed: `pip install 'icm-tui[local]'`, or "
        "run `uvx --from 'icm-tui[local]' icm-tui`."
    )


def test_digest_covers_size_beginning_and_end(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and more")
    small = hashlib.sha256((13).to_bytes(8, "little") + b"GGUF and more" * 2).hexdigest()
    assert digest_of(path) == small
    part = 16 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(3 * part)
    empty = digest_of(path)
    digests = {empty}
    for place in (0, part - 1, 2 * part, 3 * part - 1):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"x")
        digests.add(digest_of(path))
    assert len(digests) == 5
    with path.open("r+b") as file:
        file.truncate(3 * part + 1)
    assert digest_of(path) not in digests
