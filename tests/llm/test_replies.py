"""The Python source in a reply, whatever a language model put around it."""

from __future__ import annotations

import pytest

from text_to_ml.errors import LLMReplyError
from text_to_ml.llm import code_of

CODE = "def add(a, b):\n    return a + b\n"
HELP = "def helper(x):\n    return x\n"

WITH_CODE = {
    "python fence": f"```python\n{CODE}```",
    "py fence": f"```py\n{CODE}```",
    "capital letters": f"```Python\n{CODE}```",
    "words after the language": f"```python title='add.py'\n{CODE}```",
    "braces": f"```{{.python}}\n{CODE}```",
    "no language": f"```\n{CODE}```",
    "tildes": f"~~~python\n{CODE}~~~",
    "four backticks": f"````python\n{CODE}````",
    "wrong language": f"```text\n{CODE}```",
    "prose around": f"Sure!\n\n```python\n{CODE}```\nThis adds two numbers.",
    "windows line ends": f"Sure!\n```python\n{CODE}```\n".replace("\n", "\r\n"),
    "in a list": "1. This:\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n2. That.",
    "no fence at all": CODE,
    "thoughts with code": f"<think>```python\ndef bad():\n    pass\n```</think>\n```python\n{CODE}```",
    "thoughts opened in the prompt": f"I could write a function.\n</think>\n\n```python\n{CODE}```",
    "bash first": f"```bash\npip install x\n```\n```python\n{CODE}```",
    "json after": f'```python\n{CODE}```\n```json\n{{"a": 1}}\n```',
    "unmarked output after": f"```python\n{CODE}```\n```\n>>> add(1, 2)\n3\n```",
    "usage after": f"```python\n{CODE}```\nUse it like this:\n```python\nprint(add(1, 2))\n```",
    "usage before": f"```python\nprint(add(1, 2))\n```\n```python\n{CODE}```",
    "usage with a function": f"```python\n{CODE}```\n```python\ndef main():\n    pass\n\nmain()\n```",
    "an empty block first": f"```python\n```\n```python\n{CODE}```",
    "never closed": f"Sure!\n```python\n{CODE}",
}


@pytest.mark.parametrize("text", WITH_CODE.values(), ids=WITH_CODE)
def test_the_code_is_found(text: str) -> None:
    assert code_of(text) == CODE


WITHOUT_CODE = {
    "nothing": ("", "no code block"),
    "prose": ("I cannot do that.", "no code block"),
    "an expression": ("x + 1", "no code block"),
    "another language": ("```r\nf <- function(x) x\n```", "its code block is r"),
    "json": ('```json\n{"a": 1}\n```', "its code block is json"),
    "unmarked shell": ("```\npip install x\n```", "unmarked text"),
    "cut in the middle": ("```python\ndef add(a, b):\n    return (a +", "cut at its length limit"),
    "only thoughts": ("<think>```python\ndef bad():\n    pass\n```", "no code block"),
}


@pytest.mark.parametrize(("text", "words"), WITHOUT_CODE.values(), ids=WITHOUT_CODE)
def test_the_model_is_told_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(LLMReplyError, match=words):
        code_of(text)


def test_a_reply_known_to_be_cut_says_so() -> None:
    with pytest.raises(LLMReplyError, match="cut at its length limit"):
        code_of("Let me think about", finish="length")


def test_parts_of_one_module_are_joined() -> None:
    text = f"First:\n```python\nfrom __future__ import annotations\n{CODE}```\nthen\n```python\nimport os\n{HELP}```"
    code = code_of(text)
    assert "def add" in code and "def helper" in code
    compile(code, "joined", "exec")


def test_imports_in_a_block_of_their_own_are_kept() -> None:
    code = code_of(f"```python\nimport numpy as np\n```\n```python\n{CODE}```")
    assert code.startswith("import numpy as np\n")
    assert code.endswith(CODE)


def test_a_second_future_import_does_not_break_the_joined_module() -> None:
    part = "from __future__ import annotations\n"
    compile(code_of(f"```python\n{part}{CODE}```\n```python\n{part}{HELP}```"), "joined", "exec")


def test_of_two_versions_the_longer_one_is_taken() -> None:
    better = "def add(a, b):\n    # now with a check\n    assert a is not None\n    return a + b\n"
    assert code_of(f"```python\n{CODE}```\nBetter:\n```python\n{better}```") == better


def test_code_that_does_not_parse_is_taken_so_that_its_error_is_seen() -> None:
    broken = "def add(a, b)\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"
    assert code_of(f"```python\n{broken}```\n```python\ndef show():\n    pass\n```") == broken


def test_a_fence_inside_a_docstring_does_not_end_the_code() -> None:
    code = 'def add(a, b):\n    """Add.\n\n    ```\n    add(1, 2)\n    ```\n    """\n    return a + b\n'
    assert code_of(f"```python\n{code}```") == code


def test_a_fence_at_the_margin_of_a_docstring_does_not_end_the_code() -> None:
    code = '"""Adds.\n\n```\nadd(1, 2)\n```\n"""\n\n\ndef add(a, b):\n    return a + b\n'
    assert code_of(f"Sure:\n```python\n{code}```\nDone.") == code


def test_a_tag_inside_code_is_left_alone() -> None:
    code = 'def strip(text):\n    return text.replace("<think>", "").replace("</think>", "")\n'
    assert code_of(f"```python\n{code}```") == code


def test_long_code_is_read_in_time() -> None:
    code = CODE + "".join(f"X{n} = {n}\n" for n in range(30_000))
    assert code_of(f"```python\n{code}```").startswith("def add")


def test_deep_nesting_is_no_crash() -> None:
    with pytest.raises(LLMReplyError):
        code_of("(" * 100_000)
