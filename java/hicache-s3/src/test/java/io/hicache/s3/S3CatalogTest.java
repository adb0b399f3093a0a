// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import static org.assertj.core.api.Assertions.assertThat;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectEntry;
import io.hicache.nixl.ObjectStart;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.testng.annotations.Test;

/** The catalog against a real S3 server, plain and with TLS. */
@Test(groups = "obj")
public class S3CatalogTest extends S3Fixture {
  private static final byte[] BYTES = "0123456789abcdef".getBytes();

  @Test(dataProvider = "endpoints")
  public void shouldListFindReadAndDelete(String endpoint) {
    Instant before = Instant.now().minusSeconds(60);
    try (ObjectCatalog catalog = open(server(endpoint))) {
      put(List.of("a", "b", "c"), BYTES);

      List<ObjectEntry> listed = listAll(catalog, prefix);
      ObjectEntry found = catalog.find(prefix + "b").orElseThrow();
      ObjectStart read = catalog.read(prefix + "b", 4).orElseThrow();

      assertThat(listed)
          .extracting(ObjectEntry::name)
          .containsExactly(prefix + "a", prefix + "b", prefix + "c");
      assertThat(listed.get(1)).isEqualTo(found).isEqualTo(read.entry());
      assertThat(found.length()).isEqualTo(16);
      assertThat(found.modified()).isBetween(before, Instant.now().plusSeconds(60));
      assertThat(read.bytes()).isEqualTo("0123".getBytes());

      assertThat(catalog.delete(List.of(prefix + "a", prefix + "no", prefix + "c"))).isEmpty();
      assertThat(listAll(catalog, prefix)).containsExactly(found);
      assertThat(catalog.find(prefix + "a")).isEmpty();
      assertThat(catalog.read(prefix + "a", 4)).isEmpty();
    }
  }

  @Test
  public void shouldReadWhatThereIsOfShortObjects() {
    put(List.of("short"), BYTES);
    put(List.of("empty"), new byte[0]);
    try (ObjectCatalog catalog = open(server())) {
      assertThat(catalog.read(prefix + "short", 512).orElseThrow().bytes()).isEqualTo(BYTES);
      assertThat(catalog.read(prefix + "short", 16).orElseThrow().bytes()).isEqualTo(BYTES);
      ObjectStart empty = catalog.read(prefix + "empty", 512).orElseThrow();
      assertThat(empty.bytes()).isEmpty();
      assertThat(empty.entry().length()).isZero();
    }
  }

  @Test
  public void shouldTakeOddNames() {
    List<String> names =
        List.of("a b", "a+b", "a%20b", "a=b&c<d>", "\u00e4\u6f22\ud83d\ude00", "'\"");
    put(names, BYTES);
    List<String> full = names.stream().map(prefix::concat).toList();
    try (ObjectCatalog catalog = open(server())) {
      assertThat(listAll(catalog, prefix))
          .extracting(ObjectEntry::name)
          .containsExactlyInAnyOrderElementsOf(full);
      for (String name : full) {
        assertThat(catalog.read(name, 3).orElseThrow().bytes()).isEqualTo("012".getBytes());
      }
      assertThat(catalog.delete(full)).isEmpty();
      assertThat(listAll(catalog, prefix)).isEmpty();
    }
  }

  @Test
  public void shouldListAndDeleteMoreThanOneAnswerHolds() {
    List<String> names = IntStream.range(0, 2500).mapToObj(i -> "page-" + i).toList();
    put(names, BYTES);
    try (ObjectCatalog catalog = open(server())) {
      List<String> listed = listAll(catalog, prefix).stream().map(ObjectEntry::name).toList();
      assertThat(listed)
          .containsExactlyInAnyOrderElementsOf(names.stream().map(prefix::concat).toList());
      assertThat(catalog.list(prefix, null).next()).as("one answer holds 1000").isNotNull();

      assertThat(catalog.delete(listed)).isEmpty();

      assertThat(listAll(catalog, prefix)).isEmpty();
    }
  }

  @Test
  public void shouldLeaveAnObjectThatHasReplacedTheOneFound() {
    try (ObjectCatalog catalog = open(server())) {
      put(List.of("a"), BYTES);
      ObjectEntry old = catalog.find(prefix + "a").orElseThrow();
      put(List.of("a"), new byte[] {1, 2, 3});

      assertThat(catalog.delete(old)).isFalse();

      ObjectEntry now = catalog.find(prefix + "a").orElseThrow();
      assertThat(now.length()).isEqualTo(3);
      assertThat(catalog.delete(now)).isTrue();
      assertThat(catalog.find(prefix + "a")).isEmpty();
    }
  }

  @Test
  public void shouldTakeChecksumsThatOlderServersKnow() {
    Map<String, String> parameters = server();
    parameters.put("req_checksum", "required");
    parameters.put("resp_checksum", "required");
    put(List.of("a", "b"), BYTES);
    try (ObjectCatalog catalog = open(parameters)) {
      assertThat(catalog.read(prefix + "a", 2).orElseThrow().bytes()).isEqualTo("01".getBytes());
      assertThat(catalog.delete(List.of(prefix + "a", prefix + "b"))).isEmpty();
      assertThat(listAll(catalog, prefix)).isEmpty();
    }
  }

  @Test
  public void shouldTakeTheSchemeFromItsParameterWhereTheEndpointHasNone() {
    Map<String, String> parameters = server();
    parameters.compute("endpoint_override", (name, url) -> url.substring("http://".length()));
    parameters.put("scheme", "http");
    try (ObjectCatalog catalog = open(parameters)) {
      assertThat(catalog.find(prefix + "none")).isEmpty();
    }
  }

  @Test
  public void shouldTakeCredentialsFromTheSdksOwnPlacesWhenNoneAreSet() {
    Map<String, String> parameters = server();
    System.setProperty("aws.accessKeyId", parameters.remove("access_key"));
    System.setProperty("aws.secretAccessKey", parameters.remove("secret_key"));
    try (ObjectCatalog catalog = open(parameters)) {
      assertThat(catalog.find(prefix + "none")).isEmpty();
    } finally {
      System.clearProperty("aws.accessKeyId");
      System.clearProperty("aws.secretAccessKey");
    }
  }

  @Test
  public void shouldSayThatTheCredentialsAreWrongAndShowNoSecret() {
    Map<String, String> parameters = server();
    parameters.put("secret_key", "wrong-secret-0123456789");
    try (ObjectCatalog catalog = open(parameters)) {
      HiCacheException error =
          refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.list(prefix, null));

      assertThat(error)
          .hasMessageContaining("list '" + prefix + "'")
          .hasMessageContaining("403 SignatureDoesNotMatch")
          .hasMessageContaining("check access_key, secret_key");
      assertThat(new Report(error).text())
          .doesNotContain("wrong-secret", parameters.get("access_key"));
      refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.delete(List.of(prefix + "a")));
      refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.find(prefix + "a"));
    }
  }

  @Test
  public void shouldSayThatThereIsNoSuchBucket() {
    Map<String, String> parameters = server();
    parameters.put("bucket", "no-such-bucket");
    try (ObjectCatalog catalog = open(parameters)) {
      assertThat(refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.list(prefix, null)))
          .hasMessageContaining("NoSuchBucket")
          .hasMessageContaining("bucket no-such-bucket at " + parameters.get("endpoint_override"));
    }
  }

  @Test
  public void shouldRefuseACertificateOfAnAuthorityThatItDoesNotKnow() {
    Map<String, String> parameters = server(TLS_ENDPOINT);
    parameters.remove("ca_bundle");
    try (ObjectCatalog catalog = open(parameters)) {
      assertThat(refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.list(prefix, null)))
          .hasMessageContaining("ca_bundle");
    }
  }
}
