// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * One connection of a client to a {@link FaultProxy}. Requests are handed on byte for byte, for
 * their signature covers the headers, each on a connection of its own to the server.
 */
final class FaultyConnection implements Runnable, AutoCloseable {
  private static final long LATENCY_MILLIS = 300;
  private static final int CHANGE_BYTES = 10;
  private static final String CRLF = "\r\n";

  private final Socket client;
  private final FaultProxy proxy;

  FaultyConnection(Socket client, FaultProxy proxy) {
    this.client = client;
    this.proxy = proxy;
  }

  @Override
  public void run() {
    try {
      InputStream in = new BufferedInputStream(client.getInputStream());
      OutputStream out = client.getOutputStream();
      for (HttpHead request = HttpHead.read(in); request != null; request = HttpHead.read(in)) {
        if (!exchange(request, in, out, proxy.ruleFor(request))) {
          return;
        }
      }
    } catch (IOException hungUp) {
      // By the client, by the server, or by a fault: the client sees its connection end.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close();
      proxy.forget(this);
    }
  }

  /** Handles one request; false when the connection is to end. */
  private boolean exchange(HttpHead request, InputStream in, OutputStream out, FaultProxy.Rule rule)
      throws IOException, InterruptedException {
    switch (rule.fault()) {
      case RESET -> {
        client.setSoLinger(true, 0);
        return false;
      }
      case HALF_OPEN -> {
        rule.ended().await();
        return false;
      }
      case LATENCY -> {
        boolean over = rule.ended().await(LATENCY_MILLIS, TimeUnit.MILLISECONDS);
        return forward(request, in, out, over ? FaultProxy.Rule.PASS : rule);
      }
      default -> {
        return rule.fault().status() == 0
            ? forward(request, in, out, rule)
            : answer(request, in, out, rule.fault());
      }
    }
  }

  /** Answers in the server's place. */
  private boolean answer(HttpHead request, InputStream in, OutputStream out, Fault fault)
      throws IOException, InterruptedException {
    if (request.expectsContinue()) {
      out.write(("HTTP/1.1 100 Continue" + CRLF + CRLF).getBytes(StandardCharsets.US_ASCII));
    }
    new FaultyBody(request, FaultProxy.Rule.PASS, OutputStream.nullOutputStream()).copy(in);
    String body =
        fault.code() == null
            ? ""
            : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"
                + fault.code()
                + "</Code><Message>made by the fault proxy</Message><RequestId>1</RequestId></Error>";
    String head =
        String.join(
            CRLF,
            "HTTP/1.1 " + fault.status() + " Fault",
            "Content-Type: application/xml",
            "Content-Length: " + body.length(),
            "",
            "");
    boolean headOnly = request.method().equals("HEAD");
    out.write((head + (headOnly ? "" : body)).getBytes(StandardCharsets.US_ASCII));
    return true;
  }

  private boolean forward(HttpHead request, InputStream in, OutputStream out, FaultProxy.Rule rule)
      throws IOException, InterruptedException {
    try (Socket server = new Socket()) {
      server.connect(new InetSocketAddress(proxy.host(), proxy.serverPort()));
      InputStream answers = new BufferedInputStream(server.getInputStream());
      OutputStream requests = server.getOutputStream();
      requests.write(request.bytes());
      if (request.expectsContinue()) {
        HttpHead first = HttpHead.read(answers);
        if (first == null || first.status() != 100) {
          if (first != null) {
            handBack(request, first, answers, out, rule);
          }
          return false;
        }
        out.write(first.bytes());
      }
      new FaultyBody(request, rule, requests).copy(in);
      HttpHead answer = HttpHead.read(answers);
      return answer != null && handBack(request, answer, answers, out, rule);
    }
  }

  /** Hands the answer back, with its fault; false when the connection is to end. */
  private static boolean handBack(
      HttpHead request, HttpHead answer, InputStream in, OutputStream out, FaultProxy.Rule rule)
      throws IOException, InterruptedException {
    boolean bodiless = request.method().equals("HEAD") || answer.status() == 204;
    if (bodiless || answer.contentLength() == 0) {
      out.write(answer.bytes());
      return true;
    }
    long length = answer.contentLength();
    switch (length < CHANGE_BYTES ? Fault.NONE : rule.fault()) {
      case SHORTER -> {
        out.write(answer.withContentLength(length - CHANGE_BYTES));
        out.write(in.readNBytes((int) length), 0, (int) length - CHANGE_BYTES);
      }
      case LENGTH_TOO_SMALL -> {
        out.write(answer.withContentLength(length - CHANGE_BYTES));
        out.write(in.readNBytes((int) length));
      }
      case LENGTH_TOO_LARGE -> {
        out.write(answer.withContentLength(length + CHANGE_BYTES));
        out.write(in.readNBytes((int) length));
        rule.ended().await();
        return false;
      }
      case EXTRA_BYTE -> {
        ByteArrayOutputStream longer = new ByteArrayOutputStream();
        longer.write(answer.withContentLength(length + 1));
        longer.write(in.readNBytes((int) length));
        longer.write('x');
        out.write(longer.toByteArray());
      }
      default -> {
        out.write(answer.bytes());
        return new FaultyBody(answer, rule, out).copy(in);
      }
    }
    return true;
  }

  @Override
  public void close() {
    try {
      client.close();
    } catch (IOException e) {
      throw new IllegalStateException("a socket that cannot be closed", e);
    }
  }
}
