#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a bucket or a container on a server that is starting: asks until it answers. One that is there already is as good.

  make_bucket.py s3 URL CA ACCESS_KEY SECRET_KEY      CA: file with the certificate to trust, - for a plain connection
  make_bucket.py azure URL - ACCOUNT ACCOUNT_KEY      the URL's path begins with the account
"""
import base64, datetime, email.utils, hashlib, hmac, http.client, ssl, sys, time, urllib.parse

ANSWER_SECONDS = 60
REGION = "us-east-1"

kind, url, ca, user, secret = sys.argv[1:]
url = urllib.parse.urlsplit(url)
now = datetime.datetime.now(datetime.timezone.utc)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed_s3():
    """AWS Signature Version 4 of a PUT without a body and a query."""
    day, stamp, empty = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(b"").hexdigest()
    headers = {"host": url.netloc, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = hashlib.sha256(f"PUT\n{url.path}\n\n{lines}\n{names}\n{empty}".encode()).hexdigest()
    scope = f"{day}/{REGION}/s3/aws4_request"
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = mac(key, part)
    signature = mac(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{request}").hex()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={user}/{scope}, SignedHeaders={names}, Signature={signature}"
    return url.path, headers


def signed_azure():
    """Shared Key of a PUT without a body; the account is in the path too."""
    headers = {"x-ms-date": email.utils.format_datetime(now, usegmt=True), "x-ms-version": "2021-12-02"}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = "PUT" + "\n" * 12 + f"{lines}/{user}{url.path}\nrestype:container"
    headers["authorization"] = f"SharedKey {user}:{base64.b64encode(mac(base64.b64decode(secret), text)).decode()}"
    return url.path + "?restype=container", headers


def ask():
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(url.netloc, timeout=10, context=ssl.create_default_context(cafile=ca))
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=10)
    path, headers = signed_s3() if kind == "s3" else signed_azure()
    connection.request("PUT", path, body=b"", headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


end = time.monotonic() + ANSWER_SECONDS
while True:
    try:
        status, text = ask()
        break
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() > end:
            sys.exit(f"{url.netloc} does not answer within {ANSWER_SECONDS} s: {error}")
        time.sleep(0.2)
if status not in (200, 201, 409):
    sys.exit(f"{url.netloc} refuses to make {url.path}: {status} {text}")
