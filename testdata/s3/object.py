"""Objects of a bucket, by requests that boto3 signs: object.py ENDPOINT ID SECRET DEED BUCKET [KEY FILE]

Deeds: make (the bucket), get (KEY into FILE), put (FILE as KEY), remove (KEY).
"""

import sys
import urllib.request

import boto3
from botocore.config import Config

DEEDS = {
    "make": ("PUT", "create_bucket"),
    "get": ("GET", "get_object"),
    "put": ("PUT", "put_object"),
    "remove": ("DELETE", "delete_object"),
}

LOCATION = (
    b'<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<LocationConstraint>eu-test-1</LocationConstraint></CreateBucketConfiguration>"
)


def main():
    endpoint, key_id, secret, deed, bucket, *rest = sys.argv[1:]
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-test-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    method, operation = DEEDS[deed]
    what = {"Bucket": bucket} | ({"Key": rest[0]} if rest else {})
    address = client.generate_presigned_url(operation, Params=what)
    body = LOCATION if deed == "make" else open(rest[1], "rb").read() if deed == "put" else None
    # Without a type, urllib calls it a form, and the server looks for fields in it.
    headers = {"Content-Type": "application/octet-stream"} if deed == "put" else {}
    request = urllib.request.Request(address, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content = answer.read()
    if deed == "get":
        open(rest[1], "wb").write(content)


main()
