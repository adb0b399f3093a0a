// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import static io.hicache.s3.S3Fixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectCatalogProvider;
import io.hicache.nixl.ObjectLocation;
import io.hicache.nixl.ObjectStart;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.atomic.AtomicInteger;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.Test;

/** The catalog against servers that refuse, hang, quote, or know no ranges. */
public class S3FaultTest {
  private static final String SECRET = "the-secret-0123456789";
  private static final String SESSION = "the-session-0123456789";
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

  private final AtomicInteger requests = new AtomicInteger();
  private HttpServer server;

  @BeforeMethod
  public void start() throws IOException {
    requests.set(0);
    server = HttpServer.create(new InetSocketAddress(LOOPBACK, 0), 0);
    server.start();
  }

  @AfterMethod(alwaysRun = true)
  public void stop() {
    server.stop(0);
  }

  private interface Answer {
    void to(HttpExchange exchange, int request) throws IOException;
  }

  private void answer(Answer answer) {
    server.createContext(
        "/",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          answer.to(exchange, requests.incrementAndGet());
          exchange.close();
        });
  }

  private static void send(HttpExchange exchange, int status, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private static String error(String code, String message) {
    return "<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>";
  }

  private ObjectCatalog open(int port, Duration timeout, int attempts) {
    Map<String, String> parameters =
        Map.of(
            "endpoint_override",
            "http://127.0.0.1:" + port,
            "bucket",
            "b",
            "access_key",
            "the-access-key",
            "secret_key",
            SECRET,
            "session_token",
            SESSION);
    return new S3CatalogProvider()
        .open(new ObjectLocation("OBJ", parameters, "", timeout, attempts));
  }

  private ObjectCatalog open(int attempts) {
    return open(server.getAddress().getPort(), Duration.ofSeconds(30), attempts);
  }

  @Test
  public void shouldBeFoundForObjAndNothingElse() {
    List<ObjectCatalogProvider> providers =
        ServiceLoader.load(ObjectCatalogProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .toList();

    assertThat(providers).hasExactlyElementsOfTypes(S3CatalogProvider.class);
    assertThat(providers.get(0).supports("OBJ")).isTrue();
    assertThat(providers.get(0).supports("AZURE_BLOB")).isFalse();
  }

  @Test
  public void shouldMakeARequestAgainAsOftenAsItMay() {
    answer(
        (exchange, request) ->
            send(
                exchange,
                request < 3 ? 503 : 404,
                request < 3 ? error("SlowDown", "later") : error("NoSuchKey", "none")));
    try (ObjectCatalog once = open(1);
        ObjectCatalog thrice = open(3)) {
      assertThat(refused(ErrorCode.BACKEND_UNAVAILABLE, () -> once.read("a", 4)))
          .hasMessageContaining("read 'a' (bucket b at http://127.0.0.1:")
          .hasMessageContaining("503 SlowDown: later");
      assertThat(requests).hasValue(1);

      assertThat(thrice.read("a", 4)).isEmpty();

      assertThat(requests).hasValue(3);
    }
  }

  @Test
  public void shouldHideSecretsThatTheServerQuotes() {
    answer(
        (exchange, request) ->
            send(exchange, 403, error("Odd", "you sent " + SESSION + " and have " + SECRET)));
    try (ObjectCatalog catalog = open(1)) {
      HiCacheException error = refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.list("", null));

      assertThat(error).hasMessageContaining("you sent *** and have ***");
      assertThat(new Report(error).text()).doesNotContain(SECRET, SESSION);
    }
  }

  @Test
  public void shouldReadNoMoreThanItNeedsWhereTheServerKnowsNoRanges() {
    answer((exchange, request) -> send(exchange, 200, "0123456789".repeat(100_000)));
    try (ObjectCatalog catalog = open(1)) {
      ObjectStart start = catalog.read("a", 4).orElseThrow();

      assertThat(start.bytes()).isEqualTo("0123".getBytes(StandardCharsets.UTF_8));
      assertThat(start.entry().length()).isEqualTo(1_000_000);
    }
  }

  @Test
  public void shouldTellWhichObjectsCouldNotBeDeleted() {
    answer(
        (exchange, request) ->
            send(
                exchange,
                200,
                "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>locked</Message>"
                    + "</Error><Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>"));
    try (ObjectCatalog catalog = open(1)) {
      Map<String, HiCacheException> failed = catalog.delete(List.of("a", "b", "c"));

      assertThat(failed).containsOnlyKeys("b");
      assertThat(failed.get("b"))
          .hasMessageContaining("delete 'b'")
          .hasMessageContaining("AccessDenied: locked");
    }
  }

  @Test
  public void shouldTimeOutWhenTheServerHangs() throws IOException {
    try (ServerSocket deaf = new ServerSocket(0, 50, LOOPBACK);
        ObjectCatalog catalog = open(deaf.getLocalPort(), Duration.ofMillis(300), 3)) {
      assertThat(refused(ErrorCode.TIMEOUT, () -> catalog.find("a")))
          .hasMessageContaining("no answer within 300 ms");
    }
  }

  @Test
  public void shouldSayThatNobodyListens() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, LOOPBACK)) {
      port = free.getLocalPort();
    }
    try (ObjectCatalog catalog = open(port, Duration.ofSeconds(30), 1)) {
      assertThat(refused(ErrorCode.BACKEND_UNAVAILABLE, () -> catalog.delete(List.of("a", "b"))))
          .hasMessageContaining("delete 'a' and 1 more (bucket b at http://127.0.0.1:" + port)
          .hasMessageContaining("check endpoint_override");
    }
  }

  @Test
  public void shouldRefuseALocationThatCannotBeUsed() throws IOException {
    Path empty = Files.createTempFile(Path.of("target"), "empty", ".pem");
    assertInvalid(Map.of("bucket", "b", "ca_bundle", empty.toString()), "no certificate");
    assertInvalid(Map.of("bucket", "b", "ca_bundle", "/no/such/file"), "ca_bundle");
    assertInvalid(Map.of("bucket", "b", "access_key", "k"), "secret_key is not");
    assertInvalid(Map.of("bucket", "b", "endpoint_override", "a b"), "endpoint_override");
  }

  private static void assertInvalid(Map<String, String> parameters, String why) {
    ObjectLocation location = new ObjectLocation("OBJ", parameters, "", Duration.ofSeconds(1), 1);
    assertThat(
            refused(
                ErrorCode.INVALID_ARGUMENT, () -> new S3CatalogProvider().open(location).close()))
        .hasMessageContaining(why);
  }
}
