"""The Flyte workflows that the sample DAGs launch: training, scoring and two smaller models."""
