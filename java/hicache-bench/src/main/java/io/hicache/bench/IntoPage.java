// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.async.SdkPublisher;

/**
 * Puts the body of a response into a page, without a copy between; answers how many bytes it had. A
 * body that is longer than the page fails.
 */
final class IntoPage<R> implements AsyncResponseTransformer<R, Integer> {
  private final byte[] page;
  private CompletableFuture<Integer> result;

  IntoPage(byte[] page) {
    this.page = page;
  }

  @Override
  public CompletableFuture<Integer> prepare() {
    result = new CompletableFuture<>();
    return result;
  }

  @Override
  public void onResponse(R response) {}

  @Override
  public void onStream(SdkPublisher<ByteBuffer> body) {
    ByteBuffer left = ByteBuffer.wrap(page);
    CompletableFuture<Integer> of = result;
    body.subscribe(left::put)
        .whenComplete(
            (nothing, problem) -> {
              if (problem == null) {
                of.complete(left.position());
              } else {
                of.completeExceptionally(problem);
              }
            });
  }

  @Override
  public void exceptionOccurred(Throwable problem) {
    result.completeExceptionally(problem);
  }
}
