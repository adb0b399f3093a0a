// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.Test;

/** What SGLang's TestNixlFileLayout shows of its connector, shown of this store. */
public class SglangFileLayoutTest extends PoolFixture {

  private Path[] disks(int count) {
    return IntStream.range(0, count).mapToObj(i -> dir.resolve("disk" + i)).toArray(Path[]::new);
  }

  @Test(description = "the peer's test_route_key_is_stable_and_bucketed")
  public void shouldRouteAKeyToSglangsDirectoryAndBucket() throws Exception {
    assertThat(routeOf(3, "test_model", 2, "key1")).isEqualTo("disk0/f0/key1_test_model_0_2");
    String hashed = "a".repeat(64);
    for (int round = 0; round < 2; round++) {
      assertThat(fileOfK(3, hashed)).isEqualTo("disk2/c9/" + hashed + "_model-a_0_1_k");
      assertThat(fileOfK(4, hashed)).isEqualTo("disk1/c9/" + hashed + "_model-a_0_1_k");
    }
  }

  private String routeOf(int disks, String model, int ranks, String key) {
    HiCacheConfig config = config().storageDirs(disks(disks)).model(model).tpSize(ranks).build();
    try (HiCacheNixl store = HiCacheNixl.open(config)) {
      return dir.relativize(store.directory().path(key)).toString();
    }
  }

  /** Where the K of a page of a pool is put. */
  private String fileOfK(int disks, String key) throws IOException {
    HiCacheConfig config = config().storageDirs(disks(disks)).model("model-a").build();
    try (HiCacheNixl store = HiCacheNixl.open(config);
        HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 1)) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(List.of(key), tokens(pool, 0))).containsOnly(true);
      String file = dir.relativize(fileNamed(key + "_model-a_0_1_k")).toString();
      assertThat(store.clear()).isEqualTo(2);
      return file;
    }
  }

  @Test(description = "the peer's test_route_key_rejects_empty_disk_set")
  public void shouldRefuseAnEmptySetOfDirectories() {
    refused(() -> config().storageDirs(List.of()).build());
  }

  @Test(description = "the peer's test_file_manager_routes_to_bucketed_base_dir")
  public void shouldPutPagesIntoBucketsOfAllItsDirectories() throws Exception {
    List<String> keys = keys(60);
    Tensor page = Tensors.randomFloats(16);
    try (HiCacheNixl store = HiCacheNixl.open(config().storageDirs(disks(3)).build())) {
      for (String key : keys) {
        assertThat(store.set(key, page)).isTrue();
        assertThat(store.directory().path(key)).hasSize(64);
      }
    }
    List<Path> files = filesBelow(dir).stream().map(dir::relativize).toList();
    assertThat(files)
        .hasSize(60)
        .allMatch(f -> f.toString().matches("disk[012]/[0-9a-f]{2}/[^/]+"));
    Set<Path> used = files.stream().map(file -> file.getName(0)).collect(Collectors.toSet());
    assertThat(used).hasSize(3);
  }

  @Test(description = "the peer's test_open_file_creates_bucket_directory")
  public void shouldMakeABucketThatIsMissing() throws Exception {
    Tensor page = Tensors.randomFloats(16);
    try (HiCacheNixl store = open()) {
      Path bucket = store.directory().path("page").getParent();
      assertThat(store.set("page", page)).isTrue();
      removeTree(bucket);
      assertThat(store.exists("page")).isFalse();

      assertThat(store.set("page", page)).isTrue();

      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      assertThat(bucket).isDirectory();
    }
  }

  @Test(description = "the peer's test_clear_removes_nested_bucket_files")
  public void shouldClearThePagesInAllBuckets() throws Exception {
    List<String> keys = keys(200);
    try (HostKVCache pool = mha(PoolLayout.PAGE_FIRST, 200);
        HiCacheNixl store = HiCacheNixl.open(config().storageDirs(disks(2)).build())) {
      store.registerMemPoolHost(pool);
      assertThat(store.batchSetV1(keys, firstPages(pool, 200))).containsOnly(true);
      assertThat(filesBelow(dir).stream().map(Path::getParent).distinct().count())
          .isGreaterThan(100);
      Path foreign = Files.writeString(pageFiles().get(0).resolveSibling("foreign"), "kept");

      assertThat(store.clear()).isEqualTo(400);

      assertThat(store.batchExists(keys)).isZero();
      assertThat(pageFiles()).containsExactly(foreign);
    }
  }
}
