// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Objects;

/**
 * Collects the parts of an identity; nothing is checked before {@link #build()}. What is not set
 * counts as not stated, and is recorded so. The names in brackets are the configuration's keys.
 *
 * <p>Threads: for one thread.
 */
public final class HiCacheIdentityBuilder {
  final String namespace;
  String model = "";
  String revision = "";
  String dtype = "";
  int pageSize;
  String kvLayout = "";
  int tpRank;
  int tpSize = 1;
  int ppRank;
  int ppSize = 1;
  int cpRank;
  int cpSize = 1;
  boolean mla;
  String tenantSecret = "";

  HiCacheIdentityBuilder(String namespace) {
    this.namespace = Objects.requireNonNull(namespace, "namespace");
  }

  /**
   * Name of the model ({@code model}).
   *
   * @param model any text on one line, at most 1024 bytes, as all texts here
   * @return this builder
   */
  public HiCacheIdentityBuilder model(String model) {
    this.model = Objects.requireNonNull(model, "model");
    return this;
  }

  /**
   * Revision of the model's weights ({@code revision}), for example a commit.
   *
   * @param revision any text
   * @return this builder
   */
  public HiCacheIdentityBuilder revision(String revision) {
    this.revision = Objects.requireNonNull(revision, "revision");
    return this;
  }

  /**
   * Type of the cached values ({@code dtype}), for example {@code bfloat16}. The names of PyTorch,
   * libtorch and SGLang for one dtype are the same here: {@code float16}, {@code Half}, {@code
   * fp16}.
   *
   * @param dtype any text
   * @return this builder
   */
  public HiCacheIdentityBuilder dtype(String dtype) {
    this.dtype = Objects.requireNonNull(dtype, "dtype");
    return this;
  }

  /**
   * Tokens in a page ({@code page_size}).
   *
   * @param pageSize 1 to {@link PageKeys#PAGE_SIZE_MAX}, or 0: not stated
   * @return this builder
   */
  public HiCacheIdentityBuilder pageSize(int pageSize) {
    this.pageSize = pageSize;
    return this;
  }

  /**
   * Order of the values in a page ({@code kv_layout}), for example {@code page_first}.
   *
   * @param kvLayout any text
   * @return this builder
   */
  public HiCacheIdentityBuilder kvLayout(String kvLayout) {
    this.kvLayout = Objects.requireNonNull(kvLayout, "kvLayout");
    return this;
  }

  /**
   * Place among the tensor-parallel ranks ({@code tp_rank}, {@code tp_size}).
   *
   * @param rank 0 to size - 1
   * @param size at least 1
   * @return this builder
   */
  public HiCacheIdentityBuilder tp(int rank, int size) {
    tpRank = rank;
    tpSize = size;
    return this;
  }

  /**
   * Place among the pipeline stages ({@code pp_rank}, {@code pp_size}).
   *
   * @param rank 0 to size - 1
   * @param size at least 1
   * @return this builder
   */
  public HiCacheIdentityBuilder pp(int rank, int size) {
    ppRank = rank;
    ppSize = size;
    return this;
  }

  /**
   * Place among the context-parallel ranks ({@code cp_rank}, {@code cp_size}).
   *
   * @param rank 0 to size - 1
   * @param size at least 1
   * @return this builder
   */
  public HiCacheIdentityBuilder cp(int rank, int size) {
    cpRank = rank;
    cpSize = size;
    return this;
  }

  /**
   * Whether pages are the same on every tensor-parallel rank ({@code mla}): the ranks then share
   * one copy.
   *
   * @param mla default false
   * @return this builder
   */
  public HiCacheIdentityBuilder mla(boolean mla) {
    this.mla = mla;
    return this;
  }

  /**
   * Keys the digest ({@code tenant_secret}), so that only who knows the secret can name the pages.
   *
   * @param tenantSecret random text, best of 32 characters or more; empty: none
   * @return this builder
   */
  public HiCacheIdentityBuilder tenantSecret(String tenantSecret) {
    this.tenantSecret = Objects.requireNonNull(tenantSecret, "tenantSecret");
    return this;
  }

  /**
   * Checks every part.
   *
   * @return the identity; the builder may be used again
   * @throws HiCacheException INVALID_ARGUMENT naming the part, its value, and what is allowed
   */
  public HiCacheIdentity build() {
    return new HiCacheIdentity(this);
  }
}
