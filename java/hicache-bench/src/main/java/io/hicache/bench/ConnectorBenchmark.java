// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.StoreDescription;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The Java side of {@code scripts/bench.sh}: does with {@link HiCacheNixl} what {@code
 * scripts/peer/peer_bench.py} does with SGLang's connector, with the same options, in the same
 * order, and prints one JSON object with the same fields.
 *
 * <p>Modes: {@code tensor}, a libtorch tensor for each page, through {@code batchSet(List, List)},
 * against the peer's {@code v0api}; {@code pool}, tensors over one page-aligned region, against the
 * peer's {@code v1}; {@code address}, the same region through the calls that take addresses.
 */
@Command(name = "ConnectorBenchmark", mixinStandardHelpOptions = true, sortOptions = false)
public final class ConnectorBenchmark implements Callable<Integer> {
  private static final int EXISTS_BATCH = 128;

  private enum Mode {
    tensor,
    pool,
    address
  }

  @Mixin private Turns turns;

  @Option(names = "--page-bytes", description = "Bytes of a page, a multiple of 8.")
  private long pageBytes = 8 << 20;

  @Option(names = "--dir", description = "Storage directory; none for objects.")
  private Path dir;

  @Option(names = "--mode", description = "${COMPLETION-CANDIDATES} (${DEFAULT-VALUE}).")
  private Mode mode = Mode.tensor;

  @Option(names = "--naming", description = "sglang or sglang-v0, as the peer's mode names files.")
  private String naming = "sglang";

  @Option(
      names = "--layout",
      description =
          "files, segments or objects; the bucket of objects is the one that AWS_ENDPOINT_OVERRIDE"
              + " and AWS_DEFAULT_BUCKET name.")
  private String layout = "files";

  @Option(names = "--prefix", description = "What the names of objects begin with.")
  private String prefix = "";

  @Option(names = "--odirect", description = "1: O_DIRECT, 0: through the page cache.")
  private int odirect = 1;

  @Option(names = "--io", description = "default, aio, uring or posix_aio.")
  private String io = "default";

  @Option(names = "--verify", description = "1: compare every byte after each round.")
  private int verify = 1;

  @Option(names = "--pool-mib", description = "Largest memory for pages; they wrap around in it.")
  private long poolMib = 2048;

  @Option(names = "--checksum", description = "1: verify checksums on get, as by default.")
  private int checksum = 1;

  @Option(names = "--lanes", description = "Worker threads; 0: the store's choice.")
  private int lanes;

  @Option(names = "--chunk-pages", description = "0: the store's default.")
  private int chunkPages;

  @Option(names = "--chunk-bytes", description = "0: the store's default.")
  private long chunkBytes;

  @Option(names = "--chunks-in-flight", description = "0: the store's default.")
  private int chunksInFlight;

  private final Samples sets = new Samples("set", true);
  private final Samples present = new Samples("exists", false);
  private final Samples absent = new Samples("exists_miss", false);
  private final Samples gets = new Samples("get", true);
  private int done; // rounds

  private ConnectorBenchmark() {}

  /**
   * Runs one benchmark and ends the process.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ConnectorBenchmark()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (turns.pages < 1
        || turns.batch < 1
        || turns.rounds < 1
        || pageBytes < 8
        || pageBytes % 8 != 0) {
      throw new IllegalArgumentException(
          "--pages, --batch and --rounds must be at least 1, --page-bytes a multiple of 8");
    }
    int held =
        (int)
            Math.min(
                turns.pages,
                Math.max(turns.batch, (poolMib << 20) / pageBytes / turns.batch * turns.batch));
    try (PageMemory memory = memory(held);
        HiCacheNixl store = HiCacheNixl.open(config())) {
      StoreDescription about = store.describe();
      turns.run(
          () -> round(store, memory, held),
          List.of(sets, gets, present, absent),
          () -> report(about, held));
    }
    return 0;
  }

  private void round(HiCacheNixl store, PageMemory memory, int held) {
    List<String> keys = keys(done++);
    List<String> none =
        keys.stream().map(key -> new StringBuilder(key).reverse().toString()).toList();
    sets.time(() -> sets.inBatches(keys, turns.batch, (k, at) -> memory.set(store, k, at % held)));
    present.time(
        () -> present.inBatches(keys, EXISTS_BATCH, (k, at) -> store.batchExists(k) == k.size()));
    absent.time(() -> absent.inBatches(none, EXISTS_BATCH, (k, at) -> store.batchExists(k) == 0));
    memory.blank();
    gets.time(() -> gets.inBatches(keys, turns.batch, (k, at) -> memory.get(store, k, at % held)));
    if (verify == 1 && !memory.isWhole()) {
      throw new IllegalStateException("the data read back differ");
    }
    long removed = store.clear();
    if (removed != turns.pages) {
      throw new IllegalStateException(removed + " pages were removed, not " + turns.pages);
    }
  }

  private PageMemory memory(int held) {
    return mode == Mode.tensor
        ? new SeparateTensors(held, pageBytes)
        : new PagePool(held, pageBytes, mode == Mode.address);
  }

  /** Fresh keys every round, in the form of SGLang's. */
  private List<String> keys(int round) {
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < turns.pages; i++) {
      keys.add(sha256(ProcessHandle.current().pid() + "-" + round + "-" + i));
    }
    return keys;
  }

  private static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException everyJavaHasIt) {
      throw new IllegalStateException(everyJavaHasIt);
    }
  }

  private HiCacheConfig config() {
    HiCacheConfigBuilder builder =
        HiCacheConfig.builder()
            .environment(Map.of())
            .naming(naming)
            .layout(layout)
            .model("bench/model")
            .checksum(checksum == 1)
            .lanes(lanes);
    if (layout.equals("objects")) {
      builder.backend("OBJ").pluginParam("bucket", bucket()).objectPrefix(prefix);
    } else {
      builder.backend("POSIX").queue(io).storageDir(dir).useDirectIo(odirect == 1);
    }
    if (chunkPages > 0) {
      builder.chunkPages(chunkPages);
    }
    if (chunkBytes > 0) {
      builder.chunkBytes(chunkBytes);
    }
    if (chunksInFlight > 0) {
      builder.chunksInFlight(chunksInFlight);
    }
    return builder.build();
  }

  private static String bucket() {
    String name = System.getenv("AWS_DEFAULT_BUCKET");
    if (name == null) {
      throw new IllegalArgumentException("--layout objects: AWS_DEFAULT_BUCKET names no bucket");
    }
    return name;
  }

  private ObjectNode report(StoreDescription about, int held) {
    ObjectNode report = new ObjectMapper().createObjectNode();
    report
        .put("store", "hicache-nixl")
        .put("java", Runtime.version().toString())
        .put("mode", mode.name())
        .put("naming", naming)
        .put("layout", layout)
        .put("pages", turns.pages)
        .put("page_bytes", pageBytes)
        .put("batch", turns.batch)
        .put("odirect", odirect)
        .put("io", io)
        .put("queue", about.queue())
        .put("lanes", about.lanes())
        .put("checksum", checksum)
        .put("direct_io", about.directories().stream().anyMatch(each -> each.directIo()))
        .put("pool_pages", held)
        .put("dir", String.valueOf(dir))
        .put("rounds", turns.rounds)
        .put("warmup", turns.warmup)
        .put("verified", verify == 1);
    for (Samples of : List.of(sets, gets, present, absent)) {
      of.describe(report, turns.pages, pageBytes);
    }
    return report;
  }
}
