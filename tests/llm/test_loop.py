"""One event loop for several threads: shared connections, and a clean end in every situation."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tests.llm.conftest import Open, ask
from text_to_ml.errors import LLMUnreachable
from text_to_ml.llm.scripted import ScriptedServer, faults


def test_many_threads_share_a_few_connections(opened: Open) -> None:
    with ScriptedServer(lambda body: body["messages"][-1]["content"]) as server:
        llm = opened(server, concurrency=4)
        texts: dict[str, str] = {}

        def work(number: int) -> None:
            for n in range(10):
                texts[f"{number}-{n}"] = llm.complete(ask(f"{number}-{n}")).text

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(texts) == 80
        assert all(key == text for key, text in texts.items())
        assert server.connections <= 4


def test_closing_ends_what_is_in_flight(opened: Open) -> None:
    with ScriptedServer(lambda _: faults.never()) as server:
        llm = opened(server)
        threading.Timer(0.2, llm.close).start()
        begun = time.monotonic()
        with pytest.raises(LLMUnreachable, match="closed"):
            llm.complete(ask())
        assert time.monotonic() - begun < 2


def test_closed_twice_and_asked_afterwards(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        llm = opened(server)
        llm.complete(ask())
        llm.close()
        llm.close()
        with pytest.raises(LLMUnreachable, match="closed"):
            llm.complete(ask())


def test_no_thread_is_left(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        llm = opened(server)
        llm.complete(ask())
        assert any(thread.name == "text-to-ml llm" for thread in threading.enumerate())
        llm.close()
        assert not any(thread.name == "text-to-ml llm" for thread in threading.enumerate())


AT_EXIT = """
import threading, time
from text_to_ml.llm import LLMOptions, Message, Request, open_llm
from text_to_ml.llm.scripted import ScriptedServer, faults
server = ScriptedServer(lambda body: faults.never() if "never" in str(body) else "fine")
server.__enter__()
llm = open_llm(LLMOptions("openai:m", base_url=server.base_url, cache=False))
print(llm.complete(Request((Message("user", "hi"),), "p")).text)
def work():
    try:
        llm.complete(Request((Message("user", "never"),), "p"))
    except Exception:
        pass
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.parametrize("closing", ["", "llm.close()\n"], ids=["left open", "closed"])
def test_the_end_of_the_interpreter_is_clean(closing: str) -> None:
    script = AT_EXIT + closing
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")
