"""What the DAGs do with data: plain functions, no Airflow, storage by URI."""
