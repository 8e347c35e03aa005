"""Figures, measured: `make bench` writes them to docs/benchmarks.md."""
