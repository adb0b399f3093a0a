// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/**
 * The options that choose a store. What is not given comes from the file, the environment or the
 * defaults.
 */
final class StoreOptions {
  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Base directory of the pages; repeat it to spread them over several.")
  private List<Path> dirs;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Configuration file, .toml or .json.")
  private Path config;

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description = "Name of the model, part of every page's name.")
  private String model;

  @Option(names = "--tp-rank", paramLabel = "N", description = "Tensor-parallel rank (default 0).")
  private Integer tpRank;

  @Option(
      names = "--tp-size",
      paramLabel = "N",
      description = "Number of tensor-parallel ranks (default 1).")
  private Integer tpSize;

  @Option(
      names = "--mla",
      negatable = true,
      description = "Pages are the same on every rank: names carry no rank.")
  private Boolean mla;

  @Option(names = "--naming", paramLabel = "NAMING", description = "sglang (default) or sglang-v0.")
  private String naming;

  @Option(names = "--layout", paramLabel = "LAYOUT", description = "files (default).")
  private String layout;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      description = "auto (default), 3FS, POSIX, GDS_MT, GDS or OBJ.")
  private String backend;

  @Option(
      names = "--queue",
      paramLabel = "NAME",
      description = "Of POSIX: default, aio, uring or posix_aio.")
  private String queue;

  @Option(
      names = "--direct-io",
      negatable = true,
      description = "Use O_DIRECT where the directory takes it (default).")
  private Boolean directIo;

  @Option(
      names = "--timeout",
      paramLabel = "MILLIS",
      description = "Deadline of each transfer (default 60000).")
  private Long timeoutMillis;

  /** Whether a directory is named on the command line. */
  boolean hasDirectory() {
    return dirs != null;
  }

  /** The layers as far as the command line and the environment give them. */
  HiCacheConfigBuilder builder(Map<String, String> environment) {
    HiCacheConfigBuilder builder =
        HiCacheConfig.builder().setBy("command line").environment(environment);
    if (config != null) {
      builder.file(config);
    }
    if (dirs != null) {
      builder.storageDirs(dirs);
    }
    if (model != null) {
      builder.model(model);
    }
    if (tpRank != null) {
      builder.tpRank(tpRank);
    }
    if (tpSize != null) {
      builder.tpSize(tpSize);
    }
    if (mla != null) {
      builder.mla(mla);
    }
    if (naming != null) {
      builder.naming(naming);
    }
    if (layout != null) {
      builder.layout(layout);
    }
    if (backend != null) {
      builder.backend(backend);
    }
    if (queue != null) {
      builder.queue(queue);
    }
    if (directIo != null) {
      builder.useDirectIo(directIo);
    }
    if (timeoutMillis != null) {
      builder.timeoutMillis(timeoutMillis);
    }
    return builder;
  }
}
