"""An S3 server for the tests: server.py PORT ID SECRET

moto keeps the objects. It takes every signature for good, so each request is first checked by botocore, Amazon's own
implementation of Signature Version 4: one without a signature, of another key or with another signature is refused
as S3 refuses it, and is told what it sent. Each request is a line on standard output: method, path and status, before it is answered.
"""

import hmac
import os
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

REGION = "eu-test-1"


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type, message, *args):
        pass


def fault(environ, key_id, secret):
    """The code and the message of S3's for a request that is not signed as it should be; else None."""
    host = environ["HTTP_HOST"]
    address = urlsplit("http://" + host + environ["RAW_URI"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    if "X-Amz-Signature" not in query:
        return "AccessDenied", "Access Denied"
    known_id, date, region, service, kind = query["X-Amz-Credential"].split("/")
    if known_id != key_id:
        return "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    if (region, service, kind) != (REGION, "s3", "aws4_request"):
        return "AuthorizationHeaderMalformed", f"the region '{region}' is wrong; expecting '{REGION}'"
    begin = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    now = datetime.now(timezone.utc)
    if not begin - timedelta(minutes=15) < now < begin + timedelta(seconds=int(query["X-Amz-Expires"])):
        return "AccessDenied", "Request has expired"
    signed = query["X-Amz-SignedHeaders"].split(";")
    sent = {name[5:].replace("_", "-").lower() for name in environ if name.startswith("HTTP_X_AMZ_")}
    if "host" not in signed or not sent <= set(signed):
        return "AccessDenied", "There were headers present in the request which were not signed"
    unsigned = "&".join(part for part in address.query.split("&") if not part.startswith("X-Amz-Signature="))
    headers = {name: environ["HTTP_" + name.upper().replace("-", "_")] for name in signed}
    request = AWSRequest(environ["REQUEST_METHOD"], address._replace(query=unsigned).geturl(), headers)
    request.context["timestamp"] = query["X-Amz-Date"]
    check = S3SigV4QueryAuth(Credentials(key_id, secret, query.get("X-Amz-Security-Token")), service, region)
    text = check.string_to_sign(request, check.canonical_request(request))
    if not hmac.compare_digest(check.signature(text, request), query["X-Amz-Signature"]):
        return (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            f"Check your key and signing method; the token is {query.get('X-Amz-Security-Token')}.",
        )
    return None


def checked(application, key_id, secret):
    """The application, for requests that are signed. moto's own tool for clean-up is open."""

    def answer(environ, start):
        path = urlsplit(environ["RAW_URI"]).path

        def noted(status, headers, exception=None):
            # One write, so that lines of several threads stay whole.
            os.write(1, f"{environ['REQUEST_METHOD']} {path} {status.split(' ')[0]}\n".encode())
            return start(status, headers, exception)

        if path == "/ready":
            noted("200 OK", [("Content-Length", "0")])
            return []
        found = fault(environ, key_id, secret)
        if found is None:
            return application(environ, noted)
        code, message = found
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        # What was sent with it is not read, so the connection is of no use any more.
        noted("403 Forbidden", [("Content-Length", str(len(body))), ("Connection", "close")])
        return [body if environ["REQUEST_METHOD"] != "HEAD" else b""]

    return answer


def main():
    port, key_id, secret = sys.argv[1:]
    application = checked(DomainDispatcherApplication(create_backend_app), key_id, secret)
    run_simple("127.0.0.1", int(port), application, threaded=True, request_handler=Quiet)


main()
