// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Everything that tells the pages of one engine rank from all others: SGLang's file names hold
 * model and TP rank only, so that two pipeline stages, dtypes or page sizes in one directory
 * overwrite each other's pages. With {@code naming = namespace} the {@link #digest()} of an
 * identity is part of every file name, and a manifest in each base directory records it, so that a
 * namespace cannot be opened with another identity by mistake.
 *
 * <p>Equal when every part is, the secret included; two names of one dtype are the same part.
 * {@link #toString()} hides the secret.
 *
 * <p>Threads: immutable, safe from any thread.
 */
public final class HiCacheIdentity {
  private static final String DIGEST_LABEL = "hicache-namespace-digest-v1";
  private static final String PROOF_LABEL = "hicache-namespace-secret-v1";
  private static final int DIGEST_BYTES = 16;

  /** By the names of the configuration's keys, in the order in which they are digested. */
  private final Map<String, Object> shared = new LinkedHashMap<>();

  private final Map<String, Object> ranks = new LinkedHashMap<>();
  private final String tenantSecret;
  private final String digest;

  HiCacheIdentity(HiCacheIdentityBuilder builder) {
    text(ConfigKey.NAMESPACE, builder.namespace, IdentityRules.isName(builder.namespace));
    text(ConfigKey.MODEL, builder.model, IdentityRules.isText(builder.model));
    text(ConfigKey.REVISION, builder.revision, IdentityRules.isText(builder.revision));
    text(ConfigKey.DTYPE, builder.dtype, IdentityRules.isText(builder.dtype));
    number(ConfigKey.PAGE_SIZE, builder.pageSize, 0, PageKeys.PAGE_SIZE_MAX);
    text(ConfigKey.KV_LAYOUT, builder.kvLayout, IdentityRules.isText(builder.kvLayout));
    size(ConfigKey.TP_SIZE, builder.tpSize, ConfigKey.TP_RANK, builder.tpRank);
    size(ConfigKey.PP_SIZE, builder.ppSize, ConfigKey.PP_RANK, builder.ppRank);
    size(ConfigKey.CP_SIZE, builder.cpSize, ConfigKey.CP_RANK, builder.cpRank);
    shared.put(ConfigKey.MLA.key(), builder.mla);
    tenantSecret = builder.tenantSecret;
    if (!tenantSecret.isEmpty() && !IdentityRules.isSecret(tenantSecret)) {
      throw refused(ConfigKey.TENANT_SECRET, Secrets.HIDDEN, IdentityRules.SECRET);
    }
    digest = digestOfAll();
  }

  /**
   * Begins an identity; everything but the namespace has a default.
   *
   * @param namespace its name: 1 to 64 characters of a-z 0-9 . _ -, the first of them no dot
   * @return a builder
   */
  public static HiCacheIdentityBuilder builder(String namespace) {
    return new HiCacheIdentityBuilder(namespace);
  }

  /** {@return name of the namespace} */
  public String namespace() {
    return (String) shared.get(ConfigKey.NAMESPACE.key());
  }

  /** {@return name of the model; empty when not stated} */
  public String model() {
    return (String) shared.get(ConfigKey.MODEL.key());
  }

  /** {@return revision of the model's weights; empty when not stated} */
  public String revision() {
    return (String) shared.get(ConfigKey.REVISION.key());
  }

  /** {@return type of the cached values, under the name that was given; empty when not stated} */
  public String dtype() {
    return (String) shared.get(ConfigKey.DTYPE.key());
  }

  /** {@return tokens in a page; 0 when not stated} */
  public int pageSize() {
    return (Integer) shared.get(ConfigKey.PAGE_SIZE.key());
  }

  /** {@return order of the values in a page; empty when not stated} */
  public String kvLayout() {
    return (String) shared.get(ConfigKey.KV_LAYOUT.key());
  }

  /**
   * {@return tensor-parallel rank, 0 to {@link #tpSize()} - 1; not digested with {@link #mla()}}
   */
  public int tpRank() {
    return (Integer) ranks.get(ConfigKey.TP_RANK.key());
  }

  /** {@return number of tensor-parallel ranks, at least 1} */
  public int tpSize() {
    return (Integer) shared.get(ConfigKey.TP_SIZE.key());
  }

  /** {@return pipeline-parallel rank, 0 to {@link #ppSize()} - 1} */
  public int ppRank() {
    return (Integer) ranks.get(ConfigKey.PP_RANK.key());
  }

  /** {@return number of pipeline stages, at least 1} */
  public int ppSize() {
    return (Integer) shared.get(ConfigKey.PP_SIZE.key());
  }

  /** {@return context-parallel rank, 0 to {@link #cpSize()} - 1} */
  public int cpRank() {
    return (Integer) ranks.get(ConfigKey.CP_RANK.key());
  }

  /** {@return number of context-parallel ranks, at least 1} */
  public int cpSize() {
    return (Integer) shared.get(ConfigKey.CP_SIZE.key());
  }

  /** {@return whether the pages are the same on every tensor-parallel rank} */
  public boolean mla() {
    return (Boolean) shared.get(ConfigKey.MLA.key());
  }

  /** {@return whether the digest is keyed by a tenant's secret} */
  public boolean hasTenantSecret() {
    return !tenantSecret.isEmpty();
  }

  /**
   * What stands for this identity in file names: the first 16 bytes of SHA-256, keyed by the
   * tenant's secret (HMAC) when there is one, over all parts and ranks.
   *
   * @return 32 lowercase hexadecimal digits, the same for ever for the same identity
   */
  public String digest() {
    return digest;
  }

  /** What a manifest records: every part but ranks and secret; text, Integer or Boolean by key. */
  Map<String, Object> shared() {
    return Collections.unmodifiableMap(shared);
  }

  /** What counts of a part: of a dtype what it is, not by which of its names it goes. */
  static Object meaning(String key, Object value) {
    return key.equals(ConfigKey.DTYPE.key()) ? DtypeNames.libtorch((String) value) : value;
  }

  private Map<String, Object> sharedMeaning() {
    Map<String, Object> parts = new LinkedHashMap<>(shared);
    parts.replaceAll(HiCacheIdentity::meaning);
    return parts;
  }

  /** The secret as a configuration takes it. */
  Object secretOrNone() {
    return hasTenantSecret() ? tenantSecret : Secrets.NONE;
  }

  /**
   * Shows that the secret is known without revealing it; other for each namespace. Empty without a
   * secret.
   */
  String secretProof() {
    return hasTenantSecret() ? hex(encoded(PROOF_LABEL, namespace()), Integer.MAX_VALUE) : "";
  }

  /**
   * The name and the value of each part in turn; the TP rank is left out where MLA makes it moot.
   */
  private String digestOfAll() {
    Map<String, Object> parts = sharedMeaning();
    parts.putAll(ranks);
    if (mla()) {
      parts.remove(ConfigKey.TP_RANK.key());
    }
    Object[] texts =
        parts.entrySet().stream()
            .flatMap(part -> Arrays.stream(new Object[] {part.getKey(), part.getValue()}))
            .toArray();
    return hex(encoded(DIGEST_LABEL, texts), DIGEST_BYTES);
  }

  private String hex(byte[] message, int bytes) {
    byte[] whole = Digests.digest(tenantSecret, message);
    return HexFormat.of().formatHex(whole, 0, Math.min(bytes, whole.length));
  }

  /** Each text as its number of bytes, 32 bits big-endian, and its UTF-8: unambiguous. */
  private static byte[] encoded(String label, Object... texts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    append(out, label);
    for (Object text : texts) {
      append(out, text.toString());
    }
    return out.toByteArray();
  }

  private static void append(ByteArrayOutputStream out, String text) {
    byte[] bytes = Digests.utf8("identity", text);
    out.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
    out.writeBytes(bytes);
  }

  private void text(ConfigKey key, String value, boolean good) {
    if (!good) {
      boolean name = key == ConfigKey.NAMESPACE;
      throw refused(key, value, name ? IdentityRules.NAME : IdentityRules.TEXT);
    }
    shared.put(key.key(), value);
  }

  private void number(ConfigKey key, int value, int least, int most) {
    if (value < least || value > most) {
      throw refused(key, value, "a whole number from " + least + " to " + most);
    }
    shared.put(key.key(), value);
  }

  private void size(ConfigKey sizeKey, int size, ConfigKey rankKey, int rank) {
    number(sizeKey, size, 1, Integer.MAX_VALUE);
    if (rank < 0 || rank >= size) {
      throw refused(rankKey, rank, "0 or more and below " + sizeKey.key() + ", which is " + size);
    }
    ranks.put(rankKey.key(), rank);
  }

  private static HiCacheException refused(ConfigKey key, Object value, String allowed) {
    return HiCacheException.invalid(
        "identity: "
            + key.key()
            + " = '"
            + KeyCodec.shown(value.toString())
            + "': must be "
            + allowed);
  }

  /** Every part by its key, the secret as {@code ***}. */
  @Override
  public String toString() {
    Map<String, Object> parts = new LinkedHashMap<>(shared);
    parts.putAll(ranks);
    if (hasTenantSecret()) {
      parts.put(ConfigKey.TENANT_SECRET.key(), Secrets.HIDDEN);
    }
    return parts.entrySet().stream()
        .map(part -> part.getKey() + "=" + part.getValue())
        .collect(Collectors.joining(", ", "HiCacheIdentity[", "]"));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof HiCacheIdentity identity
        && sharedMeaning().equals(identity.sharedMeaning())
        && ranks.equals(identity.ranks)
        && tenantSecret.equals(identity.tenantSecret);
  }

  @Override
  public int hashCode() {
    return digest.hashCode();
  }
}
