// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;

/** The body of a message on its way, whatever tells its length, with the faults that befall one. */
final class FaultyBody {
  private static final int SLOW_BYTES_PER_SECOND = 64 << 10;
  private static final int SLOW_PIECE = 4 << 10;

  private final HttpHead head;
  private final FaultProxy.Rule rule;
  private final OutputStream out;
  private long passed;
  private boolean cut;

  FaultyBody(HttpHead head, FaultProxy.Rule rule, OutputStream out) {
    this.head = head;
    this.rule = rule;
    this.out = out;
  }

  /**
   * Copies the body; false when the connection is to end, for the body was cut or its end is that.
   */
  boolean copy(InputStream in) throws IOException, InterruptedException {
    if (head.isChunked()) {
      return copyChunks(in);
    }
    if (head.contentLength() >= 0) {
      return copyBytes(in, head.contentLength(), middleOf(head.contentLength()));
    }
    if (head.first().startsWith("HTTP/")) {
      in.transferTo(out);
      return false;
    }
    return true;
  }

  private boolean copyChunks(InputStream in) throws IOException, InterruptedException {
    while (true) {
      ByteArrayOutputStream framing = new ByteArrayOutputStream();
      String line = HttpHead.line(in, framing);
      if (line == null) {
        throw new EOFException("the end amid chunks");
      }
      long length = Long.parseLong(line.split(";")[0].strip(), 16);
      if (length == 0) {
        for (String trailer = line; trailer != null && !trailer.isEmpty(); ) {
          trailer = HttpHead.line(in, framing);
        }
        out.write(framing.toByteArray());
        return true;
      }
      out.write(framing.toByteArray());
      if (!copyBytes(in, length, passed == 0 ? middleOf(length) : 0)) {
        return false;
      }
      out.write(in.readNBytes(2));
    }
  }

  private static long middleOf(long length) {
    return length / 2;
  }

  /** Copies so many bytes with the fault in front of one of them. */
  private boolean copyBytes(InputStream in, long length, long place)
      throws IOException, InterruptedException {
    byte[] piece = new byte[rule.fault() == Fault.SLOW ? SLOW_PIECE : 64 << 10];
    for (long done = 0; done < length; ) {
      int read = in.read(piece, 0, (int) Math.min(piece.length, length - done));
      if (read < 0) {
        throw new EOFException("the end after " + done + " of " + length + " bytes");
      }
      boolean here = place >= done && place < done + read;
      if (here && (rule.fault() == Fault.TRUNCATED || rule.fault() == Fault.HUNG)) {
        out.write(piece, 0, (int) (place - done));
        if (rule.fault() == Fault.HUNG) {
          rule.ended().await();
        }
        return false;
      }
      if (here && rule.fault() == Fault.FLIPPED) {
        piece[(int) (place - done)] ^= 4;
      }
      out.write(piece, 0, read);
      if (rule.fault() == Fault.SLOW) {
        rule.ended().await(1000L * read / SLOW_BYTES_PER_SECOND, TimeUnit.MILLISECONDS);
      }
      done += read;
      passed += read;
    }
    return true;
  }
}
