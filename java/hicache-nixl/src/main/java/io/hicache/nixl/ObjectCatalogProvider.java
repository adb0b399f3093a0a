// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * Opens catalogs for one kind of object storage. Implementations are found by {@link
 * java.util.ServiceLoader}: a module names its own in {@code
 * META-INF/services/io.hicache.nixl.ObjectCatalogProvider}.
 *
 * <p>Threads: safe from any number of threads.
 */
public interface ObjectCatalogProvider {
  /**
   * Whether its catalogs are for this kind of storage.
   *
   * @param backend name of the NIXL backend that moves the pages, e.g. {@code OBJ}
   * @return true when {@link #open} takes its locations
   */
  boolean supports(String backend);

  /**
   * Opens a catalog. Makes no request.
   *
   * @param location where the objects are
   * @return to be closed by the caller
   * @throws HiCacheException INVALID_ARGUMENT when the location cannot be used, e.g. names a file
   *     that cannot be read
   */
  ObjectCatalog open(ObjectLocation location);
}
