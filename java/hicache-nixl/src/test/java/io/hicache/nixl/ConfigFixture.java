// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;

/** A folder for one test's configuration files, and short ways to build from them. */
abstract class ConfigFixture {
  static final String DIRS_VARIABLE = "SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR";
  static final String PLUGIN_VARIABLE = "SGLANG_HICACHE_NIXL_BACKEND_PLUGIN";
  static final String DIRECT_VARIABLE = "SGLANG_HICACHE_NIXL_USE_DIRECT_IO";
  static final String BUCKET_VARIABLE = "AWS_DEFAULT_BUCKET";

  Path folder;

  @BeforeMethod(alwaysRun = true)
  final void makeFolder() throws IOException {
    folder = Files.createTempDirectory("hicache-config");
  }

  @AfterMethod(alwaysRun = true)
  final void removeFolder() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    }
  }

  /** A builder without an environment, with one storage directory. */
  final HiCacheConfigBuilder plain() {
    return bare().storageDirs(folder.resolve("pages"));
  }

  /** A builder without an environment and without a directory, as objects need it. */
  static HiCacheConfigBuilder bare() {
    return HiCacheConfig.builder().environment(Map.of());
  }

  final Path write(String name, String text) {
    try {
      return Files.writeString(folder.resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  final HiCacheConfig fromToml(String text) {
    return plain().file(write("store.toml", text)).build();
  }

  final HiCacheConfig bareFromToml(String text) {
    return bare().file(write("store.toml", text)).build();
  }

  /** The error of a build that must fail as a wrong argument. */
  static HiCacheException refusedBy(HiCacheConfigBuilder builder) {
    HiCacheException error = catchThrowableOfType(HiCacheException.class, builder::build);
    if (error == null) {
      throw new AssertionError("built, though it had to be refused");
    }
    if (error.code() != ErrorCode.INVALID_ARGUMENT) {
      throw new AssertionError("refused with another code", error);
    }
    return error;
  }

  final HiCacheException refusedToml(String text) {
    return refusedBy(plain().file(write("store.toml", text)));
  }
}
