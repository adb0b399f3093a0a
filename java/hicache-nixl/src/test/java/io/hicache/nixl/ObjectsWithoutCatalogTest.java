// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** Objects where no module on the class path can list and delete them, as is so here. */
@Test(groups = "obj")
public class ObjectsWithoutCatalogTest {
  private static final String ADVICE =
      "NIXL cannot list or delete objects; add the module io.hicache:hicache-s3 to the class path";

  private static String required(String variable) {
    String value = System.getenv(variable);
    if (value == null) {
      throw new SkipException(
          "no S3 server: " + variable + " is not set; see scripts/test-servers.sh");
    }
    return value;
  }

  @Test
  public void shouldSayWhatToAddWhereObjectsAreToBeListedOrDeleted() {
    HiCacheConfig config =
        HiCacheConfig.builder()
            .environment(Map.of())
            .backend("OBJ")
            .pluginParam("endpoint_override", required("HICACHE_TEST_S3_ENDPOINT"))
            .pluginParam("bucket", required("HICACHE_TEST_S3_BUCKET"))
            .pluginParam("access_key", required("HICACHE_TEST_S3_ACCESS_KEY"))
            .pluginParam("secret_key", required("HICACHE_TEST_S3_SECRET_KEY"))
            .objectPrefix("ObjectsWithoutCatalogTest-" + UUID.randomUUID() + "/")
            .build();
    try (CapturedLog log = new CapturedLog();
        HiCacheNixl store = HiCacheNixl.open(config)) {
      assertThat(store.set("a", Tensors.randomFloats(4))).isTrue();
      PageInfo page = new PageInfo("a", "", 16, 16, Instant.now(), 1, true, 6, List.of(4L));

      PageResult deleted = store.batchDeletePages(List.of("a")).get(0);
      assertThat(deleted.outcome()).isEqualTo(PageOutcome.FAILED);
      assertThat(deleted.cause().code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(deleted.cause()).hasMessage("delete 'a': " + ADVICE);
      assertUnsupported(store::clear);
      assertUnsupported(() -> store.directory().find("a"));
      assertUnsupported(() -> store.directory().forEach(each -> {}));
      assertUnsupported(() -> store.directory().remove(page));

      assertThat(store.exists("a")).isTrue();
      assertThat(log.lines()).anyMatch(line -> line.startsWith("WARN the start-up probe's object"));
    }
  }

  private static void assertUnsupported(ThrowingCallable call) {
    assertThat(refused(ErrorCode.UNSUPPORTED, call)).hasMessageContaining(ADVICE);
  }
}
