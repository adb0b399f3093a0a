// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigResolver.Layers;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Collects the layers of a configuration; nothing is checked before {@link #build()}. A setter
 * called again replaces what it set before.
 *
 * <p>Threads: for one thread.
 */
public final class HiCacheConfigBuilder extends ObjectConfigBuilder {
  private final Map<ConfigKey, Object> values = new EnumMap<>(ConfigKey.class);
  private final Map<String, Object> parameters = new LinkedHashMap<>();
  private boolean onlyTheseParameters;
  private String setBy = "builder";
  private Path path;
  private FileLayer file;
  private Map<String, String> environment;
  private Executor completionExecutor;

  HiCacheConfigBuilder() {}

  HiCacheConfigBuilder(Layers layers) {
    values.putAll(layers.values());
    parameters.putAll(layers.parameters());
    onlyTheseParameters = layers.onlyTheseParameters();
    setBy = layers.setBy();
    file = layers.file();
    environment = layers.environment();
    completionExecutor = layers.completionExecutor();
  }

  /**
   * What origins and errors call the values set here, for example {@code command line}.
   *
   * @param who in words; default {@code builder}
   * @return this builder
   */
  public HiCacheConfigBuilder setBy(String who) {
    setBy = Objects.requireNonNull(who, "who");
    return this;
  }

  /**
   * Reads a configuration file when built; see {@code docs/configuration.md} for its keys.
   *
   * @param path ends in {@code .toml} or {@code .json}
   * @return this builder
   */
  public HiCacheConfigBuilder file(Path path) {
    this.path = Objects.requireNonNull(path, "path");
    file = null;
    return this;
  }

  /**
   * Takes these environment variables in place of the process's own.
   *
   * @param variables by name; an empty map switches the environment off
   * @return this builder
   */
  public HiCacheConfigBuilder environment(Map<String, String> variables) {
    environment = Map.copyOf(variables);
    return this;
  }

  /**
   * {@code storage_dirs}: the base directories over which pages are spread; none for {@code layout
   * = objects}.
   *
   * @param directories at least one, all different; made when missing
   * @return this builder
   */
  public HiCacheConfigBuilder storageDirs(List<Path> directories) {
    return put(ConfigKey.STORAGE_DIRS, List.copyOf(directories));
  }

  /**
   * As {@link #storageDirs(List)}, for a single directory.
   *
   * @param directory made when missing
   * @return this builder
   */
  public HiCacheConfigBuilder storageDir(Path directory) {
    return storageDirs(List.of(directory));
  }

  /**
   * As {@link #storageDirs(List)}.
   *
   * @param directories at least one, all different; made when missing
   * @return this builder
   */
  public HiCacheConfigBuilder storageDirs(Path... directories) {
    return storageDirs(List.of(directories));
  }

  /**
   * {@code backend}: what moves the pages.
   *
   * @param backend {@code auto} (default), {@code 3FS} or {@code HF3FS}, {@code POSIX}, {@code
   *     GDS_MT}, {@code GDS}, {@code OBJ} or {@code AZURE_BLOB}, upper or lower case
   * @return this builder
   */
  public HiCacheConfigBuilder backend(String backend) {
    return put(ConfigKey.BACKEND, Objects.requireNonNull(backend, "backend"));
  }

  /**
   * {@code queue}: how POSIX queues its I/O.
   *
   * @param queue {@code default}, {@code aio}, {@code uring} or {@code posix_aio}
   * @return this builder
   */
  public HiCacheConfigBuilder queue(String queue) {
    return put(ConfigKey.QUEUE, Objects.requireNonNull(queue, "queue"));
  }

  /**
   * One parameter of the NIXL plugin; wins over the same one of the file.
   *
   * @param name as the plugin spells it, for example {@code ios_pool_size}
   * @param value as text
   * @return this builder
   */
  public HiCacheConfigBuilder pluginParam(String name, String value) {
    parameters.put(Objects.requireNonNull(name, "name"), Objects.requireNonNull(value, "value"));
    return this;
  }

  /**
   * Exactly these parameters of the NIXL plugin, in place of those set here before and of the
   * file's.
   *
   * @param params values by name
   * @return this builder
   */
  public HiCacheConfigBuilder pluginParams(Map<String, String> params) {
    parameters.clear();
    params.forEach(this::pluginParam);
    onlyTheseParameters = true;
    return this;
  }

  /**
   * {@code layout}: how pages lie in storage.
   *
   * @param layout {@code auto} (default): {@code objects} for the backends OBJ and AZURE_BLOB, else
   *     the layout of the pages that the directories hold, else {@code segments}, or {@code files}
   *     where hosts share the file system; {@code files}, shared with SGLang; {@code segments},
   *     which is faster; or {@code objects}, in a bucket
   * @return this builder
   */
  public HiCacheConfigBuilder layout(String layout) {
    return put(ConfigKey.LAYOUT, Objects.requireNonNull(layout, "layout"));
  }

  /**
   * {@code segment_bytes}: size of a segment, for {@code layout = segments}. It holds for a
   * directory that gets its first segment; a larger page than an eighth of it has a segment of its
   * own.
   *
   * @param bytes a multiple of 1 MiB, or 0, the default: 512 MiB, less with a small capacity or
   *     disk
   * @return this builder
   */
  public HiCacheConfigBuilder segmentBytes(long bytes) {
    return put(ConfigKey.SEGMENT_BYTES, bytes);
  }

  /**
   * {@code durability}: what survives when the machine stops, for {@code layout = segments}. The
   * end of a process loses nothing in any case.
   *
   * @param durability {@code none} (default): after a restart of the machine the cache is empty;
   *     {@code data}: all but the latest sets survive; {@code full}: every set that was reported
   *     does
   * @return this builder
   */
  public HiCacheConfigBuilder durability(String durability) {
    return put(ConfigKey.DURABILITY, Objects.requireNonNull(durability, "durability"));
  }

  /**
   * {@code naming}: how files are named.
   *
   * @param naming {@code sglang} (default), {@code sglang-v0}, or {@code namespace}, see {@link
   *     #identity}
   * @return this builder
   */
  public HiCacheConfigBuilder naming(String naming) {
    return put(ConfigKey.NAMING, Objects.requireNonNull(naming, "naming"));
  }

  /**
   * {@code model}: part of every page's name, or of its namespace's identity.
   *
   * @param model any text; default empty
   * @return this builder
   */
  public HiCacheConfigBuilder model(String model) {
    return put(ConfigKey.MODEL, Objects.requireNonNull(model, "model"));
  }

  /**
   * {@code tp_rank}: tensor-parallel rank.
   *
   * @param tpRank 0 (default) to tp_size - 1
   * @return this builder
   */
  public HiCacheConfigBuilder tpRank(int tpRank) {
    return put(ConfigKey.TP_RANK, tpRank);
  }

  /**
   * {@code tp_size}: number of tensor-parallel ranks.
   *
   * @param tpSize at least 1 (default)
   * @return this builder
   */
  public HiCacheConfigBuilder tpSize(int tpSize) {
    return put(ConfigKey.TP_SIZE, tpSize);
  }

  /**
   * {@code mla}: whether pages are the same on every rank, so that names carry no rank.
   *
   * @param mla default false
   * @return this builder
   */
  public HiCacheConfigBuilder mla(boolean mla) {
    return put(ConfigKey.MLA, mla);
  }

  /**
   * {@code use_direct_io}: whether O_DIRECT is used in directories that take it.
   *
   * @param useDirectIo default true
   * @return this builder
   */
  public HiCacheConfigBuilder useDirectIo(boolean useDirectIo) {
    return put(ConfigKey.USE_DIRECT_IO, useDirectIo);
  }

  /**
   * {@code gpu_staging}: what becomes of pages in the memory of CUDA devices.
   *
   * @param staging {@code auto} (default): they pass through pinned host memory where the backend
   *     moves host memory only; {@code always}: also elsewhere; {@code never}: they are refused
   *     there
   * @return this builder
   */
  public HiCacheConfigBuilder gpuStaging(String staging) {
    return put(ConfigKey.GPU_STAGING, Objects.requireNonNull(staging, "staging"));
  }

  /**
   * {@code checksum}: whether a get verifies the page's checksum.
   *
   * @param checksum default true
   * @return this builder
   */
  public HiCacheConfigBuilder checksum(boolean checksum) {
    return put(ConfigKey.CHECKSUM, checksum);
  }

  /**
   * {@code lanes}: worker threads, each with an agent of its own.
   *
   * @param lanes 1 to 64, or 0 (default): chosen by the machine
   * @return this builder
   */
  public HiCacheConfigBuilder lanes(int lanes) {
    return put(ConfigKey.LANES, lanes);
  }

  /**
   * {@code chunk_pages}: most pages of a batch that a lane takes at once.
   *
   * @param chunkPages 1 to 4096, default 32
   * @return this builder
   */
  public HiCacheConfigBuilder chunkPages(int chunkPages) {
    return put(ConfigKey.CHUNK_PAGES, chunkPages);
  }

  /**
   * {@code capacity_bytes}: most bytes of pages in all base directories together. Eviction begins
   * at 90 % and ends at 80 %, least recently used pages first.
   *
   * @param bytes 0, the default: no limit
   * @return this builder
   */
  public HiCacheConfigBuilder capacityBytes(long bytes) {
    return put(ConfigKey.CAPACITY_BYTES, bytes);
  }

  /**
   * {@code min_free_bytes}: what a set leaves free on each file system; where there is less, it
   * fails with NO_SPACE.
   *
   * @param bytes 0: nothing; the default is the smaller of 1 GiB and 2 % of the file system
   * @return this builder
   */
  public HiCacheConfigBuilder minFreeBytes(long bytes) {
    return put(ConfigKey.MIN_FREE_BYTES, bytes);
  }

  /**
   * {@code ttl_seconds}: a page written longer ago is a miss, and goes.
   *
   * @param seconds 0, the default: pages live on
   * @return this builder
   */
  public HiCacheConfigBuilder ttlSeconds(int seconds) {
    return put(ConfigKey.TTL_SECONDS, seconds);
  }

  /**
   * {@code l3_cleaner_enabled}: whether this store evicts.
   *
   * @param enabled the default is true with a capacity, a TTL or a watermark, else false
   * @return this builder
   */
  public HiCacheConfigBuilder cleanerEnabled(boolean enabled) {
    return put(ConfigKey.CLEANER_ENABLED, enabled);
  }

  /**
   * {@code l3_cleaner_high_watermark} and {@code l3_cleaner_low_watermark}: used part of the file
   * system at which eviction begins and ends.
   *
   * @param high percent, 80 unless set
   * @param low percent below high, 70 unless set
   * @return this builder
   */
  public HiCacheConfigBuilder cleanerWatermarks(double high, double low) {
    put(ConfigKey.CLEANER_HIGH, high);
    return put(ConfigKey.CLEANER_LOW, low);
  }

  /**
   * {@code l3_cleaner_capacity_gb}: the capacity in units of 2^30 bytes, as SGLang gives it; the
   * watermarks are then parts of it.
   *
   * @param gigabytes more than 0
   * @return this builder
   */
  public HiCacheConfigBuilder cleanerCapacityGb(double gigabytes) {
    return put(ConfigKey.CLEANER_CAPACITY, gigabytes);
  }

  /**
   * {@code remove_corrupt}: whether a get removes a page of ours that it finds damaged, so that it
   * is a miss from then on and can be stored anew.
   *
   * @param remove default true
   * @return this builder
   */
  public HiCacheConfigBuilder removeCorrupt(boolean remove) {
    return put(ConfigKey.REMOVE_CORRUPT, remove);
  }

  /**
   * {@code skip_existing}: whether a set of a page of a registered pool leaves alone what is stored
   * already with the same bytes, dtype and length; see {@link HiCacheStorage#batchSetPagesV1}.
   *
   * @param skip default true
   * @return this builder
   */
  public HiCacheConfigBuilder skipExisting(boolean skip) {
    return put(ConfigKey.SKIP_EXISTING, skip);
  }

  /**
   * {@code chunk_bytes}: most bytes of a batch that a lane takes at once, unless a page is larger.
   *
   * @param chunkBytes at least 4096; 0, the default: 8 MiB
   * @return this builder
   */
  public HiCacheConfigBuilder chunkBytes(long chunkBytes) {
    return put(ConfigKey.CHUNK_BYTES, chunkBytes);
  }

  /**
   * {@code request_bytes}: most bytes of one transfer request; a larger page goes in several, one
   * after the other.
   *
   * @param requestBytes a multiple of 4096; 0, the default: all of a chunk where a directory takes
   *     direct I/O, else 512 KiB
   * @return this builder
   */
  public HiCacheConfigBuilder requestBytes(long requestBytes) {
    return put(ConfigKey.REQUEST_BYTES, requestBytes);
  }

  /**
   * {@code chunks_in_flight}: chunks that one lane has under way at once.
   *
   * @param chunksInFlight 1 to 64; 0, the default: 4 where a directory takes direct I/O, else 1
   * @return this builder
   */
  public HiCacheConfigBuilder chunksInFlight(int chunksInFlight) {
    return put(ConfigKey.CHUNKS_IN_FLIGHT, chunksInFlight);
  }

  /**
   * {@code max_in_flight_bytes}: most bytes of sets and gets in flight. A call that finds no room
   * waits for it, and a larger batch goes alone.
   *
   * @param maxInFlightBytes at least 1, default 1 GiB
   * @return this builder
   */
  public HiCacheConfigBuilder maxInFlightBytes(long maxInFlightBytes) {
    return put(ConfigKey.MAX_IN_FLIGHT_BYTES, maxInFlightBytes);
  }

  /**
   * Where the futures of {@link AsyncPageStore} complete, and callbacks run that hang on them. A
   * callback that blocks holds up what waits for the same thread. Not a setting: no file has it.
   *
   * @param executor runs all that it is given, and is shut down by its owner, after the store was
   *     closed; null (default): threads of the store's own, as many as there are callbacks that
   *     block
   * @return this builder
   */
  public HiCacheConfigBuilder completionExecutor(Executor executor) {
    completionExecutor = executor;
    return this;
  }

  /**
   * {@code timeout_millis}: deadline of a call that names none.
   *
   * @param timeoutMillis at least 1, default 60000
   * @return this builder
   */
  public HiCacheConfigBuilder timeoutMillis(long timeoutMillis) {
    return put(ConfigKey.TIMEOUT_MILLIS, timeoutMillis);
  }

  /**
   * {@code close_timeout_millis}: how long closing waits for transfers in flight.
   *
   * @param closeTimeoutMillis at least 0, default 5000
   * @return this builder
   */
  public HiCacheConfigBuilder closeTimeoutMillis(long closeTimeoutMillis) {
    return put(ConfigKey.CLOSE_TIMEOUT_MILLIS, closeTimeoutMillis);
  }

  /**
   * Reads the file, merges the layers and checks every value.
   *
   * @return the checked configuration; the builder may be used again
   * @throws HiCacheException INVALID_ARGUMENT naming the key, its value, where it comes from, and
   *     what is allowed
   */
  public HiCacheConfig build() {
    FileLayer layer = path == null ? file : FileLayer.read(path);
    Map<String, String> variables =
        new HashMap<>(environment == null ? System.getenv() : environment);
    variables.keySet().removeIf(name -> !isOurs(name));
    return new HiCacheConfig(
        new Layers(
            setBy,
            Collections.unmodifiableMap(new EnumMap<>(values)),
            Collections.unmodifiableMap(new LinkedHashMap<>(parameters)),
            onlyTheseParameters,
            layer,
            Map.copyOf(variables),
            completionExecutor));
  }

  /** The default, whatever file and environment say. */
  HiCacheConfigBuilder unset(ConfigKey key) {
    return put(key, ConfigResolver.UNSET);
  }

  @Override
  HiCacheConfigBuilder put(ConfigKey key, Object value) {
    values.put(key, value);
    return this;
  }

  private static boolean isOurs(String variable) {
    for (ConfigKey key : ConfigKey.values()) {
      if (variable.equals(key.variable())) {
        return true;
      }
    }
    return PluginParameters.isVariable(variable);
  }
}
