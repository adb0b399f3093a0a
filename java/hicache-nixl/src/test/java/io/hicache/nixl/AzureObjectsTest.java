// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.bytedeco.pytorch.Tensor;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** Pages as blobs, over the server that {@code scripts/test-servers.sh} starts. */
@Test(groups = "obj")
public class AzureObjectsTest {
  private static final String CONNECTION = "HICACHE_TEST_AZURE_CONNECTION_STRING";
  private static final String CONTAINER = "HICACHE_TEST_AZURE_CONTAINER";

  private static HiCacheConfig config() {
    String connection = System.getenv(CONNECTION);
    if (connection == null) {
      throw new SkipException("no Azure server: " + CONNECTION + " is not set");
    }
    return HiCacheConfig.builder()
        .environment(Map.of())
        .backend("AZURE_BLOB")
        .pluginParams(
            Map.of("connection_string", connection, "container_name", System.getenv(CONTAINER)))
        .objectPrefix("azure-" + UUID.randomUUID() + "/")
        .model("m")
        .build();
  }

  public void shouldServeWhatWasSetAndMissWhatWasNot() {
    try (HiCacheNixl store = HiCacheNixl.open(config())) {
      Tensor page = Tensors.randomFloats(3, 5000);
      Tensor other = Tensors.randomFloats(3, 5000);
      List<String> keys = List.of("a", "none", "b");
      assertThat(store.batchSet(List.of("a", "b"), List.of(page, other))).isTrue();
      assertThat(store.batchExistsPages(keys))
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.HIT, PageOutcome.MISS, PageOutcome.HIT);
      Tensor first = Tensors.blankLike(page);
      Tensor second = Tensors.blankLike(page);
      List<PageResult> read =
          store.batchGetPages(keys, List.of(first, Tensors.blankLike(page), second));
      assertThat(read)
          .extracting(PageResult::outcome)
          .containsExactly(PageOutcome.HIT, PageOutcome.MISS, PageOutcome.HIT);
      Tensors.assertSame(first, page);
      Tensors.assertSame(second, other);
    }
  }

  public void shouldSayThatBlobsCannotBeDeleted() {
    try (HiCacheNixl store = HiCacheNixl.open(config())) {
      PageResult removed = store.deletePage("a");
      assertThat(removed.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(StoreFixture.refused(ErrorCode.UNSUPPORTED, removed::orThrow))
          .hasMessageContaining("AZURE_BLOB");
    }
  }
}
