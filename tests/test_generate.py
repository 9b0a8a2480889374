"""Algorithm 1: the loop that writes, verifies and reflects, without a sandbox or a language model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from text_to_ml.generate import Outcome, attempts_at, recorder, until_valid
from text_to_ml.store import RunFolder
from text_to_ml.verify import Failure, TestReport
from text_to_ml.writers.base import Attempt, Written


class Script:
    """Writes what the script says, and remembers what it was shown."""

    def __init__(self, *texts: str | None) -> None:
        self.texts = list(texts)
        self.shown: list[tuple[Attempt, ...]] = []

    def write(self, attempts: Sequence[Attempt], number: int) -> Written | None:
        self.shown.append(tuple(attempts))
        text = self.texts[number - 1] if number <= len(self.texts) else f"bad {number}"
        return (
            None
            if text is None
            else Written(text, "" if text else "no code block", f"lesson {number}" if attempts else "")
        )


def verify(source: str) -> TestReport:
    good = source == "good"
    return TestReport(good, () if good else (Failure("rule", "sentence", f"{source} is wrong"),))


def ignore(*_: object) -> None:
    pass


def test_ends_at_the_first_valid_text() -> None:
    script = Script("bad", "", "good")
    outcome = until_valid(script.write, verify, ignore)
    assert outcome == Outcome("good", TestReport(True), 3)
    assert [len(s) for s in script.shown] == [0, 1, 2]


def test_feedback_and_reflection_come_back_in_order() -> None:
    script = Script("bad", "worse", "good")
    until_valid(script.write, verify, ignore)
    last = script.shown[-1]
    assert [(a.number, a.source) for a in last] == [(1, "bad"), (2, "worse")]
    assert "bad is wrong" in last[0].feedback and last[0].reflection == "lesson 2" and last[1].reflection == ""


def test_a_reply_without_code_is_an_attempt_with_its_reason() -> None:
    script = Script("", "good")
    until_valid(script.write, verify, ignore)
    assert "no code block" in script.shown[-1][0].feedback


def test_memory_is_reset_after_ten_failed_attempts() -> None:
    script = Script()
    outcome = until_valid(script.write, verify, ignore, cap=23, memory=10)
    assert outcome.attempts == 23 and outcome.source == ""
    assert [len(s) for s in script.shown] == [*range(10), *range(10), 0, 1, 2]


def test_the_same_wrong_text_again_and_again_ends_before_the_cap() -> None:
    script = Script(*["bad"] * 30)
    outcome = until_valid(script.write, verify, ignore)
    assert outcome.attempts == 5
    assert "same text" in script.shown[-1][-1].feedback


def test_a_writer_may_give_up() -> None:
    assert until_valid(Script("bad", None).write, verify, ignore).attempts == 1


def test_feedback_is_redacted_before_it_is_shown() -> None:
    script = Script("secret", "good")
    until_valid(script.write, verify, ignore, redact=lambda text: text.replace("secret", "<value>"))
    assert "secret" not in script.shown[-1][0].feedback and "<value>" in script.shown[-1][0].feedback


def test_an_interrupted_loop_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run")
    whole = Script(*["a", "b", "c", "good"])
    until_valid(Script("a", "b").write, verify, recorder(store, "modeling/x"), cap=2)
    rest = Script("a", "b", "c", "good")
    outcome = until_valid(rest.write, verify, recorder(store, "modeling/x"), earlier=attempts_at(store, "modeling/x"))
    until_valid(whole.write, verify, ignore)
    assert outcome.attempts == 4
    assert [[a.source for a in s] for s in rest.shown] == [[a.source for a in s] for s in whole.shown[2:]]
    assert [e.payload["number"] for e in store.events("attempt")] == [1, 2, 3, 4]
    store.close()
