// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command that works in steps end after one of them when the process is told to end, by
 * Ctrl-C or SIGTERM, and end with its own exit code. Every other command ends at once, as ever.
 *
 * <p>Threads: safe from any number of threads.
 */
final class Interruption {
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile Duration patience;
  private volatile boolean requested;
  private volatile int exitCode;

  /** Hears of signals from now on. */
  void install() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::request, "hicache-interruption"));
  }

  /**
   * Promises that the command asks {@link #isRequested} again and again.
   *
   * @param longestStep how long the process waits for the command to end
   */
  void heed(Duration longestStep) {
    patience = longestStep;
  }

  boolean isRequested() {
    return requested;
  }

  /** The command has ended and has said so. */
  void end(int code) {
    exitCode = code;
    ended.countDown();
  }

  /** The JVM ends: by a signal, or because the command has ended. */
  void request() {
    requested = true;
    if (patience == null || ended.getCount() == 0) {
      return;
    }
    try {
      if (ended.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
        Runtime.getRuntime().halt(exitCode); // an exit here would wait for this very thread
      }
    } catch (InterruptedException stopWaiting) {
      Thread.currentThread().interrupt();
    }
  }
}
