// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.Map;
import org.testng.SkipException;

/**
 * The S3 server for the tests, which {@code scripts/test-servers.sh} starts and the environment
 * names.
 *
 * @param endpoint plain HTTP on loopback
 * @param tlsEndpoint the same objects over TLS
 * @param certificates what signs the certificate of tlsEndpoint
 */
record TestServer(
    String endpoint,
    String tlsEndpoint,
    Path certificates,
    String accessKey,
    String secretKey,
    String bucket) {
  private static final String PREFIX = "HICACHE_TEST_S3_";

  /** The server of this environment; skips the test where there is none. */
  static TestServer get() {
    return new TestServer(
        variable("ENDPOINT"),
        variable("TLS_ENDPOINT"),
        Path.of(variable("CA")),
        variable("ACCESS_KEY"),
        variable("SECRET_KEY"),
        variable("BUCKET"));
  }

  private static String variable(String name) {
    String value = System.getenv(PREFIX + name);
    if (value == null || value.isEmpty()) {
      throw new SkipException(
          "no S3 server: " + PREFIX + name + " is not set, see scripts/test-servers.sh");
    }
    return value;
  }

  /** Pages as objects in the server's bucket. */
  HiCacheConfigBuilder config(String prefix) {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .backend("OBJ")
        .pluginParam("endpoint_override", endpoint)
        .pluginParam("bucket", bucket)
        .pluginParam("access_key", accessKey)
        .pluginParam("secret_key", secretKey)
        .objectPrefix(prefix)
        .lanes(2)
        .timeoutMillis(20_000);
  }

  /** Says nothing of the keys. */
  @Override
  public String toString() {
    return "TestServer[" + endpoint + "]";
  }
}
