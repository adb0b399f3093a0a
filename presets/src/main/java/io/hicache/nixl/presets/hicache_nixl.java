// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl.presets;

import java.io.IOException;
import java.net.URL;
import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.LoadEnabled;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * Tells JavaCPP how {@code hicache_nixl.h} becomes Java: functions keep their C names as static
 * methods of {@code io.hicache.nixl.core.global.hicache_nixl}, structs become classes of {@code
 * io.hicache.nixl.core}.
 *
 * <p>It is also the first code that runs when one of those classes is touched: {@link #init} loads
 * NIXL before the core, which needs it. Nobody else has a reason to use this class.
 *
 * <p>Threads: stateless.
 */
@Properties(
    value =
        @Platform(
            value = "linux-x86_64",
            compiler = "cpp17",
            include = "hicache_nixl.h",
            link = "hicache_nixl",
            preload = "cudart@.13"),
    target = "io.hicache.nixl.core",
    global = "io.hicache.nixl.core.global.hicache_nixl")
public class hicache_nixl implements LoadEnabled, InfoMapper {

  /** For JavaCPP, which creates the preset by reflection. */
  public hicache_nixl() {}

  /**
   * Loads NIXL, and puts the CUDA runtime beside the core.
   *
   * @param properties what JavaCPP is about to load; not used
   * @throws UnsatisfiedLinkError when the platform is not supported, NIXL cannot be loaded (the
   *     message names every place tried and what to do), or the jar of native libraries is missing
   */
  @Override
  public void init(ClassProperties properties) {
    if (!Loader.isLoadLibraries()) {
      return; // the build only reads the header
    }
    NixlLocator.ofThisProcess().load(System::load);
    extractCudaRuntime();
  }

  /**
   * JavaCPP remembers, for all presets together, that a library was not found: after the presets of
   * libtorch looked for the CUDA runtime in vain, it does not look again among our libraries.
   * Extracted into the same folder, the core finds it by its own RUNPATH, unless one is loaded
   * already.
   */
  private static void extractCudaRuntime() {
    String name = "/io/hicache/nixl/" + Loader.getPlatform() + "/libcudart.so.13";
    URL resource = hicache_nixl.class.getResource(name);
    if (resource == null) {
      throw new UnsatisfiedLinkError(
          "the native libraries are not on the class path: add io.hicache:hicache-nixl-native with"
              + " the classifier "
              + Loader.getPlatform());
    }
    if (resource.getProtocol().equals("file")) {
      return; // not in a jar: it lies beside the core
    }
    try {
      Loader.cacheResource(resource);
    } catch (IOException e) {
      UnsatisfiedLinkError error =
          new UnsatisfiedLinkError(
              "cannot extract the native libraries; is the folder writable that"
                  + " org.bytedeco.javacpp.cachedir names, by default ~/.javacpp/cache? "
                  + e.getMessage());
      error.initCause(e);
      throw error;
    }
  }

  /**
   * Says how names of the header are mapped.
   *
   * @param infoMap where JavaCPP looks names up
   */
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("HICACHE_API").cppTypes().annotations());
  }
}
