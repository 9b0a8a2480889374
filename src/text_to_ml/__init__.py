"""Text-to-ML: a described supervised machine-learning task becomes one optimised, executable Python program."""
