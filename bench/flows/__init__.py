"""What the benchmarks run in Flyte."""
