// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Virtual threads, on JDKs that have them.
 *
 * <p>Threads: stateless.
 */
final class VirtualThreads {
  /** {@code Thread.isVirtual}, or null before JDK 21. */
  private static final MethodHandle IS_VIRTUAL = find();

  private VirtualThreads() {}

  /** True on a virtual thread, which must not wait inside native code. */
  static boolean isCurrent() {
    if (IS_VIRTUAL == null) {
      return false;
    }
    try {
      return (boolean) IS_VIRTUAL.invokeExact(Thread.currentThread());
    } catch (Throwable e) {
      throw new HiCacheException(ErrorCode.INTERNAL, "Thread.isVirtual failed", e);
    }
  }

  private static MethodHandle find() {
    try {
      return MethodHandles.publicLookup()
          .findVirtual(Thread.class, "isVirtual", MethodType.methodType(boolean.class));
    } catch (NoSuchMethodException | IllegalAccessException e) {
      return null;
    }
  }
}
