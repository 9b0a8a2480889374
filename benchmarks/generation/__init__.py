"""What the experiments on generation share: the noisy channel, whole programs, held-out rows, validity by execution."""
