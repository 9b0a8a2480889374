"""llm: language models behind one method, `complete(request) -> Reply`. The door is `open_llm`.

`open_llm` puts these around a provider, outermost first, and each is in its place for a reason:

    watched    every finished call is told to ``on_reply``; nothing is hidden from the run's record
    recorded   outside the cache, so a recording is complete even where replies came from disk
    cached     what is on disk is neither counted, limited nor retried
    retrying   every try is counted by itself: a failed try may cost too
    limited    a wait of the retry layer does not hold a place among the requests in flight
    metered    inside the limit, so only requests that are sent hold a reservation
    provider   `adapter.Adapter`, with the ladder for JSON inside: a refused way of asking is no failure

Importing this package imports neither a client library nor sqlite3.
"""

from __future__ import annotations

from text_to_ml.llm.base import LLM, Message, Reply, Request, Usage
from text_to_ml.llm.opened import OpenLLM, open_llm
from text_to_ml.llm.options import LLMOptions, check_options
from text_to_ml.llm.replies import code_of
from text_to_ml.llm.structured import ask_json

__all__ = [
    "LLM",
    "LLMOptions",
    "Message",
    "OpenLLM",
    "Reply",
    "Request",
    "Usage",
    "ask_json",
    "check_options",
    "code_of",
    "open_llm",
]
