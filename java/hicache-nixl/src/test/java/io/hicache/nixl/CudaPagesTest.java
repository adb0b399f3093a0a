// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DEVICE_HOST;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DEVICE_UNKNOWN;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.testng.SkipException;
import org.testng.annotations.Test;

/** What a batch tells the core of pages on CUDA devices, as far as that shows without one. */
public class CudaPagesTest extends StoreFixture {
  @Test
  public void shouldTellWherePagesAreAndOfEachDeviceOneStream() {
    CudaPages pages = new CudaPages(4);
    pages.add(1, 1, device -> 100 + device);
    pages.add(3, 0, device -> 100 + device);
    pages.add(2, 1, device -> 999);

    assertThat(pages.devices()).containsExactly(HICACHE_DEVICE_UNKNOWN, 1, 1, 0);
    assertThat(pages.streamDevices()).containsExactly(0, 1);
    assertThat(pages.streams()).containsExactly(100, 101);
    CudaPages part = pages.part(new int[] {0, 3});
    assertThat(part.devices()).containsExactly(HICACHE_DEVICE_UNKNOWN, 0);
    assertThat(part.streams()).containsExactly(100, 101);
  }

  @Test
  public void shouldSetAsideAPageOfADeviceWhereLibtorchHasNoCuda() {
    if (torch.hasDeviceGuardImpl(DeviceType.CUDA)) {
      throw new SkipException("this libtorch has CUDA");
    }
    PageBatch batch =
        PageBatch.of(
            Operation.SET,
            List.of("device", "host"),
            (index, subject) ->
                new TensorDescriptor(4096, 16, index == 0 ? 0 : HICACHE_DEVICE_HOST, 1, null),
            null);
    try {
      assertThat(batch.refusal(0).code()).isEqualTo(ErrorCode.UNSUPPORTED);
      assertThat(batch.refusal(0)).hasMessageContaining("cuda:0").hasMessageContaining("gpu");
      assertThat(batch.refusal(1)).isNull();
      assertThat(batch.count()).isEqualTo(1);
    } finally {
      batch.submitted();
    }
  }

  @Test
  public void shouldSayOfTensorsOfTheHostThatTheyAreThere() {
    TensorDescriptor about = TensorDescriptor.of(Tensors.randomFloats(4), () -> "set 'k'");
    assertThat(about.device()).isEqualTo(HICACHE_DEVICE_HOST);
    assertThat(about.cuda()).isFalse();
  }
}
