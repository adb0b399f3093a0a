// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.StoreFixture.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.testng.annotations.Test;

/** The memory of a host pool lives exactly as long as somebody may use it. */
public class HostKVCacheLifecycleTest {

  @Test
  public void shouldFreeItsMemoryWhenClosed() {
    HostKVCache pool = Pools.small();
    long address = pool.address();
    assertThat(Pools.isAllocated(address)).isTrue();
    pool.close();
    assertThat(Pools.isAllocated(address)).isFalse();
    pool.close();
  }

  @Test
  public void shouldRefuseItsMemoryAfterClose() {
    HostKVCache pool = Pools.small();
    Tensor page = pool.getDummyFlatDataPage();
    Tensor indices = Tensors.empty(ScalarType.Long, 0);
    pool.close();
    List.<ThrowingCallable>of(
            pool::kvBuffer,
            pool::address,
            () -> pool.getPageBufferMeta(Pools.tokens(0)),
            () -> pool.getPageBufferMeta(indices),
            () -> pool.getDataPage(0, true),
            pool::getDummyFlatDataPage,
            () -> pool.setFromFlatDataPage(0, page),
            () -> pool.isStridePageAligned(4096),
            pool.memory()::retain)
        .forEach(
            call -> assertThat(refused(ErrorCode.CLOSED, call)).hasMessageContaining("host pool"));
    assertThat(pool.pageBytes()).isEqualTo(page.nbytes());
  }

  @Test
  public void shouldKeepItsMemoryUntilTheLastUserReleasesIt() {
    HostKVCache pool = Pools.small();
    Pools.fill(pool);
    long address = pool.address();
    PageBlocks blocks = pool.getPageBufferMeta(Pools.tokens(2));
    byte[] before = Pools.bytes(blocks, 0);
    pool.memory().retain();
    pool.memory().retain();
    try (CapturedLog log = new CapturedLog()) {
      pool.close();
      pool.close();
      assertThat(log.lines()).filteredOn(line -> line.contains("its last user frees")).hasSize(1);
    }
    refused(ErrorCode.CLOSED, pool::kvBuffer);
    assertThat(Pools.bytes(blocks, 0)).isEqualTo(before);
    pool.memory().release();
    assertThat(Pools.isAllocated(address)).isTrue();
    assertThat(Pools.bytes(blocks, 0)).isEqualTo(before);
    pool.memory().release();
    assertThat(Pools.isAllocated(address)).isFalse();
    refused(ErrorCode.INTERNAL, pool.memory()::release);
  }

  @Test
  public void shouldStayOpenWhenEveryUserReleasesIt() {
    try (HostKVCache pool = Pools.small()) {
      pool.memory().retain();
      pool.memory().release();
      refused(ErrorCode.INTERNAL, pool.memory()::release);
      assertThat(Pools.isAllocated(pool.address())).isTrue();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNeverFreeUnderACallOfAnotherThread() throws Exception {
    for (int round = 0; round < 20; round++) {
      HostKVCache pool = Pools.small();
      Pools.fill(pool);
      long address = pool.address();
      Tensor expected = pool.getDataPage(8, true);
      AtomicReference<Throwable> wrong = new AtomicReference<>();
      CountDownLatch running = new CountDownLatch(4);
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        Thread thread = new Thread(() -> copyUntilClosed(pool, expected, running, wrong));
        thread.start();
        threads.add(thread);
      }
      running.await();
      pool.close();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(wrong.get()).isNull();
      assertThat(Pools.isAllocated(address)).isFalse();
    }
  }

  private static void copyUntilClosed(
      HostKVCache pool, Tensor expected, CountDownLatch running, AtomicReference<Throwable> wrong) {
    try {
      while (true) {
        Tensors.assertSame(pool.getDataPage(8, true), expected);
        pool.setFromFlatDataPage(8, expected);
        running.countDown();
      }
    } catch (HiCacheException e) {
      if (e.code() != ErrorCode.CLOSED) {
        wrong.set(e);
      }
    } catch (Throwable e) {
      wrong.set(e);
    } finally {
      running.countDown();
    }
  }

  @Test(timeOut = 60_000)
  public void shouldFreeAForgottenPoolAndSayWhereItWasAllocated() throws Exception {
    try (CapturedLog log = new CapturedLog()) {
      long address = forget();
      for (int i = 0; i < 200 && Pools.isAllocated(address); i++) {
        System.gc();
        Thread.sleep(50);
      }
      assertThat(Pools.isAllocated(address)).isFalse();
      assertThat(log.lines())
          .filteredOn(line -> line.startsWith("WARN") && line.contains("never closed"))
          .singleElement()
          .asString()
          .contains("the host pool page_first MHA", "HostKVCacheLifecycleTest.forget");
    }
  }

  private static long forget() {
    return Pools.small(PoolLayout.PAGE_FIRST, false, ScalarType.BFloat16).build().address();
  }

  @Test
  public void shouldNotWarnOfAPoolThatWasClosed() throws Exception {
    try (CapturedLog log = new CapturedLog()) {
      Pools.small().close();
      for (int i = 0; i < 5; i++) {
        System.gc();
        Thread.sleep(20);
      }
      assertThat(log.lines()).noneMatch(line -> line.contains("never closed"));
    }
  }
}
