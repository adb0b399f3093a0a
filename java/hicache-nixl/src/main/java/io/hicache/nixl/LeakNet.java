// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.ref.Cleaner;
import java.util.function.BooleanSupplier;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The net below {@code close()}: frees what nobody closed and nobody can reach any more, and logs
 * where it was opened.
 *
 * <p>Threads: safe from any number of threads; a forgotten thing is freed on the net's own thread.
 */
final class LeakNet {
  private static final Logger LOG = LogManager.getLogger(LeakNet.class);
  private static final Cleaner CLEANER = Cleaner.create();

  private LeakNet() {}

  /** A watch over one thing, ended by its close. */
  record Watch(Cleaner.Cleanable cleanable) {
    /** Ends the watch; to be called once the thing is closed. */
    void end() {
      cleanable.clean();
    }
  }

  /**
   * Watches an owner.
   *
   * @param owner the object that users hold; neither closed nor close may refer to it
   * @param opener the class that made it; where it was opened is sought above that
   * @param what the thing's name in the log
   * @param closed true once the thing was closed as it should be
   * @param close frees it
   */
  static Watch watch(
      Object owner, Class<?> opener, String what, BooleanSupplier closed, Runnable close) {
    String place = openingPlace(owner.getClass(), opener);
    return new Watch(CLEANER.register(owner, () -> free(what, place, closed, close)));
  }

  /** As above, for an owner that makes itself. */
  static Watch watch(Object owner, String what, BooleanSupplier closed, Runnable close) {
    return watch(owner, owner.getClass(), what, closed, close);
  }

  /**
   * Frees what a thing stands for once nobody refers to the thing, which is no leak.
   *
   * @param free must not refer to owner
   */
  static void freeWhenUnreachable(Object owner, Runnable free) {
    CLEANER.register(owner, free);
  }

  private static void free(String what, String place, BooleanSupplier closed, Runnable close) {
    if (closed.getAsBoolean()) {
      return;
    }
    LOG.warn("{} was never closed; closing it now. It was opened at {}", what, place);
    try {
      close.run();
    } catch (RuntimeException e) {
      LOG.error("{} could not be closed", what, e);
    }
  }

  /** The first caller outside the owner's own class and its opener's. */
  private static String openingPlace(Class<?> owner, Class<?> opener) {
    return StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
        .walk(
            frames ->
                frames
                    .filter(f -> f.getDeclaringClass() != LeakNet.class)
                    .filter(f -> f.getDeclaringClass() != owner)
                    .filter(f -> f.getDeclaringClass() != opener)
                    .findFirst())
        .map(StackWalker.StackFrame::toStackTraceElement)
        .map(StackTraceElement::toString)
        .orElse("an unknown place");
  }
}
