// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * The bucket of a {@link TestServer} as any other program sees it: signed requests of its own, no
 * NIXL.
 *
 * <p>Threads: safe from any number of threads.
 */
final class TestBucket {
  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
  private static final String REGION = "us-east-1";
  private static final String UNRESERVED = "-._~";

  private final TestServer server;

  TestBucket(TestServer server) {
    this.server = server;
  }

  void put(String name, byte[] bytes) {
    require(send("PUT", name, Map.of(), Map.of(), bytes), 200);
  }

  /** The bytes of an object; null when there is none. */
  byte[] get(String name) {
    HttpResponse<byte[]> answer = send("GET", name, Map.of(), Map.of(), new byte[0]);
    return answer.statusCode() == 404 ? null : require(answer, 200).body();
  }

  /** The first bytes of an object with what is known of it; null when there is none. */
  ObjectStart head(String name, int length) {
    Map<String, String> range = Map.of("range", "bytes=0-" + (length - 1));
    HttpResponse<byte[]> answer = send("GET", name, Map.of(), range, new byte[0]);
    if (answer.statusCode() == 404) {
      return null;
    }
    if (answer.statusCode() == 416) { // an object of no bytes has no first one
      return new ObjectStart(new ObjectEntry(name, 0, Instant.EPOCH, ""), new byte[0]);
    }
    String size = require(answer, 206).headers().firstValue("content-range").orElseThrow();
    return new ObjectStart(
        new ObjectEntry(
            name,
            Long.parseLong(size.substring(size.indexOf('/') + 1)),
            Instant.from(
                DateTimeFormatter.RFC_1123_DATE_TIME.parse(
                    answer.headers().firstValue("last-modified").orElseThrow())),
            answer.headers().firstValue("etag").orElse("")),
        answer.body());
  }

  /** Deletes an object, whether it is there or not. */
  void delete(String name) {
    require(send("DELETE", name, Map.of(), Map.of(), new byte[0]), 204);
  }

  /** Every object whose name begins so. */
  List<ObjectEntry> list(String prefix) {
    List<ObjectEntry> objects = new ArrayList<>();
    ObjectListing part = list(prefix, null);
    objects.addAll(part.objects());
    while (part.next() != null) {
      part = list(prefix, part.next());
      objects.addAll(part.objects());
    }
    return objects;
  }

  /** As {@link ObjectCatalog#list}. */
  ObjectListing list(String prefix, String from) {
    Map<String, String> query = new TreeMap<>(Map.of("list-type", "2", "prefix", prefix));
    if (from != null) {
      query.put("continuation-token", from);
    }
    Element list = parse(require(send("GET", "", query, Map.of(), new byte[0]), 200).body());
    List<ObjectEntry> objects = new ArrayList<>();
    NodeList entries = list.getElementsByTagName("Contents");
    for (int i = 0; i < entries.getLength(); i++) {
      Element entry = (Element) entries.item(i);
      objects.add(
          new ObjectEntry(
              text(entry, "Key"),
              Long.parseLong(text(entry, "Size")),
              Instant.parse(text(entry, "LastModified")),
              text(entry, "ETag")));
    }
    String next = text(list, "NextContinuationToken");
    return new ObjectListing(objects, next.isEmpty() ? null : next);
  }

  private static Element parse(byte[] xml) {
    try {
      return DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new ByteArrayInputStream(xml))
          .getDocumentElement();
    } catch (Exception e) {
      throw new AssertionError("no XML: " + new String(xml, StandardCharsets.UTF_8), e);
    }
  }

  private static String text(Element element, String tag) {
    NodeList found = element.getElementsByTagName(tag);
    return found.getLength() == 0 ? "" : found.item(0).getTextContent();
  }

  private static HttpResponse<byte[]> require(HttpResponse<byte[]> answer, int status) {
    if (answer.statusCode() != status) {
      throw new AssertionError(
          answer.request()
              + " gave "
              + answer.statusCode()
              + ": "
              + new String(answer.body(), StandardCharsets.UTF_8));
    }
    return answer;
  }

  private HttpResponse<byte[]> send(
      String method,
      String name,
      Map<String, String> query,
      Map<String, String> headers,
      byte[] body) {
    URI endpoint = URI.create(server.endpoint());
    String path = "/" + server.bucket() + (name.isEmpty() ? "" : "/" + encoded(name, "/"));
    StringBuilder arguments = new StringBuilder();
    new TreeMap<>(query)
        .forEach(
            (key, value) ->
                arguments
                    .append(arguments.isEmpty() ? "" : "&")
                    .append(key + "=" + encoded(value, "")));
    String time = TIME.format(Instant.now());
    String hash = hash(body);
    String signed =
        String.join(
            "\n",
            method,
            path,
            arguments,
            "host:" + endpoint.getAuthority(),
            "x-amz-content-sha256:" + hash,
            "x-amz-date:" + time,
            "",
            "host;x-amz-content-sha256;x-amz-date",
            hash);
    URI uri = URI.create(server.endpoint() + path + (arguments.isEmpty() ? "" : "?" + arguments));
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .timeout(PATIENCE)
            .method(method, BodyPublishers.ofByteArray(body))
            .header("x-amz-content-sha256", hash)
            .header("x-amz-date", time)
            .header("Authorization", authorization(time, signed));
    headers.forEach(request::header);
    try {
      return HTTP.send(request.build(), BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new AssertionError(method + " " + uri, e);
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted at " + method + " " + uri, e);
    }
  }

  private String authorization(String time, String canonical) {
    String day = time.substring(0, 8);
    String scope = day + "/" + REGION + "/s3/aws4_request";
    String digest = hash(canonical.getBytes(StandardCharsets.UTF_8));
    byte[] key = ("AWS4" + server.secretKey()).getBytes(StandardCharsets.UTF_8);
    for (String part : List.of(day, REGION, "s3", "aws4_request")) {
      key = hmac(key, part);
    }
    String text = String.join("\n", "AWS4-HMAC-SHA256", time, scope, digest);
    return "AWS4-HMAC-SHA256 Credential="
        + server.accessKey()
        + "/"
        + scope
        + ", SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
        + HexFormat.of().formatHex(hmac(key, text));
  }

  private static String hash(byte[] bytes) {
    return HexFormat.of().formatHex(Digests.sha256().digest(bytes));
  }

  private static byte[] hmac(byte[] key, String text) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private static String encoded(String text, String kept) {
    StringBuilder encoded = new StringBuilder();
    for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (one & 0xFF);
      boolean plain = c < 128 && (Character.isLetterOrDigit(c) || UNRESERVED.indexOf(c) >= 0);
      encoded.append(
          plain || kept.indexOf(c) >= 0 ? String.valueOf(c) : String.format("%%%02X", (int) c));
    }
    return encoded.toString();
  }
}
