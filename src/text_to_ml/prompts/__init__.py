"""The prompts: Markdown files with strict Jinja, one for each kind of request."""
