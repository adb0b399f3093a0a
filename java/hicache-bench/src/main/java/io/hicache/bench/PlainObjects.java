// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3AsyncClientBuilder;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;

/**
 * Pages as objects by nothing but the AWS SDK: each call sends the requests of its pages side by
 * side and waits for all. A get puts the bytes straight where the page belongs. The server is the
 * one that {@code AWS_ENDPOINT_OVERRIDE} and {@code AWS_DEFAULT_BUCKET} name.
 *
 * <p>Threads: one thread.
 */
final class PlainObjects implements AutoCloseable {
  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(60);
  private static final int DELETED_AT_ONCE = 1000;

  private final S3AsyncClient client;
  private final String bucket;
  private final String prefix;
  private final byte[][] pages;
  private final byte[][] golden;

  /**
   * Makes no request.
   *
   * @param checksums whether the SDK adds its own checksums to requests and verifies those of
   *     responses, as it does by default
   */
  PlainObjects(
      Map<String, String> environment,
      String prefix,
      int connections,
      boolean checksums,
      int count,
      int pageBytes) {
    this.prefix = prefix;
    bucket = environment.get("AWS_DEFAULT_BUCKET");
    client = client(environment, connections, checksums);
    Random random = new Random(1);
    golden = new byte[count][pageBytes];
    for (byte[] page : golden) {
      random.nextBytes(page);
    }
    pages = new byte[count][];
    Arrays.setAll(pages, i -> golden[i].clone());
  }

  private static S3AsyncClient client(
      Map<String, String> environment, int connections, boolean checksums) {
    S3AsyncClientBuilder builder =
        S3AsyncClient.builder()
            .httpClientBuilder(NettyNioAsyncHttpClient.builder().maxConcurrency(connections))
            .region(Region.of(environment.getOrDefault("AWS_REGION", "us-east-1")))
            .forcePathStyle(true)
            .overrideConfiguration(override -> override.apiCallTimeout(REQUEST_TIMEOUT));
    String endpoint = environment.get("AWS_ENDPOINT_OVERRIDE");
    if (endpoint != null) {
      builder.endpointOverride(URI.create(endpoint));
    }
    if (!checksums) {
      builder.requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED);
      builder.responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
    }
    return builder.build();
  }

  /** Stores the pages first to first + keys.size(). */
  boolean set(List<String> keys, int first) {
    return all(
        keys,
        i ->
            client
                .putObject(
                    request -> request.bucket(bucket).key(prefix + keys.get(i)),
                    AsyncRequestBody.fromBytesUnsafe(pages[first + i]))
                .thenApply(response -> true));
  }

  /** Fills the pages first to first + keys.size(). */
  boolean get(List<String> keys, int first) {
    return all(
        keys,
        i ->
            client
                .getObject(
                    request -> request.bucket(bucket).key(prefix + keys.get(i)),
                    new IntoPage<>(pages[first + i]))
                .thenApply(bytes -> bytes == pages[first + i].length));
  }

  /** How many of the keys are there. */
  int exists(List<String> keys) {
    List<CompletableFuture<Boolean>> asked =
        IntStream.range(0, keys.size()).mapToObj(i -> isThere(keys.get(i))).toList();
    return (int) asked.stream().filter(CompletableFuture::join).count();
  }

  private CompletableFuture<Boolean> isThere(String key) {
    return client
        .headObject(request -> request.bucket(bucket).key(prefix + key))
        .handle(
            (response, problem) -> {
              if (problem == null) {
                return true;
              }
              if (problem.getCause() instanceof NoSuchKeyException) {
                return false;
              }
              throw new IllegalStateException("cannot tell whether " + key + " is there", problem);
            });
  }

  private static boolean all(List<String> keys, IntFunction<CompletableFuture<Boolean>> send) {
    List<CompletableFuture<Boolean>> sent = IntStream.range(0, keys.size()).mapToObj(send).toList();
    return sent.stream().map(CompletableFuture::join).reduce(true, Boolean::logicalAnd);
  }

  /** Overwrites every page, so that what a get left out is seen. */
  void blank() {
    for (byte[] page : pages) {
      Arrays.fill(page, (byte) 0);
    }
  }

  /** True when every page holds the bytes that were set. */
  boolean isWhole() {
    return Arrays.deepEquals(pages, golden);
  }

  /** Deletes every object below the prefix, whoever put it. */
  void clear() {
    List<ObjectIdentifier> found = new ArrayList<>();
    client
        .listObjectsV2Paginator(request -> request.bucket(bucket).prefix(prefix))
        .contents()
        .subscribe(object -> found.add(ObjectIdentifier.builder().key(object.key()).build()))
        .join();
    for (int first = 0; first < found.size(); first += DELETED_AT_ONCE) {
      List<ObjectIdentifier> part =
          found.subList(first, Math.min(found.size(), first + DELETED_AT_ONCE));
      client.deleteObjects(request -> request.bucket(bucket).delete(of -> of.objects(part))).join();
    }
  }

  @Override
  public void close() {
    client.close();
  }
}
