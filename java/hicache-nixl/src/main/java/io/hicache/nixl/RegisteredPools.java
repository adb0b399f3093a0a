// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The pools of a store by name. Their memory is registered with the core, and kept, as long as they
 * are here.
 *
 * <p>Threads: safe from any number of threads.
 */
final class RegisteredPools {
  private static final long PATIENCE_MILLIS = 5000;

  private final BatchStore store;
  private final boolean sglang;
  private final boolean directIo;
  private final HiCacheIdentity identity;
  private final Map<PoolName, Entry> byName = new ConcurrentHashMap<>();

  RegisteredPools(BatchStore store, HiCacheConfig config) {
    this.store = store;
    this.sglang = config.naming().startsWith("sglang");
    this.directIo = config.useDirectIo();
    this.identity = config.identity().orElse(null);
  }

  synchronized void register(PoolName name, HostPool pool) {
    if (pool == null || name == null) {
      throw HiCacheException.invalid(
          "register: the " + (pool == null ? "pool" : "name of the pool") + " is null");
    }
    if (identity != null && pool instanceof HostKVCache kv && name == PoolName.KV) {
      requireIdentity(kv);
    }
    PoolFiles files = PoolFiles.of(pool, name, sglang, directIo);
    HostMemory memory = pool.memory();
    memory.retain();
    Entry registered;
    try {
      long id = store.registerMemory(memory.address(), memory.length());
      registered = new Entry(pool, files, id);
    } catch (RuntimeException e) {
      memory.release();
      throw e;
    }
    Entry before = byName.put(name, registered);
    if (before != null && store.deregisterMemory(before.registration(), PATIENCE_MILLIS)) {
      before.pool().memory().release();
    }
  }

  /** What the identity says of pages must be so: its digest is in their names. */
  private void requireIdentity(HostKVCache pool) {
    requireSame(ConfigKey.DTYPE, identity.dtype(), pool.dtype().name());
    requireSame(ConfigKey.KV_LAYOUT, identity.kvLayout(), pool.layout().word());
    if (identity.pageSize() > 0) {
      requireSame(
          ConfigKey.PAGE_SIZE,
          Integer.toString(identity.pageSize()),
          Integer.toString(pool.pageSize()));
    }
    if (identity.mla() != pool.isMla()) {
      throw HiCacheException.invalid(
          "register: the namespace "
              + identity.namespace()
              + " has mla = "
              + identity.mla()
              + ", the pool is "
              + (pool.isMla() ? "MLA" : "MHA"));
    }
  }

  private void requireSame(ConfigKey key, String named, String actual) {
    Object meant = HiCacheIdentity.meaning(key.key(), named);
    if (!named.isEmpty() && !meant.equals(HiCacheIdentity.meaning(key.key(), actual))) {
      throw HiCacheException.invalid(
          "register: the namespace "
              + identity.namespace()
              + " has "
              + key.key()
              + " = "
              + named
              + ", the pool "
              + actual
              + "; its pages belong into another namespace");
    }
  }

  Entry find(PoolName name) {
    return byName.get(name);
  }

  Entry require(String call, PoolName name) {
    Entry pool = byName.get(name);
    if (pool == null) {
      throw HiCacheException.invalid(
          call
              + ": no pool "
              + name.word()
              + " is registered; call "
              + (name == PoolName.KV ? "registerMemPoolHost" : "registerMemHostPoolV2")
              + " first");
    }
    return pool;
  }

  Iterable<Entry> all() {
    return byName.values();
  }

  /** After the store's close. drained: whether nothing can touch the pools' memory any more. */
  synchronized void release(boolean drained) {
    if (drained) {
      byName.values().forEach(pool -> pool.pool().memory().release());
    }
    byName.clear();
  }

  /**
   * A pool as it was registered.
   *
   * @param files into which files its pages go
   * @param registration the core's id
   */
  record Entry(HostPool pool, PoolFiles files, long registration) {}
}
