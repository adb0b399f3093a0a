# SPDX-License-Identifier: Apache-2.0
"""Pages as objects of the tests' S3 server: ours, and the AWS SDK alone with as many connections."""
import functools
import shlex
import subprocess

from compare import machine
from compare.contestants import Serving, log_of

CONNECTIONS = 32
SERVERS = machine.ROOT / "scripts/test-servers.sh"


@functools.cache
def bucket():
    """How to reach a bucket, as environment variables of AWS. Starts the server, which ends by itself."""
    subprocess.run([SERVERS, "start"], check=True, stdin=subprocess.DEVNULL)
    lines = shlex.split((machine.ROOT / ".deps/test-servers/env").read_text())
    known = dict(line.split("=", 1) for line in lines)
    if "HICACHE_TEST_S3_ENDPOINT" not in known:
        raise RuntimeError("no S3 server: versitygw needs Go, see scripts/test-servers.sh")
    return {
        "AWS_ENDPOINT_OVERRIDE": known["HICACHE_TEST_S3_ENDPOINT"],
        "AWS_DEFAULT_BUCKET": known["HICACHE_TEST_S3_BUCKET"],
        "AWS_ACCESS_KEY_ID": known["HICACHE_TEST_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": known["HICACHE_TEST_S3_SECRET_KEY"],
        "AWS_REGION": "us-east-1",
    }


def contestants(folder, shape):
    """One set of pages put, asked for and read back; what was read is compared with what was put, on both sides."""
    environment = bucket()
    java = machine.java_command()
    pages = ["--page-bytes", str(shape["page_bytes"]), "--pages", str(shape["pages"]), "--batch", str(shape["batch"])]
    pages += ["--rounds", "1", "--warmup", "2", "--turns"]

    def of(name, main, *arguments):
        prefix = f"bench-{folder.name}-{name.replace(' ', '-')}/"
        command = [*java, f"io.hicache.bench.{main}", "--prefix", prefix, *arguments, *pages]
        return Serving(name, command, log_of(folder, name), environment)

    yield of("java objects", "ConnectorBenchmark", "--layout", "objects", "--mode", "pool")
    yield of("aws sdk", "ObjectClientBenchmark", "--connections", str(CONNECTIONS))
    yield of("aws sdk, no checksums", "ObjectClientBenchmark", "--connections", str(CONNECTIONS), "--checksums", "0")
