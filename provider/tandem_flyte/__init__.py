"""Run Flyte's launch plans and tasks from Airflow."""

__version__ = "0.1.0"
