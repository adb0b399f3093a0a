// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import io.hicache.nixl.ObjectCatalog;
import io.hicache.nixl.ObjectCatalogProvider;
import io.hicache.nixl.ObjectLocation;

/**
 * Opens catalogs of S3 buckets; found by {@link java.util.ServiceLoader}.
 *
 * <p>Threads: safe from any number of threads.
 */
public final class S3CatalogProvider implements ObjectCatalogProvider {
  /** For {@link java.util.ServiceLoader}. */
  public S3CatalogProvider() {}

  @Override
  public boolean supports(String backend) {
    return backend.equals("OBJ");
  }

  @Override
  public ObjectCatalog open(ObjectLocation location) {
    return new S3Catalog(location, S3Clients.open(location));
  }
}
