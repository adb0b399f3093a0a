// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectLocation;
import java.net.SocketTimeoutException;
import java.net.URI;
import javax.net.ssl.SSLException;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * Failures of the SDK as the one exception of the library: what failed, where, why, what to do, and
 * no secret.
 *
 * <p>Threads: immutable.
 */
final class S3Failures {
  private static final int MESSAGE_CHARS_MAX = 400;

  private final ObjectLocation location;
  private final String where;

  S3Failures(ObjectLocation location) {
    this.location = location;
    URI endpoint = S3Clients.endpoint(location);
    String region = location.parameter("region", "us-east-1");
    where =
        String.format(
            " (bucket %s at %s): ",
            location.parameter("bucket", "?"), endpoint == null ? "S3 in " + region : endpoint);
  }

  /**
   * The exception for a failed call.
   *
   * @param subject call and object, e.g. {@code find 'kv/page'}
   */
  HiCacheException of(String subject, SdkException error) {
    if (error instanceof AwsServiceException answer) {
      String code = answer.awsErrorDetails() == null ? "" : answer.awsErrorDetails().errorCode();
      String said = answer.awsErrorDetails() == null ? "" : answer.awsErrorDetails().errorMessage();
      return of(subject, answer.statusCode(), code, said, error);
    }
    boolean late =
        error instanceof ApiCallTimeoutException
            || error instanceof ApiCallAttemptTimeoutException
            || isCausedBy(SocketTimeoutException.class, error);
    if (late) {
      String why = "no answer within " + location.timeout().toMillis() + " ms; try again";
      return exception(ErrorCode.TIMEOUT, subject, why, error);
    }
    String advice =
        isCausedBy(SSLException.class, error)
            ? "; name the server's certificate authority in ca_bundle"
            : "; check endpoint_override, scheme and the network";
    Throwable root = root(error);
    String why = root == error ? error.getMessage() : root.toString();
    return exception(ErrorCode.BACKEND_UNAVAILABLE, subject, cut(why) + advice, error);
  }

  /** The exception for what the server said, of a call or of one object of many. */
  HiCacheException of(String subject, int status, String code, String said, Throwable cause) {
    String advice =
        switch (status) {
          case 401, 403 -> "; check access_key, secret_key, region and what they may do";
          case 301, 307 -> "; check region and endpoint_override";
          case 404 -> "; check bucket";
          default -> "";
        };
    boolean unusable = !advice.isEmpty() || status == 429 || status >= 500;
    String why = (status == 0 ? "" : status + " ") + code + (said == null ? "" : ": " + said);
    return exception(
        unusable ? ErrorCode.BACKEND_UNAVAILABLE : ErrorCode.TRANSFER_FAILED,
        subject,
        cut(why) + advice,
        cause);
  }

  /** A cause that quotes a secret is left out. */
  private HiCacheException exception(ErrorCode code, String subject, String why, Throwable cause) {
    boolean clean = true;
    for (Throwable each = cause; each != null; each = each.getCause()) {
      String text = String.valueOf(each.getMessage());
      clean &= text.equals(location.hide(text));
    }
    return new HiCacheException(code, location.hide(subject + where + why), clean ? cause : null);
  }

  private static boolean isCausedBy(Class<? extends Throwable> type, Throwable error) {
    return error != null && (type.isInstance(error) || isCausedBy(type, error.getCause()));
  }

  private static Throwable root(Throwable error) {
    return error.getCause() == null ? error : root(error.getCause());
  }

  private static String cut(String text) {
    String line = String.valueOf(text).replaceAll("\\s+", " ");
    return line.length() > MESSAGE_CHARS_MAX ? line.substring(0, MESSAGE_CHARS_MAX) + "..." : line;
  }
}
