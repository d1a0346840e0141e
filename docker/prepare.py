"""What has to be done once before a new version serves: migrate, and make the bucket for private files."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the steps; each can be repeated without harm."""
    sys.path.insert(0, str(Path.cwd()))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False)
    make_bucket()


def make_bucket() -> None:
    """Make the bucket when files are kept in an S3-compatible store that does not have it yet."""
    name = os.environ.get("S3_BUCKET")
    if not name:
        return
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    client = boto3.client(
        "s3",
        endpoint_url=os.environ.get("S3_ENDPOINT_URL") or None,
        aws_access_key_id=os.environ.get("S3_ACCESS_KEY_ID") or None,
        aws_secret_access_key=os.environ.get("S3_SECRET_ACCESS_KEY") or None,
        region_name=os.environ.get("S3_REGION", "us-east-1"),
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        client.create_bucket(Bucket=name)


if __name__ == "__main__":
    main()
