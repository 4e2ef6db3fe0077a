"""A client of S3 made at import: it lists, meets an error, and signs a URL."""

import boto3
import loopback
from botocore.config import Config
from botocore.exceptions import ClientError

S3 = boto3.client(
    "s3",
    region_name="eu-west-1",
    endpoint_url=loopback.start(),
    config=Config(s3={"addressing_style": "path"}),
)


def handler(event, context):
    """List the event's bucket."""
    listing = S3.list_objects_v2(Bucket=event["bucket"])
    try:
        S3.head_object(Bucket=event["bucket"], Key="missing")
        code = "none"
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
    url = S3.generate_presigned_url("get_object", Params={"Bucket": event["bucket"], "Key": "k"})
    keys = [each["Key"] for each in listing.get("Contents", [])]
    return {"keys": keys, "code": code, "path": url.split("?")[0].rpartition(":")[2].partition("/")[2]}
