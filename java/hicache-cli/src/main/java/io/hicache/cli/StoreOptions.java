// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheConfigBuilder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
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
      names = "--tier",
      paramLabel = "KIND:PLACE",
      description =
          "In place of --dir: give it twice, first segments:DIR or files:DIR, then the tier below it, obj:BUCKET, azure:CONTAINER or a directory as before.")
  private List<String> tiers;

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

  @Option(
      names = "--naming",
      paramLabel = "NAMING",
      description = "sglang (default), sglang-v0 or namespace.")
  private String naming;

  @Option(
      names = "--namespace",
      paramLabel = "NAME",
      description = "Name of the namespace; this and the following go with --naming namespace.")
  private String namespace;

  @Option(
      names = "--revision",
      paramLabel = "TEXT",
      description = "Revision of the model's weights.")
  private String revision;

  @Option(names = "--dtype", paramLabel = "TEXT", description = "Type of the cached values.")
  private String dtype;

  @Option(names = "--page-size", paramLabel = "N", description = "Tokens in a page.")
  private Integer pageSize;

  @Option(
      names = "--kv-layout",
      paramLabel = "TEXT",
      description = "Order of the values in a page.")
  private String kvLayout;

  @Option(names = "--pp-rank", paramLabel = "N", description = "Pipeline-parallel rank.")
  private Integer ppRank;

  @Option(names = "--pp-size", paramLabel = "N", description = "Number of pipeline stages.")
  private Integer ppSize;

  @Option(names = "--cp-rank", paramLabel = "N", description = "Context-parallel rank.")
  private Integer cpRank;

  @Option(names = "--cp-size", paramLabel = "N", description = "Number of context-parallel ranks.")
  private Integer cpSize;

  @Option(
      names = "--layout",
      paramLabel = "LAYOUT",
      description =
          "auto (default: that of the pages that are there, else segments), files, segments or objects.")
  private String layout;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      description =
          "auto (default), 3FS, POSIX, GDS_MT, GDS, OBJ or AZURE_BLOB; the last two need a --config with their bucket.")
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

  /** Whether tiers are named on the command line. */
  boolean hasTiers() {
    return tiers != null;
  }

  /** Whether a layout is named on the command line. */
  boolean hasLayout() {
    return layout != null;
  }

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
    give(dirs, builder::storageDirs);
    give(tiers, builder::tiers);
    give(model, builder::model);
    give(tpRank, builder::tpRank);
    give(tpSize, builder::tpSize);
    give(mla, builder::mla);
    give(naming, builder::naming);
    give(namespace, builder::namespace);
    give(revision, builder::revision);
    give(dtype, builder::dtype);
    give(pageSize, builder::pageSize);
    give(kvLayout, builder::kvLayout);
    give(ppRank, builder::ppRank);
    give(ppSize, builder::ppSize);
    give(cpRank, builder::cpRank);
    give(cpSize, builder::cpSize);
    give(layout, builder::layout);
    give(backend, builder::backend);
    give(queue, builder::queue);
    give(directIo, builder::useDirectIo);
    give(timeoutMillis, builder::timeoutMillis);
    return builder;
  }

  private static <T> void give(T value, Consumer<T> setter) {
    if (value != null) {
      setter.accept(value);
    }
  }
}
