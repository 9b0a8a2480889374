"""What was spent, and the hard stops, with many threads at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from tests.llm.conftest import Open, ask
from text_to_ml.errors import LLMError, LLMReplyError, LLMUnreachable, SpendingLimit
from text_to_ml.llm import LLMOptions, Reply, Request, Usage, open_llm
from text_to_ml.llm.metered import Meter, Metered
from text_to_ml.llm.prices import Prices
from text_to_ml.llm.scripted import ScriptedLLM, ScriptedServer, faults
from text_to_ml.llm.tokens import count_tokens, request_tokens

DOLLAR = Prices((1.0, 10.0), None)


def truthful(output: int) -> Callable[[Request], Reply]:
    """A model that uses so many output tokens, or its limit, and says so."""

    def answer(request: Request) -> Reply:
        time.sleep(random.uniform(0, 0.002))
        used = min(output, request.max_output_tokens)
        tokens_in = sum(len(m.content) for m in request.messages) // 4
        return Reply("x", usage=Usage(tokens_in, used), cost_usd=DOLLAR.cost(tokens_in, used))

    return answer


def drain(llm: Metered, threads: int = 8, prompt: str = "words " * 100) -> list[LLMError]:
    """Ask from many threads until each is refused."""
    errors: list[LLMError] = []

    def work() -> None:
        for _ in range(500):
            try:
                llm.complete(ask(prompt, max_output_tokens=2000))
            except SpendingLimit as error:
                errors.append(error)
                return

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(30)
    assert not any(thread.is_alive() for thread in running)
    return errors


@pytest.mark.parametrize("output", [10, 700, 5000])
def test_max_tokens_holds_under_eight_threads(output: int) -> None:
    meter = Meter(max_tokens=60_000)
    errors = drain(Metered(ScriptedLLM(truthful(output)), meter))
    assert len(errors) == 8
    assert meter.total_tokens <= 60_000
    assert meter.total_tokens > 50_000, "most of it was used"
    assert "--max-tokens 60000" in str(errors[0])


@pytest.mark.parametrize("output", [10, 700, 5000])
def test_max_cost_holds_under_eight_threads(output: int) -> None:
    meter = Meter(DOLLAR, max_cost=0.3)
    errors = drain(Metered(ScriptedLLM(truthful(output)), meter))
    assert len(errors) == 8
    assert meter.cost_usd is not None
    assert 0.25 < meter.cost_usd <= 0.3
    assert "--max-cost 0.3" in str(errors[0])


def test_over_a_real_server_the_limit_holds_too(opened: Open) -> None:
    with ScriptedServer(lambda _: "word " * 300) as server:
        llm = opened(server, max_tokens=8000, concurrency=4)
        errors: list[Exception] = []

        def work() -> None:
            try:
                while True:
                    llm.complete(ask(max_output_tokens=1000))
            except SpendingLimit as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(errors) == 8
        assert 6000 < llm.meter.total_tokens <= 8000


def test_the_output_limit_is_lowered_to_what_is_left() -> None:
    inner = ScriptedLLM(truthful(10**6))
    Metered(inner, Meter(max_tokens=1000)).complete(ask(max_output_tokens=5000))
    assert 900 < inner.requests[0].max_output_tokens < 1000


def test_with_too_little_left_nothing_is_sent() -> None:
    inner = ScriptedLLM(truthful(10))
    with pytest.raises(SpendingLimit, match="not sent"):
        Metered(inner, Meter(max_tokens=260)).complete(ask("words " * 10))
    assert not inner.requests


def test_a_short_answer_may_be_asked_for_with_little_left() -> None:
    inner = ScriptedLLM(truthful(10))
    Metered(inner, Meter(max_tokens=200)).complete(ask("hi", max_output_tokens=50))
    assert inner.requests[0].max_output_tokens == 50


def test_what_was_spent_before_counts() -> None:
    inner = ScriptedLLM(truthful(10))
    with pytest.raises(SpendingLimit):
        Metered(inner, Meter(max_tokens=10_000, before=(9_900, 0.0))).complete(ask())
    with pytest.raises(SpendingLimit, match=r"\$0\.9990 are spent"):
        Metered(inner, Meter(DOLLAR, max_cost=1.0, before=(0, 0.999))).complete(ask())


def test_a_call_waits_for_those_in_flight_rather_than_being_cut() -> None:
    go = threading.Event()

    def answer(request: Request) -> Reply:
        go.wait(5)
        return Reply("x", usage=Usage(10, 10))

    inner = ScriptedLLM(answer)
    llm = Metered(inner, Meter(max_tokens=1500))
    threads = [threading.Thread(target=llm.complete, args=(ask(max_output_tokens=1000),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert len(inner.requests) == 1
    go.set()
    for thread in threads:
        thread.join(5)
    assert [r.max_output_tokens for r in inner.requests] == [1000, 1000]


def test_a_stop_ends_the_wait_for_what_is_reserved() -> None:
    stop, go = threading.Event(), threading.Event()

    def answer(_: Request) -> Reply:
        go.wait(5)
        return Reply("x")

    llm = Metered(ScriptedLLM(answer), Meter(max_tokens=1500), stop)
    first = threading.Thread(target=llm.complete, args=(ask(max_output_tokens=1000),))
    first.start()
    time.sleep(0.1)
    stop.set()
    with pytest.raises(LLMUnreachable, match="stopped"):
        llm.complete(ask(max_output_tokens=1000))
    go.set()
    first.join()


def test_a_refused_call_gives_its_reservation_back() -> None:
    meter = Meter(max_tokens=2000)
    llm = Metered(ScriptedLLM([LLMUnreachable("no connection"), Reply("x", usage=Usage(1, 1))]), meter)
    with pytest.raises(LLMUnreachable):
        llm.complete(ask(max_output_tokens=1500))
    assert meter.total_tokens == 0
    llm.complete(ask(max_output_tokens=1500))


def test_a_failed_call_that_was_charged_counts() -> None:
    meter = Meter(DOLLAR)
    llm = Metered(
        ScriptedLLM([LLMReplyError("empty", charged=(100, 7)), LLMUnreachable("late", charged=(None, None))]), meter
    )
    for _ in range(2):
        with pytest.raises(LLMError):
            llm.complete(ask())
    assert meter.calls == 2
    assert meter.output_tokens == 7
    assert meter.input_tokens > 100
    assert meter.estimated


def test_a_bug_gives_the_reservation_back_too() -> None:
    meter = Meter(max_tokens=2000)
    with pytest.raises(ZeroDivisionError):
        Metered(ScriptedLLM([ZeroDivisionError()]), meter).complete(ask(max_output_tokens=1500))
    assert meter._reserved == []


def test_an_unknown_price_is_none_and_never_nothing(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        llm = opened(server)
        assert llm.complete(ask()).cost_usd is None
        assert llm.meter.cost_usd is None
        assert llm.meter.total_cost_usd is None


def test_a_given_price_is_used(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        llm = opened(server, price=(1.0, 2.0))
        reply = llm.complete(ask())
        tokens = reply.usage
        assert tokens.input_tokens is not None and tokens.output_tokens is not None
        expected = (tokens.input_tokens + 2 * tokens.output_tokens) / 1e6
        assert reply.cost_usd == pytest.approx(expected)
        assert llm.meter.cost_usd == pytest.approx(expected)


def test_the_table_knows_prices_and_says_when_not() -> None:
    def price(model: str, **more: str) -> float | None:
        return Prices.of(LLMOptions(model, **more)).cost(10**6, 10**6)  # type: ignore[arg-type]

    assert (price("openai:gpt-5-mini") or 0) > 0
    assert (price("anthropic:claude-sonnet-4-5") or 0) > 0
    assert (price("openrouter:anthropic/claude-sonnet-4.5") or 0) > 0
    assert price("openai:no-such-model-at-all") is None
    assert price("ollama:llama3") is None
    assert price("openai:gpt-5-mini", base_url="http://127.0.0.1:8000/v1") is None


def test_a_free_model_can_be_limited_in_dollars() -> None:
    meter = Meter(Prices((0.0, 0.0), None), max_cost=0.01)
    assert Metered(ScriptedLLM(truthful(10)), meter).complete(ask()).text == "x"


def test_retries_are_charged_one_by_one(opened: Open) -> None:
    with ScriptedServer([faults.empty(), faults.rate_limit(), "fine"]) as server:
        llm = opened(server)
        llm.complete(ask())
        assert llm.meter.calls == 2, "a refused try cost nothing, an empty one did"


def test_cached_calls_are_counted_apart(opened: Open) -> None:
    with ScriptedServer(["fine"]) as server:
        opened(server, cache=True).complete(ask())
        again = opened(server, cache=True)
        reply = again.complete(ask())
        assert (reply.cached, reply.cost_usd) == (True, 0.0)
        assert (again.meter.calls, again.meter.cached_calls, again.meter.total_tokens) == (0, 1, 0)


@pytest.mark.parametrize(
    ("text", "least"),
    [("", 0), ("word", 1), ("a1b2c3d4", 8), ("日本語のテキスト", 8), ("🙂" * 10, 20), ("x = [1.5, 2.25]\n" * 10, 100)],
    ids=["empty", "word", "digits", "japanese", "emoji", "code"],
)
def test_estimates_err_upwards(text: str, least: int) -> None:
    assert count_tokens(text) >= least
    assert request_tokens(ask(text)) > count_tokens(text)


def test_the_schema_is_part_of_the_estimate() -> None:
    assert request_tokens(ask(schema={"type": "object"})) > request_tokens(ask()) + 100


def test_every_finished_call_is_told() -> None:
    told: list[tuple[str, str]] = []
    with open_llm(
        LLMOptions("openai:m", cache=False), provider=ScriptedLLM(["a", "b"]), on_reply=lambda q, r: told.append((q.purpose, r.text))
    ) as llm:  # fmt: skip
        llm.complete(ask(purpose="one"))
        llm.complete(ask(purpose="two"))
    assert told == [("one", "a"), ("two", "b")]
