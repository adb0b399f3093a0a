// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/** What can go wrong between a store and its object storage; made by a {@link FaultProxy}. */
enum Fault {
  /** Everything passes. */
  NONE,
  /** Each request waits a while. */
  LATENCY,
  /** Bodies pass slowly. */
  SLOW,
  /** The connection is reset in place of an answer. */
  RESET,
  /** The request is taken and never answered. */
  HALF_OPEN,
  /** The body stops in the middle, and the connection stays open. */
  HUNG,
  /** The body stops in the middle, and the connection ends. */
  TRUNCATED,
  /** The answer is of a shorter object: fewer bytes, and a length that says so. */
  SHORTER,
  /** The answer's length is less than its body has. */
  LENGTH_TOO_SMALL,
  /** The answer's length is more than its body has. */
  LENGTH_TOO_LARGE,
  /** The answer has a byte more, and a length that says so. */
  EXTRA_BYTE,
  /** One bit of the body is another. */
  FLIPPED,
  /** The server answers with this status and S3's error document. */
  STATUS_403(403, "AccessDenied"),
  /** As above. */
  STATUS_404(404, "NoSuchKey"),
  /** As above. */
  STATUS_500(500, "InternalError"),
  /** As above. */
  STATUS_503(503, "SlowDown"),
  /** The server answers with this status and no body. */
  STATUS_500_BARE(500, null),
  /** As above. */
  STATUS_404_BARE(404, null),
  /** Connections are refused: nobody listens. */
  DOWN;

  private final int status;
  private final String code;

  Fault() {
    this(0, null);
  }

  Fault(int status, String code) {
    this.status = status;
    this.code = code;
  }

  /** The HTTP status of an answer that no server was asked for; 0 where one was. */
  int status() {
    return status;
  }

  /** S3's word for it; null: without a body. */
  String code() {
    return code;
  }
}
