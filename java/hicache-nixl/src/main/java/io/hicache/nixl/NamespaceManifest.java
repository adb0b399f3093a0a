// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The record of a namespace's identity in each base directory, so that one name never means two
 * identities. It holds no rank, because ranks share a namespace, and no secret, only a proof of it.
 * Pages do not depend on it: their names hold the digest, so that under another identity they are a
 * miss in any case.
 *
 * <p>Threads: stateless; any number of threads and processes may enter a namespace at once, and all
 * of them see the same record.
 */
final class NamespaceManifest {
  private static final String SCHEMA = "schema";
  private static final int SCHEMA_NUMBER = 1;
  private static final String PROOF = "tenant_proof";

  private static final TypeReference<LinkedHashMap<String, Object>> TABLE =
      new TypeReference<>() {};

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private NamespaceManifest() {}

  /**
   * Checks an identity against the records in all base directories, then records it where there is
   * none yet. All records are looked at before the first is made, and they are made in the order of
   * the paths, so that of two identities at once one enters and the other leaves nothing behind.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming what differs from a record, CORRUPT for a
   *     damaged record, IO
   */
  static void enter(HiCacheIdentity identity, List<Path> directories) {
    List<ManifestFile> missing = new ArrayList<>();
    for (Path directory : directories.stream().sorted().toList()) {
      ManifestFile file = new ManifestFile(directory, identity.namespace());
      file.read().ifPresentOrElse(text -> compare(identity, file, text), () -> missing.add(file));
    }
    byte[] record = toJson(identity);
    for (ManifestFile file : missing) {
      file.publish(record);
      compare(identity, file, file.read().orElseThrow(() -> gone(file)));
    }
  }

  private static byte[] toJson(HiCacheIdentity identity) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put(SCHEMA, SCHEMA_NUMBER);
    record.putAll(identity.shared());
    record.put(PROOF, identity.secretProof());
    try {
      return JSON.writeValueAsBytes(record);
    } catch (JsonProcessingException e) {
      throw new HiCacheException(ErrorCode.INTERNAL, "namespace manifest: " + e, e);
    }
  }

  private static void compare(HiCacheIdentity identity, ManifestFile file, byte[] text) {
    Map<String, Object> recorded = parse(file, text);
    Map<String, Object> given = identity.shared();
    requireForm(file, recorded, given);
    requireSecret(identity, file, recorded.get(PROOF).toString());
    List<String> differences = new ArrayList<>();
    given.forEach(
        (key, value) -> {
          Object meant = HiCacheIdentity.meaning(key, value);
          if (!meant.equals(HiCacheIdentity.meaning(key, recorded.get(key)))) {
            differences.add(
                key
                    + " = "
                    + shown(value)
                    + ", but the namespace was made with "
                    + key
                    + " = "
                    + shown(recorded.get(key)));
          }
        });
    if (!differences.isEmpty()) {
      throw HiCacheException.invalid(
          opening(identity, file)
              + String.join("; ", differences)
              + ". Give what is recorded, or name another namespace");
    }
  }

  private static Map<String, Object> parse(ManifestFile file, byte[] text) {
    try {
      Map<String, Object> table = JSON.readValue(text, TABLE);
      if (table != null) {
        return table;
      }
      throw damaged(file, "it holds no table", null);
    } catch (IOException malformed) {
      throw damaged(file, "it is no JSON table", malformed);
    }
  }

  /** Refuses a record that does not have exactly the entries and types of a written one. */
  private static void requireForm(
      ManifestFile file, Map<String, Object> recorded, Map<String, Object> given) {
    Object schema = recorded.get(SCHEMA);
    if (schema instanceof Integer number && number > SCHEMA_NUMBER) {
      throw HiCacheException.invalid(
          "namespace manifest "
              + file
              + " has schema "
              + number
              + ", and this version knows "
              + SCHEMA_NUMBER
              + " only; use the version that wrote it, or another namespace");
    }
    Map<String, Object> form = new LinkedHashMap<>(given);
    form.put(SCHEMA, SCHEMA_NUMBER);
    form.put(PROOF, "");
    form.forEach(
        (key, value) -> {
          Object found = recorded.get(key);
          if (found == null || found.getClass() != value.getClass()) {
            throw damaged(file, "its entry " + key + " is missing or of the wrong type", null);
          }
        });
    if (recorded.size() != form.size() || !schema.equals(SCHEMA_NUMBER)) {
      throw damaged(file, "it has entries of no known schema", null);
    }
    if (!recorded.get(ConfigKey.NAMESPACE.key()).equals(given.get(ConfigKey.NAMESPACE.key()))) {
      throw damaged(file, "it is the manifest of another namespace", null);
    }
  }

  private static void requireSecret(HiCacheIdentity identity, ManifestFile file, String proof) {
    byte[] given = identity.secretProof().getBytes(StandardCharsets.UTF_8);
    if (MessageDigest.isEqual(given, proof.getBytes(StandardCharsets.UTF_8))) {
      return;
    }
    String key = ConfigKey.TENANT_SECRET.key();
    String why =
        !identity.hasTenantSecret()
            ? "the namespace was made with a " + key + ", and none is given"
            : proof.isEmpty()
                ? "a " + key + " is given, and the namespace was made without one"
                : "the " + key + " is not the one that the namespace was made with";
    throw HiCacheException.invalid(
        opening(identity, file) + why + ". Give the right one, or name another namespace");
  }

  private static String opening(HiCacheIdentity identity, ManifestFile file) {
    return "open: namespace '" + identity.namespace() + "' (recorded in " + file + "): ";
  }

  private static String shown(Object value) {
    return value instanceof String text ? "'" + KeyCodec.shown(text) + "'" : value.toString();
  }

  private static HiCacheException damaged(ManifestFile file, String how, Throwable cause) {
    return new HiCacheException(
        ErrorCode.CORRUPT,
        "namespace manifest "
            + file
            + " is damaged: "
            + how
            + ". Remove it, and open the namespace with the identity of its pages, which records that"
            + " anew; under any other identity they are a miss, never a wrong hit",
        cause);
  }

  private static HiCacheException gone(ManifestFile file) {
    return new HiCacheException(
        ErrorCode.IO,
        "namespace manifest " + file + " was removed while the store opened; open it again");
  }
}
