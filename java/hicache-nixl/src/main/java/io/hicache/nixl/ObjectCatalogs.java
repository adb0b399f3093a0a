// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ServiceLoader;

/** Finds the module on the class path that has catalogs for a location. Threads: stateless. */
final class ObjectCatalogs {
  private ObjectCatalogs() {}

  /**
   * Opens a catalog.
   *
   * @throws HiCacheException UNSUPPORTED when no module has one, and as {@link
   *     ObjectCatalogProvider#open}
   */
  static ObjectCatalog open(ObjectLocation location) {
    ClassLoader loader = ObjectCatalogProvider.class.getClassLoader();
    for (ObjectCatalogProvider provider : ServiceLoader.load(ObjectCatalogProvider.class, loader)) {
      if (provider.supports(location.backend())) {
        return provider.open(location);
      }
    }
    throw new HiCacheException(
        ErrorCode.UNSUPPORTED, "NIXL cannot list or delete objects" + advice(location.backend()));
  }

  private static String advice(String backend) {
    return backend.equals(PluginParameters.OBJ)
        ? "; add the module io.hicache:hicache-s3 to the class path"
        : ", and no module on the class path can in "
            + backend
            + "; delete them with that storage's own tools, or by a rule for their age";
  }
}
