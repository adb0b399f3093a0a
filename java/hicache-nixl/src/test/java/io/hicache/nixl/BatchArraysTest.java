// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.testng.annotations.Test;

public class BatchArraysTest {
  @Test
  public void shouldGiveNoArraysToTwoBatches() {
    Set<BatchArrays> taken = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < 40; i++) {
      taken.add(BatchArrays.take(128));
    }
    assertThat(taken).hasSize(40);
    taken.forEach(BatchArrays::giveBack);
    Set<BatchArrays> again = Collections.newSetFromMap(new IdentityHashMap<>());
    for (int i = 0; i < 40; i++) {
      again.add(BatchArrays.take(128));
    }
    assertThat(again).hasSize(40);
  }

  @Test
  public void shouldHaveRoomForEveryEntryWhatIsUsedAgain() {
    for (int entries : new int[] {0, 1, 15, 16, 17, 100, 128, 129, 511, 512, 513, 5000}) {
      for (int turn = 0; turn < 2; turn++) {
        BatchArrays arrays = BatchArrays.take(entries);
        assertThat(arrays.keyLengths.length).as("%d", entries).isGreaterThanOrEqualTo(entries);
        assertThat(arrays.addresses.length).as("%d", entries).isGreaterThanOrEqualTo(entries);
        assertThat(arrays.lengths.length).as("%d", entries).isEqualTo(arrays.addresses.length);
        arrays.reserveKeyBytes(0, 100_000);
        arrays.reserveDims(0, 10_000);
        arrays.reserveBlocks(20_000);
        assertThat(arrays.keyBytes.length).isGreaterThanOrEqualTo(100_000);
        assertThat(arrays.dims.length).isGreaterThanOrEqualTo(10_000);
        assertThat(arrays.addresses.length).isGreaterThanOrEqualTo(20_000);
        assertThat(arrays.lengths.length).isGreaterThanOrEqualTo(20_000);
        arrays.giveBack();
      }
    }
  }

  @Test
  public void shouldNotKeepArraysThatAnUnusualBatchMadeLarge() {
    List<BatchArrays> large = Stream.generate(() -> BatchArrays.take(64)).limit(20).toList();
    large.forEach(arrays -> arrays.reserveKeyBytes(0, 1 << 20));
    large.forEach(BatchArrays::giveBack);
    for (int i = 0; i < 20; i++) {
      assertThat(BatchArrays.take(64).keyBytes.length).isLessThan(1 << 20);
    }
  }
}
