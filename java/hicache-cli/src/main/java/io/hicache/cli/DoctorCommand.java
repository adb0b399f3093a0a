// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.CudaDevices;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;

/** Finds out what works on this machine. */
@Command(
    name = "doctor",
    description = {
      "Runs the real data path in each storage directory, with every backend and every queue, and says what works, what"
          + " does not, why, and what to do.",
      "Works in a folder of its own in each directory and leaves nothing behind."
    })
final class DoctorCommand extends HiCacheCommand {

  /**
   * What the doctor found.
   *
   * @param cuda null when the native library could not be loaded
   * @param libraryProblem why it could not; empty when it could
   * @param buckets the places of pages that are objects
   */
  record Diagnosis(
      HiCacheConfig config,
      CudaDevices cuda,
      String libraryProblem,
      Optional<ProcessLimits> openFiles,
      Optional<ProcessLimits> lockedMemory,
      List<DirectoryCheck> directories,
      List<BucketCheck> buckets) {

    /** Whether the configured backend works in every directory and bucket. */
    boolean isSound() {
      return libraryProblem.isEmpty()
          && buckets.stream().allMatch(BucketCheck::works)
          && directories.stream().allMatch(directory -> directory.configured() != null);
    }

    /** Where NIXL was found, once a store could be opened; else empty. */
    Optional<String> nixlPath() {
      return directories.stream()
          .filter(directory -> directory.configured() != null)
          .map(directory -> directory.configured().nixlPath().toString())
          .findFirst();
    }
  }

  @Override
  ExitCode run() {
    HiCacheConfig config = storeOptions().builder(cli().environment()).build();
    Diagnosis diagnosis = examine(config);
    DoctorReport.fill(report(), diagnosis);
    DoctorReport.lines(diagnosis).forEach(this::say);
    return diagnosis.isSound() ? ExitCode.DONE : ExitCode.FAILED;
  }

  private static Diagnosis examine(HiCacheConfig config) {
    CudaDevices cuda = null;
    String problem = "";
    List<DirectoryCheck> directories = new ArrayList<>();
    List<BucketCheck> buckets = new ArrayList<>();
    try {
      cuda = CudaDevices.probe();
      for (HiCacheConfig store : stores(config)) {
        if (store.storageDirs().isEmpty()) {
          buckets.add(BucketCheck.of(store));
        }
        store
            .storageDirs()
            .forEach(directory -> directories.add(DirectoryCheck.of(directory, store)));
      }
    } catch (HiCacheException unloadable) {
      problem = unloadable.getMessage();
    }
    return new Diagnosis(
        config,
        cuda,
        problem,
        ProcessLimits.openFiles(),
        ProcessLimits.lockedMemory(),
        directories,
        buckets);
  }

  /** Each tier by itself, or the one store that there is. */
  private static List<HiCacheConfig> stores(HiCacheConfig config) {
    return config.tiers().isEmpty() ? List.of(config) : List.of(config.tier(0), config.tier(1));
  }
}
