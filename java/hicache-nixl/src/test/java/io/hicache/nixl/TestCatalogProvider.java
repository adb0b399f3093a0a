// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Catalogs of the tests' own server, for the run of the suite over objects. The module hicache-s3,
 * which has the real ones, depends on this module, so they cannot be used here.
 */
public final class TestCatalogProvider implements ObjectCatalogProvider {
  @Override
  public boolean supports(String backend) {
    return StoreFixture.inObjects() && backend.equals(PluginParameters.OBJ);
  }

  @Override
  public ObjectCatalog open(ObjectLocation location) {
    return new Catalog(
        new TestBucket(
            new TestServer(
                location.parameter("endpoint_override", null),
                null,
                null,
                location.parameter("access_key", null),
                location.parameter("secret_key", null),
                location.parameter("bucket", null))));
  }

  private record Catalog(TestBucket bucket) implements ObjectCatalog {
    @Override
    public ObjectListing list(String prefix, String from) {
      return bucket.list(prefix, from);
    }

    @Override
    public Optional<ObjectEntry> find(String name) {
      return read(name, 1).map(ObjectStart::entry);
    }

    @Override
    public Optional<ObjectStart> read(String name, int length) {
      return Optional.ofNullable(bucket.head(name, length));
    }

    @Override
    public Map<String, HiCacheException> delete(List<String> names) {
      Map<String, HiCacheException> failed = new HashMap<>();
      for (String name : names) {
        try {
          bucket.delete(name);
        } catch (AssertionError e) {
          failed.put(name, new HiCacheException(ErrorCode.TRANSFER_FAILED, e.getMessage(), e));
        }
      }
      return failed;
    }

    @Override
    public boolean delete(ObjectEntry object) {
      boolean same = find(object.name()).filter(now -> now.tag().equals(object.tag())).isPresent();
      if (same) {
        bucket.delete(object.name());
      }
      return same;
    }

    @Override
    public void close() {
      // The connections are the JVM's.
    }
  }
}
