// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A bounded amount of host memory for pages on their way between two tiers, used again and again.
 * What is larger than the bound goes alone.
 *
 * <p>Threads: safe from any number of threads.
 */
final class StagingMemory {
  private static final long SMALLEST = 64 << 10;

  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition freed = lock.newCondition();

  // Guarded by the lock.
  private final Map<Long, Deque<Block>> spare = new HashMap<>(); // by length
  private long allocated;
  private boolean closed;

  /** A range that one owner has until it gives it back, or leaves it to a hanging transfer. */
  static final class Block {
    private final HostMemory memory;

    private Block(HostMemory memory) {
      this.memory = memory;
    }

    long address() {
      return memory.address();
    }
  }

  StagingMemory(long limit) {
    this.limit = limit;
  }

  /**
   * Takes a range if there is room at once.
   *
   * @return null when there is none
   */
  Block tryTake(long bytes) {
    lock.lock();
    try {
      return closed ? null : find(sizeOf(bytes));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a range, waiting for room.
   *
   * @return null when there was none in time, or once it is closed
   */
  Block take(long bytes, long timeoutMillis) throws InterruptedException {
    long left = TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    lock.lockInterruptibly();
    try {
      while (!closed) {
        Block found = find(sizeOf(bytes));
        if (found != null || left <= 0) {
          return found;
        }
        left = freed.awaitNanos(left);
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  private Block find(long size) {
    Deque<Block> same = spare.get(size);
    if (same != null && !same.isEmpty()) {
      return same.pop();
    }
    if (!fits(size)) {
      freeSpare();
    }
    if (!fits(size)) {
      return null;
    }
    Block made = new Block(HostMemory.allocate(size, false, false));
    allocated += size;
    return made;
  }

  private boolean fits(long size) {
    return allocated == 0 || size <= limit - allocated;
  }

  private void freeSpare() {
    for (Deque<Block> blocks : spare.values()) {
      for (Block block : blocks) {
        allocated -= block.memory.length();
        block.memory.close();
      }
    }
    spare.clear();
  }

  /** Nothing uses a range any more. */
  void giveBack(Block block) {
    lock.lock();
    try {
      if (closed) {
        block.memory.close();
        return;
      }
      spare.computeIfAbsent(block.memory.length(), size -> new ArrayDeque<>()).push(block);
      freed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * A hanging transfer may still use a range: it is freed once nobody refers to it any more, as the
   * transfer's batch does until it drains.
   */
  void abandon(Block block) {
    LeakNet.freeWhenUnreachable(block, block.memory::close);
    lock.lock();
    try {
      allocated -= block.memory.length();
      freed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Frees what nobody uses now, and everything else when it is given back. */
  void close() {
    lock.lock();
    try {
      closed = true;
      freeSpare();
      freed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Powers of two: pages of a model have one length, and batches of them few. */
  private static long sizeOf(long bytes) {
    return Math.max(SMALLEST, Long.highestOneBit(Math.max(1, bytes - 1)) << 1);
  }
}
