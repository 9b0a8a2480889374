"""llm: language models behind one method."""
