// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectEntry;
import io.hicache.nixl.ObjectListing;
import io.hicache.nixl.ObjectLocation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.testng.SkipException;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * A test's own prefix in the bucket of {@code scripts/test-servers.sh}, which the environment
 * names.
 */
abstract class S3Fixture {
  static final String ENDPOINT = "HICACHE_TEST_S3_ENDPOINT";
  static final String TLS_ENDPOINT = "HICACHE_TEST_S3_TLS_ENDPOINT";

  /** Emptied after each test. */
  String prefix;

  @BeforeMethod
  final void makePrefix() {
    prefix = getClass().getSimpleName() + "-" + UUID.randomUUID() + "/";
  }

  @AfterMethod(alwaysRun = true)
  final void removeObjects() {
    if (System.getenv(ENDPOINT) == null) {
      return;
    }
    try (ObjectCatalog catalog = new S3CatalogProvider().open(location(server()))) {
      catalog.delete(listAll(catalog, prefix).stream().map(ObjectEntry::name).toList());
    }
  }

  /** The plain endpoint and the one with TLS. */
  @DataProvider
  public final Object[][] endpoints() {
    return new Object[][] {{ENDPOINT}, {TLS_ENDPOINT}};
  }

  /** A value of the environment; skips the test without it. */
  static String required(String variable) {
    String value = System.getenv(variable);
    if (value == null || value.isEmpty()) {
      throw new SkipException(
          "no S3 server: " + variable + " is not set; see scripts/test-servers.sh");
    }
    return value;
  }

  /** The OBJ plugin's parameters for the plain server. */
  static Map<String, String> server() {
    return server(ENDPOINT);
  }

  /** The OBJ plugin's parameters for one of {@link #endpoints()}. */
  static Map<String, String> server(String variable) {
    Map<String, String> parameters = new TreeMap<>();
    parameters.put("endpoint_override", required(variable));
    parameters.put("bucket", required("HICACHE_TEST_S3_BUCKET"));
    parameters.put("access_key", required("HICACHE_TEST_S3_ACCESS_KEY"));
    parameters.put("secret_key", required("HICACHE_TEST_S3_SECRET_KEY"));
    if (variable.equals(TLS_ENDPOINT)) {
      parameters.put("ca_bundle", required("HICACHE_TEST_S3_CA"));
    }
    return parameters;
  }

  ObjectLocation location(Map<String, String> parameters) {
    return new ObjectLocation("OBJ", parameters, prefix, Duration.ofSeconds(30), 3);
  }

  final ObjectCatalog open(Map<String, String> parameters) {
    return new S3CatalogProvider().open(location(parameters));
  }

  /** Stores objects below the prefix, side by side. */
  final void put(List<String> names, byte[] bytes) {
    try (S3Client client = S3Clients.open(location(server()))) {
      String bucket = required("HICACHE_TEST_S3_BUCKET");
      IntStream.range(0, names.size())
          .parallel()
          .forEach(
              i ->
                  client.putObject(
                      request -> request.bucket(bucket).key(prefix + names.get(i)),
                      RequestBody.fromBytes(bytes)));
    }
  }

  static List<ObjectEntry> listAll(ObjectCatalog catalog, String prefix) {
    List<ObjectEntry> all = new ArrayList<>();
    String from = null;
    do {
      ObjectListing listing = catalog.list(prefix, from);
      all.addAll(listing.objects());
      from = listing.next();
    } while (from != null);
    return all;
  }

  /** The error of a call that must fail with a code. */
  static HiCacheException refused(ErrorCode code, ThrowingCallable call) {
    HiCacheException error = catchThrowableOfType(HiCacheException.class, call);
    assertThat(error).as("no error, though %s was due", code).isNotNull();
    assertThat(error.code()).as(error.getMessage()).isEqualTo(code);
    return error;
  }
}
