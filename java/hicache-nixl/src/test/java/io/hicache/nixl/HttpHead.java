// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What comes before the body of an HTTP message.
 *
 * @param bytes its very bytes, up to and with the empty line
 * @param first its first line
 * @param headers values by name in lower case
 */
record HttpHead(byte[] bytes, String first, Map<String, String> headers) {
  private static final int BYTES_MAX = 64 << 10;
  private static final String CONTENT_LENGTH = "content-length";

  /** Reads one; null at the end of the stream. */
  static HttpHead read(InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    String first = line(in, bytes);
    if (first == null) {
      return null;
    }
    Map<String, String> headers = new TreeMap<>();
    for (String line = line(in, bytes); line != null && !line.isEmpty(); line = line(in, bytes)) {
      int colon = line.indexOf(':');
      if (colon < 0) {
        throw new IOException("no header: " + line);
      }
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    return new HttpHead(bytes.toByteArray(), first, headers);
  }

  /** Reads a line without its end, which is kept with the bytes; null at the end of the stream. */
  static String line(InputStream in, ByteArrayOutputStream bytes) throws IOException {
    int from = bytes.size();
    for (int next = in.read(); next >= 0; next = in.read()) {
      bytes.write(next);
      if (next == '\n') {
        return bytes.toString(StandardCharsets.ISO_8859_1).substring(from).strip();
      }
      if (bytes.size() > BYTES_MAX) {
        throw new IOException("more than " + BYTES_MAX + " bytes of headers");
      }
    }
    return null;
  }

  /** The method of a request. */
  String method() {
    return first.substring(0, first.indexOf(' '));
  }

  /** The path of a request, as it was sent. */
  String path() {
    String target = first.split(" ")[1];
    int query = target.indexOf('?');
    return query < 0 ? target : target.substring(0, query);
  }

  /** The status of an answer. */
  int status() {
    return Integer.parseInt(first.split(" ")[1]);
  }

  /** Whether the client waits to be told to send the body. */
  boolean expectsContinue() {
    return headers.getOrDefault("expect", "").equalsIgnoreCase("100-continue");
  }

  boolean isChunked() {
    return headers
        .getOrDefault("transfer-encoding", "")
        .toLowerCase(Locale.ROOT)
        .contains("chunked");
  }

  /** Bytes of the body; -1 where the head does not say. */
  long contentLength() {
    return Long.parseLong(headers.getOrDefault(CONTENT_LENGTH, "-1"));
  }

  /** The same bytes but for another length of the body. */
  byte[] withContentLength(long length) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    return text.replaceFirst("(?i)" + CONTENT_LENGTH + ":[^\r\n]*", "Content-Length: " + length)
        .getBytes(StandardCharsets.ISO_8859_1);
  }
}
