"""Physical names: buckets, the Flyte project and domain, connection ids. The one place that spells them."""

from typing import Literal

BucketRole = Literal["raw", "features", "models", "flyte", "mlflow", "airflow-logs"]
BUCKET_ROLES: tuple[BucketRole, ...] = ("raw", "features", "models", "flyte", "mlflow", "airflow-logs")

FLYTE_PROJECT = "tandem"
FLYTE_DOMAINS = ("development", "staging", "production")

FLYTE_CONNECTION = "flyte_conn"
AWS_CONNECTION = "aws_default"
MLFLOW_CONNECTION = "mlflow_default"
SMTP_CONNECTION = "smtp_default"
SLACK_CONNECTION = "slack_default"

# S3's own limit on a bucket name:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET_NAME_MAX = 63


def bucket_name(stack: str, role: BucketRole) -> str:
    """Name the bucket that plays a role in a stack, e.g. `tandem-dev-raw`; ValueError past S3's 63 characters."""
    name = f"tandem-{stack}-{role}"
    if len(name) > BUCKET_NAME_MAX:
        excess = len(name) - BUCKET_NAME_MAX
        raise ValueError(f"bucket name {name!r} is {excess} characters too long: shorten the stack's name {stack!r}")
    return name
