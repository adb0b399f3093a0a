// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The names by which one dtype goes: libtorch's, PyTorch's, and those of SGLang's options.
 *
 * <p>Threads: stateless.
 */
final class DtypeNames {
  /** By every name, in lower case. */
  private static final Map<String, String> LIBTORCH = new HashMap<>();

  static {
    // The first name is in the digests of identities, for ever.
    same("float", "float32", "fp32");
    same("double", "float64", "fp64");
    same("half", "float16", "fp16");
    same("bfloat16", "bf16");
    same("float8_e4m3fn", "fp8_e4m3");
    same("float8_e5m2", "fp8_e5m2");
    same("float8_e4m3fnuz");
    same("float8_e5m2fnuz");
    same("byte", "uint8");
    same("char", "int8");
    same("short", "int16");
    same("int", "int32");
    same("long", "int64");
  }

  private DtypeNames() {}

  private static void same(String libtorch, String... others) {
    LIBTORCH.put(libtorch, libtorch);
    for (String other : others) {
      LIBTORCH.put(other, libtorch);
    }
  }

  /**
   * libtorch's name of a dtype in lower case, for any of its names in any case; a text that names
   * no dtype of a pool stays as it is.
   */
  static String libtorch(String name) {
    return LIBTORCH.getOrDefault(name.toLowerCase(Locale.ROOT), name);
  }
}
