// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** The proxy of the fault tests does to requests what its faults say, and nothing else. */
public class FaultProxyTest {
  private static final int BYTES = 10_000;
  private static final long PATIENCE_MILLIS = 20_000;

  private final Map<String, byte[]> stored = new ConcurrentHashMap<>();
  private final Map<String, String> hosts = new ConcurrentHashMap<>();
  private HttpServer server;
  private ExecutorService threads;
  private FaultProxy proxy;
  private HttpClient client;

  @BeforeMethod
  public void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    threads = Executors.newCachedThreadPool();
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
    proxy = new FaultProxy("http://127.0.0.1:" + server.getAddress().getPort());
    client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  }

  @AfterMethod(alwaysRun = true)
  public void stop() throws IOException {
    proxy.close();
    server.stop(0);
    threads.shutdownNow();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      hosts.put(path, exchange.getRequestHeaders().getFirst("Host"));
      if (exchange.getRequestMethod().equals("PUT")) {
        stored.put(path, exchange.getRequestBody().readAllBytes());
        exchange.sendResponseHeaders(200, -1);
        return;
      }
      byte[] body = stored.get(path);
      exchange.sendResponseHeaders(body == null ? 404 : 200, body == null ? -1 : body.length);
      if (body != null) {
        exchange.getResponseBody().write(body);
      }
    }
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(proxy.endpoint() + path));
  }

  /** Waits for the body too, which the client's own time-out does not bound. */
  private HttpResponse<byte[]> send(HttpRequest request, long patienceMillis) throws Exception {
    return client
        .sendAsync(request, BodyHandlers.ofByteArray())
        .get(patienceMillis, TimeUnit.MILLISECONDS);
  }

  private HttpResponse<byte[]> get(String path) throws Exception {
    return send(request(path).GET().build(), PATIENCE_MILLIS);
  }

  private int put(String path, HttpRequest.BodyPublisher body, boolean expect) throws Exception {
    HttpRequest put = request(path).expectContinue(expect).PUT(body).build();
    return send(put, PATIENCE_MILLIS).statusCode();
  }

  private byte[] page(String path) throws Exception {
    byte[] bytes = new byte[BYTES];
    Tensors.random().nextBytes(bytes);
    assertThat(put(path, BodyPublishers.ofByteArray(bytes), false)).isEqualTo(200);
    return bytes;
  }

  @Test(timeOut = 60_000)
  public void shouldHandOnEveryFormOfARequestAsItIs() throws Exception {
    byte[] bytes = page("/a");
    assertThat(stored.get("/a")).isEqualTo(bytes);
    assertThat(get("/a").body()).isEqualTo(bytes);
    assertThat(get("/none").statusCode()).isEqualTo(404);
    assertThat(hosts.get("/a")).isEqualTo(proxy.endpoint().substring("http://".length()));

    assertThat(put("/expect", BodyPublishers.ofByteArray(bytes), true)).isEqualTo(200);
    assertThat(stored.get("/expect")).isEqualTo(bytes);
    // Of unknown length, so it goes in chunks.
    HttpRequest.BodyPublisher chunks =
        BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(bytes));
    assertThat(put("/chunks", chunks, false)).isEqualTo(200);
    assertThat(stored.get("/chunks")).isEqualTo(bytes);
    assertThat(proxy.requests()).startsWith("PUT /a", "GET /a", "GET /none", "PUT /expect");
  }

  @DataProvider
  public Object[][] broken() {
    return new Object[][] {
      {Fault.RESET},
      {Fault.HALF_OPEN},
      {Fault.HUNG},
      {Fault.TRUNCATED},
      {Fault.LENGTH_TOO_LARGE},
      {Fault.DOWN},
    };
  }

  @Test(dataProvider = "broken", timeOut = 60_000)
  public void shouldGiveNoAnswerUntilItRecovers(Fault fault) throws Exception {
    byte[] bytes = page("/a");
    proxy.set(fault);
    HttpRequest get = request("/a").GET().build();
    assertThatThrownBy(() -> send(get, 700))
        .isInstanceOfAny(TimeoutException.class, ExecutionException.class);
    proxy.set(Fault.NONE);
    assertThat(get("/a").body()).isEqualTo(bytes);
  }

  @Test(timeOut = 60_000)
  public void shouldChangeBodies() throws Exception {
    byte[] bytes = page("/a");
    proxy.set(Fault.SHORTER);
    assertThat(get("/a").body()).isEqualTo(Arrays.copyOf(bytes, BYTES - 10));
    proxy.set(Fault.EXTRA_BYTE);
    assertThat(get("/a").body()).hasSize(BYTES + 1).startsWith(bytes);
    proxy.set(Fault.FLIPPED);
    byte[] flipped = get("/a").body();
    flipped[BYTES / 2] ^= 4;
    assertThat(flipped).isEqualTo(bytes);
    assertThat(put("/b", BodyPublishers.ofByteArray(bytes), false)).isEqualTo(200);
    assertThat(stored.get("/b")[BYTES / 2]).isEqualTo((byte) (bytes[BYTES / 2] ^ 4));
    proxy.set(Fault.LENGTH_TOO_SMALL);
    assertThat(get("/a").body()).isEqualTo(Arrays.copyOf(bytes, BYTES - 10));
  }

  @Test(timeOut = 60_000)
  public void shouldDelayAndSlowDown() throws Exception {
    byte[] bytes = page("/a");
    for (Fault fault : new Fault[] {Fault.LATENCY, Fault.SLOW}) {
      proxy.set(fault);
      long begin = System.nanoTime();
      assertThat(get("/a").body()).as(fault.toString()).isEqualTo(bytes);
      assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThan(Duration.ofMillis(90));
    }
  }

  @DataProvider
  public Object[][] statuses() {
    return Arrays.stream(Fault.values())
        .filter(fault -> fault.status() != 0)
        .map(fault -> new Object[] {fault})
        .toArray(Object[][]::new);
  }

  @Test(dataProvider = "statuses", timeOut = 60_000)
  public void shouldAnswerWithAStatusInTheServersPlace(Fault fault) throws Exception {
    page("/a");
    proxy.set(fault, path -> path.equals("/a"));
    HttpResponse<byte[]> answer = get("/a");
    assertThat(answer.statusCode()).isEqualTo(fault.status());
    String body = new String(answer.body(), StandardCharsets.US_ASCII);
    if (fault.code() == null) {
      assertThat(body).isEmpty();
    } else {
      assertThat(body).contains("<Error><Code>" + fault.code() + "</Code>");
    }
    assertThat(put("/a", BodyPublishers.ofByteArray(new byte[7]), true)).isEqualTo(fault.status());
    assertThat(stored.get("/a")).hasSize(BYTES);
    assertThat(put("/b", BodyPublishers.ofByteArray(new byte[7]), false)).isEqualTo(200);
  }
}
