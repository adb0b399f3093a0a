// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Objects;

/** The setters of a configuration that say whose pages a namespace holds. */
abstract class IdentityConfigBuilder {
  IdentityConfigBuilder() {}

  abstract HiCacheConfigBuilder put(ConfigKey key, Object value);

  /**
   * Works in the namespace of an identity: sets {@code naming = namespace} and every key that an
   * identity has, over what file and environment say.
   *
   * @param identity see {@link HiCacheIdentity#builder(String)}
   * @return this builder
   */
  public HiCacheConfigBuilder identity(HiCacheIdentity identity) {
    Objects.requireNonNull(identity, "identity");
    identity.shared().forEach((key, value) -> put(ConfigKey.of(key), value));
    put(ConfigKey.TP_RANK, identity.tpRank());
    put(ConfigKey.PP_RANK, identity.ppRank());
    put(ConfigKey.CP_RANK, identity.cpRank());
    put(ConfigKey.TENANT_SECRET, identity.secretOrNone());
    return put(ConfigKey.NAMING, ConfigKey.NAMESPACE.key());
  }

  /**
   * {@code namespace}: name of the namespace, with {@code naming = namespace}.
   *
   * @param namespace 1 to 64 characters of a-z 0-9 . _ -, the first of them no dot
   * @return this builder
   */
  public HiCacheConfigBuilder namespace(String namespace) {
    return put(ConfigKey.NAMESPACE, Objects.requireNonNull(namespace, "namespace"));
  }

  /**
   * {@code revision}: revision of the model's weights.
   *
   * @param revision any text on one line; default empty
   * @return this builder
   */
  public HiCacheConfigBuilder revision(String revision) {
    return put(ConfigKey.REVISION, Objects.requireNonNull(revision, "revision"));
  }

  /**
   * {@code dtype}: type of the cached values.
   *
   * @param dtype any text on one line, for example {@code bfloat16}; default empty. {@link
   *     HiCacheIdentityBuilder#dtype} says which names are the same
   * @return this builder
   */
  public HiCacheConfigBuilder dtype(String dtype) {
    return put(ConfigKey.DTYPE, Objects.requireNonNull(dtype, "dtype"));
  }

  /**
   * {@code page_size}: tokens in a page.
   *
   * @param pageSize 1 to {@link PageKeys#PAGE_SIZE_MAX}, or 0 (default): not stated
   * @return this builder
   */
  public HiCacheConfigBuilder pageSize(int pageSize) {
    return put(ConfigKey.PAGE_SIZE, pageSize);
  }

  /**
   * {@code kv_layout}: order of the values in a page.
   *
   * @param kvLayout any text on one line, for example {@code page_first}; default empty
   * @return this builder
   */
  public HiCacheConfigBuilder kvLayout(String kvLayout) {
    return put(ConfigKey.KV_LAYOUT, Objects.requireNonNull(kvLayout, "kvLayout"));
  }

  /**
   * {@code pp_rank}: pipeline-parallel rank.
   *
   * @param ppRank 0 (default) to pp_size - 1
   * @return this builder
   */
  public HiCacheConfigBuilder ppRank(int ppRank) {
    return put(ConfigKey.PP_RANK, ppRank);
  }

  /**
   * {@code pp_size}: number of pipeline stages.
   *
   * @param ppSize at least 1 (default)
   * @return this builder
   */
  public HiCacheConfigBuilder ppSize(int ppSize) {
    return put(ConfigKey.PP_SIZE, ppSize);
  }

  /**
   * {@code cp_rank}: context-parallel rank.
   *
   * @param cpRank 0 (default) to cp_size - 1
   * @return this builder
   */
  public HiCacheConfigBuilder cpRank(int cpRank) {
    return put(ConfigKey.CP_RANK, cpRank);
  }

  /**
   * {@code cp_size}: number of context-parallel ranks.
   *
   * @param cpSize at least 1 (default)
   * @return this builder
   */
  public HiCacheConfigBuilder cpSize(int cpSize) {
    return put(ConfigKey.CP_SIZE, cpSize);
  }

  /**
   * {@code tenant_secret}: keys the digest in the pages' names; shown as {@code ***} everywhere.
   *
   * @param tenantSecret not empty, best 32 random characters or more
   * @return this builder
   */
  public HiCacheConfigBuilder tenantSecret(String tenantSecret) {
    return put(ConfigKey.TENANT_SECRET, Objects.requireNonNull(tenantSecret, "tenantSecret"));
  }
}
