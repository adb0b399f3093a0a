// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What NIXL cannot do with objects: list, look at, delete. A store whose pages are objects does
 * these through a catalog, and everything else through NIXL. Catalogs come from modules on the
 * class path, see {@link ObjectCatalogProvider}; {@code io.hicache:hicache-s3} has the one for S3.
 *
 * <p>Every call is one request to the server, or a few, blocks until it is answered, and ends
 * within {@link ObjectLocation#timeout()}, retries included. What the server refuses, or does not
 * answer, is a {@link HiCacheException}: BACKEND_UNAVAILABLE when it cannot be reached or does not
 * know us, TIMEOUT, or TRANSFER_FAILED; its message names the call, the object or prefix, the
 * bucket and the endpoint, and no secret.
 *
 * <p>Threads: safe from any number of threads.
 */
public interface ObjectCatalog extends AutoCloseable {
  /**
   * Lists the objects whose names are a prefix and more, as far as there is no {@code /} in what
   * follows it. Objects that come or go meanwhile may or may not be shown.
   *
   * @param prefix what the names begin with; empty for all
   * @param from {@link ObjectListing#next()} of the answer before; null to begin
   * @return the next objects
   */
  ObjectListing list(String prefix, String from);

  /**
   * Looks up one object.
   *
   * @param name its full name
   * @return empty when there is none
   */
  Optional<ObjectEntry> find(String name);

  /**
   * Reads the first bytes of an object, and only these.
   *
   * @param name its full name
   * @param length how many, at least 1
   * @return empty when there is no such object
   */
  Optional<ObjectStart> read(String name, int length);

  /**
   * Deletes objects by their names. One that is not there counts as deleted.
   *
   * @param names full names, any number
   * @return why some could not be deleted, by their names; empty when all are gone
   * @throws HiCacheException when the request failed as a whole: some may be gone then
   */
  Map<String, HiCacheException> delete(List<String> names);

  /**
   * Deletes an object that was found, read or listed, and nothing that has replaced it since, as
   * far as the server can tell by {@link ObjectEntry#tag()}.
   *
   * @param object as it was
   * @return false when it was not there any more
   */
  boolean delete(ObjectEntry object);

  /** Lets go of connections and threads; requests under way may fail. Never throws. */
  @Override
  void close();
}
