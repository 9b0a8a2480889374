"""What `benchmarks/search.py` races strategies on: data sets, tables of real evaluations, races and their report."""
