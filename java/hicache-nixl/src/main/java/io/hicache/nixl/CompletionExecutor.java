// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * Where the futures of callers complete, and with them the callbacks that hang on them: never on
 * the thread that takes the core's events, which a callback could hold up.
 *
 * <p>Without an executor of the caller's these are threads of the store's own, as many as there are
 * callbacks that block, so that one that blocks for ever holds up no other. They also step in where
 * the caller's executor refuses, or would run the completion on the thread that hands it over.
 *
 * <p>Threads: safe from any number of threads.
 */
final class CompletionExecutor {
  private static final Logger LOG = LogManager.getLogger(CompletionExecutor.class);
  private static final long IDLE_SECONDS = 10;

  private final Executor chosen;
  private final AtomicBoolean refused = new AtomicBoolean();
  private final ThreadPoolExecutor own =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          CompletionExecutor::newThread);

  /**
   * Makes no thread yet.
   *
   * @param chosen the caller's, or null
   */
  CompletionExecutor(Executor chosen) {
    this.chosen = chosen;
  }

  /**
   * Runs a completion soon, on another thread than this one unless there is none. Throws nothing.
   *
   * @param completion may be run twice; the second time must change nothing
   */
  void execute(Runnable completion) {
    if (chosen == null) {
      executeOnOwn(completion);
      return;
    }
    Thread here = Thread.currentThread();
    try {
      chosen.execute(
          () -> {
            if (Thread.currentThread() == here) {
              executeOnOwn(completion);
            } else {
              completion.run();
            }
          });
    } catch (RuntimeException | Error e) {
      if (!refused.getAndSet(true)) {
        LOG.warn("the completion executor refuses completions; threads of the store run them", e);
      }
      executeOnOwn(completion);
    }
  }

  private void executeOnOwn(Runnable completion) {
    try {
      own.execute(completion);
    } catch (RuntimeException | Error e) {
      // Closed while a call was on its way out, or no thread to be had: a future that never
      // completes would be worse.
      if (!own.isShutdown()) {
        LOG.error("no thread for a completion: {}", Thread.currentThread().getName(), e);
      }
      completion.run();
    }
  }

  /**
   * Lets the store's own threads end when they have run what was handed over. Waits for nothing.
   */
  void close() {
    own.shutdown();
  }

  private static Thread newThread(Runnable work) {
    Thread thread = new Thread(work, "hicache-callback");
    thread.setDaemon(true);
    return thread;
  }
}
