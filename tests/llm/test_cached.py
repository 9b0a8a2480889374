"""Replies on disk: for later runs, other threads and other processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.llm.conftest import ask
from text_to_ml.llm import LLMOptions, Reply, Request, open_llm
from text_to_ml.llm.cached import Cached, cache_file
from text_to_ml.llm.scripted import ScriptedLLM, ScriptedServer, faults


def through(inner: ScriptedLLM, *requests: Request, url: str | None = None) -> list[str]:
    """Ask through a cache that is opened and closed for it."""
    llm = Cached(inner, url)
    try:
        return [llm.complete(request).text for request in requests]
    finally:
        llm.close()


def test_a_later_run_sends_nothing() -> None:
    with ScriptedServer(["one"]) as server:
        options = LLMOptions("openai:m", base_url=server.base_url)
        for cached in (False, True):
            with open_llm(options) as llm:
                reply = llm.complete(ask())
                assert (reply.text, reply.cached) == ("one", cached)
                assert reply.usage.output_tokens == 1
        assert len(server.bodies) == 1


def test_sampling_again_gives_something_new_and_running_again_the_same() -> None:
    for _ in range(2):
        inner = ScriptedLLM(["first", "second"])
        assert through(inner, ask(), ask()) == ["first", "second"]
    assert not inner.requests


@pytest.mark.parametrize(
    "other",
    [ask("ho"), ask(schema={"type": "object"})],
    ids=["prompt", "schema"],
)
def test_another_request_is_another_entry(other: Request) -> None:
    assert through(ScriptedLLM(["a", "b"]), ask(), other) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "url"), [("openai:other", None), ("openai:m", "http://b/v1")], ids=["model", "address"]
)
def test_another_model_or_address_is_another_entry(name: str, url: str | None) -> None:
    through(ScriptedLLM(["a"], "openai:m"), ask(), url="http://a/v1" if url else None)
    assert through(ScriptedLLM(["b"], name), ask(), url=url) == ["b"]


def test_the_output_limit_and_the_purpose_are_no_part_of_the_key() -> None:
    through(ScriptedLLM(["a"]), ask(purpose="one", max_output_tokens=100))
    assert through(ScriptedLLM([]), ask(purpose="two", max_output_tokens=200)) == ["a"]


def test_a_cut_reply_is_not_kept() -> None:
    through(ScriptedLLM([Reply("half", finish="length")]), ask())
    assert through(ScriptedLLM(["whole"]), ask()) == ["whole"]


def test_a_reply_that_was_not_kept_leaves_its_place_to_the_next() -> None:
    assert through(ScriptedLLM([Reply("half", finish="length"), "whole"]), ask(), ask()) == ["half", "whole"]
    assert through(ScriptedLLM([]), ask()) == ["whole"]


def test_a_failed_call_is_not_kept() -> None:
    with ScriptedServer([faults.status(400), "fine"]) as server:
        for _ in range(2):
            with open_llm(LLMOptions("openai:m", base_url=server.base_url)) as llm:
                try:
                    assert llm.complete(ask()).text == "fine"
                except Exception as error:
                    assert "400" in str(error)


@pytest.mark.parametrize("damage", ["folder", "garbage", "no folder"])
def test_a_cache_that_cannot_be_used_fails_no_run(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "x" / "llm.db"
    if damage == "folder":
        path.mkdir(parents=True)
    elif damage == "garbage":
        path.parent.mkdir()
        path.write_bytes(b"this is no database" * 1000)
    else:
        (tmp_path / "x").write_text("a file where the folder should be")
    llm = Cached(ScriptedLLM(["fine"]), path=path)
    assert llm.complete(ask()).text == "fine"
    assert llm.problem is not None
    llm.close()


def test_a_database_that_breaks_in_mid_run_fails_no_run() -> None:
    llm = Cached(ScriptedLLM(["one", "two"]))
    llm.complete(ask("a"))
    with sqlite3.connect(cache_file()) as other:
        other.execute("DROP TABLE replies")
    other.close()
    assert llm.complete(ask("b")).text == "two"
    assert llm.problem is not None
    llm.close()


def test_odd_characters_survive() -> None:
    text = "naïve 日本 🙂 \x00 end"
    through(ScriptedLLM([text]), ask("\ud800 lone surrogate"))
    assert through(ScriptedLLM([]), ask("\ud800 lone surrogate")) == [text]


def test_threads_share_it() -> None:
    llm = Cached(ScriptedLLM(lambda request: request.messages[0].content.upper()))
    texts: list[str] = []

    def work(number: int) -> None:
        texts.extend(llm.complete(ask(f"q{number}-{n}")).text for n in range(20))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    llm.close()
    assert len(set(texts)) == 160


PROCESS = """
import sys
from text_to_ml.llm.base import Message, Request
from text_to_ml.llm.cached import Cached
from text_to_ml.llm.scripted import ScriptedLLM
llm = Cached(ScriptedLLM(lambda request: sys.argv[1]))
for n in range(40):
    print(llm.complete(Request((Message("user", str(n)),), "p")).text)
llm.close()
assert llm.problem is None, llm.problem
"""


def test_processes_share_it() -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, name], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for name in ("a", "b")
    ]
    assert [len(process.communicate(timeout=60)[0].split()) for process in running] == [40, 40]
    assert [process.returncode for process in running] == [0, 0]
    assert set(through(ScriptedLLM([]), *[ask(str(n)) for n in range(40)])) <= {"a", "b"}


def test_the_file_is_the_users_own() -> None:
    through(ScriptedLLM(["a"]), ask())
    assert cache_file().stat().st_mode & 0o077 == 0


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / "own"))
    assert cache_file() == tmp_path / "own" / "llm.db"
    monkeypatch.delenv("TEXT_TO_ML_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_file() == tmp_path / "xdg" / "text-to-ml" / "llm.db"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_file() == tmp_path / ".cache" / "text-to-ml" / "llm.db"
