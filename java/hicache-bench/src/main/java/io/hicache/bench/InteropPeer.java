// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.HostKVCache;
import io.hicache.nixl.HostKVCacheBuilder;
import io.hicache.nixl.PageResult;
import io.hicache.nixl.PoolLayout;
import io.hicache.nixl.StorageStats;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The Java side of {@code scripts/interop-sglang.sh}: takes the commands of {@code
 * scripts/peer/interop.py}, does with {@link HiCacheNixl} what that does with SGLang's connector,
 * and answers alike. A write adds {@code stored_files} and {@code skipped_files}, a read {@code
 * outcomes}, how many pages ended how, {@code verified}, how many were compared with a checksum,
 * and {@code direct_io}, whether all directories take it. {@code delete} removes pages.
 */
public final class InteropPeer {
  private static final Logger LOG = LogManager.getLogger(InteropPeer.class);
  private static final String MISSING = "interop-missing";

  private enum Action {
    write,
    read,
    delete
  }

  @Parameters(index = "0", description = "${COMPLETION-CANDIDATES}")
  private Action action;

  @Option(names = "--dirs", required = true, split = ",", description = "Base directories.")
  private List<Path> dirs;

  @Option(names = "--api", description = "v1: a registered pool; v0: a tensor for each page.")
  private String api = "v1";

  @Option(names = "--model", description = "mha or mla.")
  private String model = "mha";

  @Option(names = "--layout", description = "SGLang's name.")
  private String layout = "page_first";

  @Option(names = "--dtype", description = "torch's name.")
  private String dtype = "bfloat16";

  @Option(names = "--layers")
  private int layers = 4;

  @Option(names = "--tokens")
  private int tokens = 16;

  @Option(names = "--heads")
  private int heads = 4;

  @Option(names = "--dim")
  private int dim = 32;

  @Option(names = "--pages", description = "How many pages.")
  private int pages = 40;

  @Option(names = "--first", description = "Number of the first page.")
  private int first;

  @Option(names = "--pool-pages")
  private int poolPages = 48;

  @Option(names = "--tp-rank")
  private int tpRank;

  @Option(names = "--tp-size")
  private int tpSize = 1;

  @Option(names = "--direct", description = "1: O_DIRECT, 0: through the page cache.")
  private int direct = 1;

  @Option(names = "--seed")
  private long seed = 1;

  private InteropPeer() {}

  /**
   * Carries out one command, or with no arguments those on standard input, one a line; then ends
   * the process, with 1 when a command could not be carried out.
   *
   * @param arguments a command
   * @throws IOException from standard input
   */
  public static void main(String[] arguments) throws IOException {
    boolean done = true;
    if (arguments.length > 0) {
      done = answer(arguments);
    } else {
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        done &= answer(line.trim().split("\\s+"));
      }
    }
    System.exit(done ? 0 : 1);
  }

  private static boolean answer(String[] arguments) {
    ObjectNode answer = new ObjectMapper().createObjectNode();
    boolean done = true;
    try {
      InteropPeer command = new InteropPeer();
      new CommandLine(command).setOverwrittenOptionsAllowed(true).parseArgs(arguments);
      command.run(answer);
    } catch (RuntimeException e) { // the answer says so, and the next command may do better
      LOG.error("command failed: {}", String.join(" ", arguments), e);
      answer.removeAll().put("error", e.toString());
      done = false;
    }
    System.out.println(answer);
    return done;
  }

  private void run(ObjectNode answer) {
    List<String> keys = IntStream.range(first, first + pages).mapToObj(InteropStream::key).toList();
    try (InteropPages memory = memory();
        HiCacheNixl store = HiCacheNixl.open(config())) {
      memory.register(store);
      switch (action) {
        case write -> write(store, memory, keys, answer);
        case read -> read(store, memory, keys, answer);
        case delete -> answer.put("true", keys.stream().filter(store::delete).count());
      }
    }
  }

  private void write(HiCacheNixl store, InteropPages memory, List<String> keys, ObjectNode answer) {
    for (int i = 0; i < pages; i++) {
      memory.view(i).copy_(expected(memory, keys, i));
    }
    answer.put("true", count(memory.set(store, keys)));
    StorageStats stats = store.getStats();
    answer.put("stored_files", stats.storedPages()).put("skipped_files", stats.skippedPages());
  }

  private void read(HiCacheNixl store, InteropPages memory, List<String> keys, ObjectNode answer) {
    List<String> thenMissing = Stream.concat(keys.stream(), Stream.of(MISSING)).toList();
    List<String> missingFirst = Stream.concat(Stream.of(MISSING), keys.stream()).toList();
    answer.put("exists", store.batchExists(keys));
    answer.put("exists_then_missing", store.batchExists(thenMissing));
    answer.put("exists_missing_first", store.batchExists(missingFirst));
    boolean[] hits = memory.get(store, keys);
    answer.put("true", count(hits));
    int equal = 0;
    for (int i = 0; i < pages; i++) {
      equal += hits[i] && memory.view(i).equal(expected(memory, keys, i)) ? 1 : 0;
    }
    answer.put("equal", equal).put("untouched", memory.isRestBlank());
    ObjectNode outcomes = answer.putObject("outcomes");
    int verified = 0;
    for (PageResult result : memory.getPages(store, keys)) {
      String outcome = result.outcome().name();
      outcomes.put(outcome, outcomes.path(outcome).asInt() + 1);
      verified += result.verified() ? 1 : 0;
    }
    answer.put("verified", verified);
    answer.put(
        "direct_io", store.describe().directories().stream().allMatch(each -> each.directIo()));
  }

  private static int count(boolean[] answers) {
    int count = 0;
    for (boolean answer : answers) {
      count += answer ? 1 : 0;
    }
    return count;
  }

  /** What page i has to hold, in the shape of its view. With MLA all ranks have the same. */
  private Tensor expected(InteropPages memory, List<String> keys, int i) {
    Tensor bytes = InteropStream.bytes(seed, keys.get(i), isMla() ? 0 : tpRank, pageBytes());
    return bytes.view(memory.view(i).shape());
  }

  private boolean isMla() {
    return model.equals("mla");
  }

  private long pageBytes() {
    return (isMla() ? 1L : 2L) * layers * tokens * heads * dim * dtype().itemsize;
  }

  private Dtype dtype() {
    return Dtype.valueOf(dtype);
  }

  private enum Dtype {
    bfloat16(ScalarType.BFloat16, 2),
    float16(ScalarType.Half, 2),
    float32(ScalarType.Float, 4),
    float8_e4m3fn(ScalarType.Float8_e4m3fn, 1),
    uint8(ScalarType.Byte, 1);

    private final ScalarType type;
    private final int itemsize;

    Dtype(ScalarType type, int itemsize) {
      this.type = type;
      this.itemsize = itemsize;
    }
  }

  private InteropPages memory() {
    if (api.equals("v0")) {
      return new InteropTensors(pages, pageBytes(), dtype().type);
    }
    HostKVCacheBuilder builder =
        HostKVCache.builder()
            .pages(poolPages)
            .pageSize(tokens)
            .dtype(dtype().type)
            .layout(PoolLayout.of(layout));
    HostKVCacheBuilder shaped =
        isMla() ? builder.mla(layers, dim) : builder.mha(layers, heads, dim);
    return new InteropPool(shaped.build(), isMla(), pages);
  }

  private HiCacheConfig config() {
    return HiCacheConfig.builder()
        .environment(Map.of())
        .storageDirs(new ArrayList<>(dirs))
        .layout("files")
        .backend("POSIX")
        .naming(api.equals("v0") ? "sglang-v0" : "sglang")
        .model("interop/model")
        .mla(isMla())
        .tpRank(tpRank)
        .tpSize(tpSize)
        .useDirectIo(direct == 1)
        .build();
  }
}
