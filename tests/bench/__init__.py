"""Benchmarks: `python -m tests.bench [NAME …] [--json FILE]`.

Each module here that has a `run(quick: bool) -> dict` is one benchmark: it names its figure and its peer, takes both
side by side in one run, and returns plain numbers. Nothing here passes or fails; figures are recorded in RESULTS.md.
"""
