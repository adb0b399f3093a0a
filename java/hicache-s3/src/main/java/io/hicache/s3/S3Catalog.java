// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectEntry;
import io.hicache.nixl.ObjectListing;
import io.hicache.nixl.ObjectLocation;
import io.hicache.nixl.ObjectStart;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.DeleteObjectsResponse;
import software.amazon.awssdk.services.s3.model.EncodingType;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Error;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * The objects of one bucket.
 *
 * <p>Threads: safe from any number of threads.
 */
final class S3Catalog implements ObjectCatalog {
  /** What one DeleteObjects request takes, see the S3 API reference. */
  private static final int NAMES_PER_DELETE = 1000;

  private static final int FORBIDDEN = 403;
  private static final int PRECONDITION_FAILED = 412;
  private static final int RANGE_NOT_SATISFIABLE = 416;

  private final S3Client client;
  private final String bucket;
  private final S3Failures failures;

  /**
   * A catalog over a client.
   *
   * @param client is closed with this
   */
  S3Catalog(ObjectLocation location, S3Client client) {
    this.client = client;
    bucket = location.parameter("bucket", "");
    failures = new S3Failures(location);
  }

  @Override
  public ObjectListing list(String prefix, String from) {
    return call(
        "list '" + prefix + "'",
        () -> {
          // Encoded, for a foreign name may hold what XML cannot; the SDK decodes it.
          ListObjectsV2Response found =
              client.listObjectsV2(
                  request ->
                      request
                          .bucket(bucket)
                          .prefix(prefix)
                          .delimiter("/")
                          .continuationToken(from)
                          .encodingType(EncodingType.URL));
          List<ObjectEntry> objects = found.contents().stream().map(S3Catalog::entry).toList();
          boolean more = Boolean.TRUE.equals(found.isTruncated());
          return new ObjectListing(objects, more ? found.nextContinuationToken() : null);
        });
  }

  private static ObjectEntry entry(S3Object object) {
    return entry(object.key(), object.size(), object.lastModified(), object.eTag());
  }

  private static ObjectEntry entry(String name, Long length, Instant modified, String tag) {
    return new ObjectEntry(
        name,
        length == null ? 0 : length,
        modified == null ? Instant.EPOCH : modified,
        tag == null ? "" : tag);
  }

  @Override
  public Optional<ObjectEntry> find(String name) {
    return call(
        "find '" + name + "'",
        () -> {
          try {
            HeadObjectResponse head =
                client.headObject(request -> request.bucket(bucket).key(name));
            return Optional.of(entry(name, head.contentLength(), head.lastModified(), head.eTag()));
          } catch (NoSuchKeyException e) {
            return Optional.empty();
          }
        });
  }

  @Override
  public Optional<ObjectStart> read(String name, int length) {
    return call(
        "read '" + name + "'",
        () -> {
          try (ResponseInputStream<GetObjectResponse> body =
              client.getObject(
                  request -> request.bucket(bucket).key(name).range("bytes=0-" + (length - 1)))) {
            byte[] bytes = body.readNBytes(length);
            GetObjectResponse head = body.response();
            if (head.contentLength() != null && head.contentLength() > bytes.length) {
              body.abort(); // a server that knows no ranges sends all of it
            }
            Long whole = wholeLength(head.contentRange(), head.contentLength());
            return Optional.of(
                new ObjectStart(entry(name, whole, head.lastModified(), head.eTag()), bytes));
          } catch (NoSuchKeyException e) {
            return Optional.empty();
          } catch (S3Exception e) {
            if (e.statusCode() != RANGE_NOT_SATISFIABLE) {
              throw e;
            }
            return find(name).map(empty -> new ObjectStart(empty, new byte[0]));
          } catch (IOException e) {
            throw SdkClientException.create("the answer broke off", e);
          }
        });
  }

  /** {@code bytes 0-511/4096} is of 4096 bytes; without a range the answer is the object. */
  private static Long wholeLength(String range, Long answered) {
    return range == null ? answered : Long.valueOf(range.substring(range.lastIndexOf('/') + 1));
  }

  @Override
  public Map<String, HiCacheException> delete(List<String> names) {
    Map<String, HiCacheException> failed = new LinkedHashMap<>();
    for (int begin = 0; begin < names.size(); begin += NAMES_PER_DELETE) {
      delete(names.subList(begin, Math.min(names.size(), begin + NAMES_PER_DELETE)), failed);
    }
    return failed;
  }

  private void delete(List<String> names, Map<String, HiCacheException> failed) {
    List<ObjectIdentifier> objects =
        names.stream().map(name -> ObjectIdentifier.builder().key(name).build()).toList();
    String subject = "delete '" + names.get(0) + "'";
    DeleteObjectsResponse done =
        call(
            names.size() == 1 ? subject : subject + " and " + (names.size() - 1) + " more",
            () ->
                client.deleteObjects(
                    request ->
                        request.bucket(bucket).delete(all -> all.objects(objects).quiet(true))));
    for (S3Error error : done.errors()) {
      if (!"NoSuchKey".equals(error.code())) {
        String each = "delete '" + error.key() + "'";
        int status = "AccessDenied".equals(error.code()) ? FORBIDDEN : 0;
        failed.put(error.key(), failures.of(each, status, error.code(), error.message(), null));
      }
    }
  }

  /** Servers that know no condition on a delete ignore it. */
  @Override
  public boolean delete(ObjectEntry object) {
    return call(
        "delete '" + object.name() + "'",
        () -> {
          try {
            client.deleteObject(
                request ->
                    request
                        .bucket(bucket)
                        .key(object.name())
                        .ifMatch(object.tag().isEmpty() ? null : object.tag()));
            return true;
          } catch (NoSuchKeyException e) {
            return false;
          } catch (S3Exception e) {
            if (e.statusCode() == PRECONDITION_FAILED) {
              return false;
            }
            throw e;
          }
        });
  }

  private <T> T call(String subject, Supplier<T> request) {
    try {
      return request.get();
    } catch (SdkException e) {
      throw failures.of(subject, e);
    }
  }

  @Override
  public void close() {
    client.close();
  }
}
