"""The whole platform on one machine: real Airflow, real MLflow, moto's S3 and an embedded FlyteAdmin."""
