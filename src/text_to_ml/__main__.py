"""`python -m text_to_ml` is the command line."""

from text_to_ml.cli import main

main()
