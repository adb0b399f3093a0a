// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Chooses a backend for an agent by what it has proved: its plugin loads, it can be created, it
 * moves bytes, and it takes the memory type that is asked for. The order of {@code auto} is 3FS,
 * POSIX, GDS_MT, GDS, OBJ. 3FS is called HF3FS in NIXL.
 *
 * <p>Threads: safe from any number of threads, which take turns.
 */
public final class NixlBackendSelection {
  private static final Logger LOG = LogManager.getLogger(NixlBackendSelection.class);
  private static final List<String> NAMES = List.of("auto", "3FS", "POSIX", "GDS_MT", "GDS", "OBJ");

  private final String plugin;
  private final Map<String, String> pluginParams;
  private final MemoryType memory;
  private final Path probeDir;
  private BackendReport report = new BackendReport("", "", List.of());
  private String storageMemoryType = "";

  /**
   * A choice for host memory, without a self-test on a directory.
   *
   * @param plugin {@code auto}, {@code 3FS}, {@code POSIX}, {@code GDS_MT}, {@code GDS} or {@code
   *     OBJ}
   * @throws HiCacheException INVALID_ARGUMENT for any other name
   */
  public NixlBackendSelection(String plugin) {
    this(plugin, Map.of(), MemoryType.DRAM, Optional.empty());
  }

  /**
   * A choice with everything said.
   *
   * @param plugin as above
   * @param pluginParams parameters of the NIXL plugin, e.g. {@code use_uring = true}
   * @param memory DRAM or VRAM: what the backend must be able to move
   * @param probeDir where file backends are tested; empty: nothing is moved to test them
   * @throws HiCacheException INVALID_ARGUMENT for an unknown plugin or another memory type
   */
  public NixlBackendSelection(
      String plugin, Map<String, String> pluginParams, MemoryType memory, Optional<Path> probeDir) {
    if (plugin == null || !NAMES.contains(plugin)) {
      throw HiCacheException.invalid("backend '" + plugin + "' is unknown; use one of " + NAMES);
    }
    if (memory != MemoryType.DRAM && memory != MemoryType.VRAM) {
      throw HiCacheException.invalid("a backend is chosen for DRAM or VRAM, not for " + memory);
    }
    this.plugin = plugin;
    this.pluginParams = Map.copyOf(pluginParams);
    this.memory = memory;
    this.probeDir = probeDir.orElse(null);
  }

  /**
   * Gives the agent the first backend that proves itself.
   *
   * @param agent without a backend yet
   * @return true on success; false when no backend could be used: {@link #report()} says why, and
   *     so does one WARN line
   * @throws HiCacheException CLOSED for a closed agent
   */
  public synchronized boolean createBackend(NixlAgent agent) {
    SettingsBlob settings = new SettingsBlob().with("backend", plugin);
    pluginParams.forEach((name, value) -> settings.with("plugin." + name, value));
    settings.with("memory", memory.name().toLowerCase(Locale.ROOT));
    if (probeDir != null) {
      settings.with("probe_dir", probeDir.toAbsolutePath().toString());
    }
    try {
      agent.selectBackend(settings);
    } catch (HiCacheException e) {
      if (e.code() == ErrorCode.CLOSED) {
        throw e;
      }
      LOG.warn("agent {}: no backend for {}: {}", agent.name(), plugin, e.getMessage());
      report = BackendReport.ofFailure(plugin, agent.report(), e);
      return false;
    }
    SettingsBlob described = agent.describe();
    report = BackendReport.of(described);
    storageMemoryType = described.text("storage_memory_type");
    LOG.info("Backend {} was instantiated", report.backend());
    return true;
  }

  /**
   * Name of the chosen backend.
   *
   * @return e.g. {@code POSIX}; empty before a successful {@link #createBackend}
   */
  public synchronized String backendName() {
    return report.backend();
  }

  /**
   * What the chosen backend stores into, in SGLang's words.
   *
   * @return {@code FILE} or {@code OBJ}; empty before a successful {@link #createBackend}
   */
  public synchronized String memType() {
    return storageMemoryType.equals("OBJECT") ? "OBJ" : storageMemoryType;
  }

  /**
   * What was tried by the last {@link #createBackend}, and why it was passed over.
   *
   * @return no candidates before
   */
  public synchronized BackendReport report() {
    return report;
  }
}
