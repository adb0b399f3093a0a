// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/**
 * Keys as SGLang makes them. The constants were computed by the hash extension of SGLang 0.5.23
 * itself.
 */
public class PageKeysTest {
  private static final long[] TOKENS = LongStream.range(0, 128).toArray();
  private static final String PAGE_0 =
      "fea7b32778ecbdd7adee1941e98c89cf96bbc762f5f1beb0be24e36a456fbbc5";
  private static final String PAGE_1 =
      "1617a7384eff5e9135098c24794739af884859cdb17c1a61a834e8d6ac997351";
  private static final long U32_MAX = 0xFFFF_FFFFL;

  @Test
  public void shouldMakeSglangsKeys() {
    assertThat(PageKeys.of(TOKENS, 64)).containsExactly(PAGE_0, PAGE_1);
    assertThat(PageKeys.of(IntStream.range(0, 128).toArray(), 64)).containsExactly(PAGE_0, PAGE_1);
    assertThat(PageKeys.of(new long[] {U32_MAX, 0, 1, 2}, 2))
        .containsExactly(
            "72a4fa3544e43a836ffcb268ce06ccdbc55d44d5e6b1b1c19216a53ea98301fd",
            "ba31d87f2c86fd49cb29059b0aa6971432b795527a223094e13d13f29acc1a71");
  }

  @Test
  public void shouldHashAPageInWideWordsWhenAnyOfItsTokensIsWide() {
    assertThat(PageKeys.of(new long[] {1, U32_MAX + 1, 5, 6, 7, Long.MAX_VALUE}, 2))
        .containsExactly(
            "66af2f218931e670270f1b4ea79f49befb670188f60c94856ed7a1743298f181",
            "42fae8612743ee4cc05850a835869109592ed5169c388611bfb29d0e6ada85e5",
            "8debd306c160383a23c9cc4295d44dfebb819869130db0fafec750bbc9aa7703");
  }

  @DataProvider
  public Object[][] namespaces() {
    return new Object[][] {
      {
        "lora-a",
        null,
        "ad023babe5121ed61b30e57d93dc9d29cb19b361c098794f361e7a94bf561d88",
        "f674138b108a1679dcac30e25f6350895dbc23f3632541a20a855bc4093382a7"
      },
      {
        null,
        "tenant-1",
        "a63b0d65e8e35cedc7224ba8bfbdd84b7cb84bedffc4c0f6890659fa4b2e8455",
        "b88acb4922be5241c0f257f6a0888b24b182cb017c00d7f035210fc685826330"
      },
      {
        "lora-a",
        "tenant-1",
        "7ff311fce858986137c502d4560f2a0c9181dbf968f00d454abf263646f260cb",
        "32f64cc407fa0242c589a47693cdd27774fba24fe369af0bc32016697adf1dc0"
      },
      {
        "",
        null,
        "a3b1ec4e1b7586e7889bfa6a10de252f507fd665ae302f5c7435265afdca817c",
        "3faac325e0546740637be6e396bcf8142d5fae8d33c30f0d31bc13191bc0f2b5"
      },
      {
        "größe/漢",
        "s",
        "1f76a192623ffddbc12f37902d54513b0464b1120e9c001391e7ba4fb274f324",
        "8a44d1cf9b7bfc5639a62c8822b30c22f46b916837dfd633a5fc899898707d0a"
      },
    };
  }

  @Test(dataProvider = "namespaces")
  public void shouldSeedANamespacedChainAsSglangDoes(
      String extraKey, String cacheSalt, String first, String second) {
    PageKeys chain = PageKeys.start(2, extraKey, cacheSalt);
    assertThat(chain.lastKey()).isEmpty();
    assertThat(chain.append(1, 2, 3, 4)).containsExactly(first, second);
    assertThat(PageKeys.after(first, 2).append(3, 4)).containsExactly(second);
  }

  @Test
  public void shouldTakeAnEmptyCacheSaltForNone() {
    List<String> plain = PageKeys.of(TOKENS, 64);
    assertThat(PageKeys.start(64, null, "").append(TOKENS)).isEqualTo(plain);
    assertThat(PageKeys.start(64, null, null).append(TOKENS)).isEqualTo(plain);
    assertThat(PageKeys.start(64, "a", "").append(TOKENS))
        .isEqualTo(PageKeys.start(64, "a", null).append(TOKENS))
        .doesNotContainAnyElementsOf(plain);
    assertThat(PageKeys.start(64, "ab", "c").append(TOKENS))
        .isNotEqualTo(PageKeys.start(64, "a", "bc").append(TOKENS));
  }

  @Test
  public void shouldAgreeWithAnIndependentComputation() {
    Random random = Tensors.random();
    for (int round = 0; round < 200; round++) {
      int pageSize = 1 + random.nextInt(70);
      long bound = round % 3 == 0 ? Long.MAX_VALUE : round % 3 == 1 ? U32_MAX * 2 : 150_000;
      long[] tokens = random.longs(random.nextInt(300), 0, bound).toArray();
      assertThat(PageKeys.of(tokens, pageSize))
          .as("%d tokens below %d, page %d", tokens.length, bound, pageSize)
          .isEqualTo(recomputed(tokens, pageSize));
      if (bound <= Integer.MAX_VALUE) {
        int[] ints = Arrays.stream(tokens).mapToInt(Math::toIntExact).toArray();
        assertThat(PageKeys.of(ints, pageSize)).isEqualTo(recomputed(tokens, pageSize));
      }
    }
  }

  @Test
  public void shouldGiveTheSameKeysHoweverTheTokensCome() {
    Random random = Tensors.random();
    long[] tokens = random.longs(500, 0, U32_MAX * 2).toArray();
    List<String> oneShot = PageKeys.of(tokens, 7);
    assertThat(oneShot).hasSize(500 / 7);

    PageKeys chain = PageKeys.start(7);
    List<String> grown = new ArrayList<>();
    for (int at = 0; at < tokens.length; ) {
      int end = Math.min(tokens.length, at + random.nextInt(20));
      grown.addAll(chain.append(Arrays.copyOfRange(tokens, at, end)));
      at = end;
      assertThat(grown).hasSize(at / 7);
      assertThat(chain.pendingTokens()).isEqualTo(at % 7);
      assertThat(chain.lastKey().orElse(null))
          .isEqualTo(grown.isEmpty() ? null : grown.get(grown.size() - 1));
    }
    assertThat(grown).isEqualTo(oneShot);

    for (int page = 1; page < oneShot.size(); page++) {
      PageKeys later = PageKeys.after(oneShot.get(page - 1), 7);
      assertThat(later.lastKey()).contains(oneShot.get(page - 1));
      assertThat(later.append(Arrays.copyOfRange(tokens, page * 7, tokens.length)))
          .isEqualTo(oneShot.subList(page, oneShot.size()));
    }
  }

  @Test
  public void shouldGiveKeysToWholePagesOnly() {
    assertThat(PageKeys.of(new long[0], 64)).isEmpty();
    assertThat(PageKeys.of(new int[0], 1)).isEmpty();
    assertThat(PageKeys.of(LongStream.range(0, 63).toArray(), 64)).isEmpty();
    assertThat(PageKeys.of(LongStream.range(0, 127).toArray(), 64)).containsExactly(PAGE_0);
    assertThat(PageKeys.of(LongStream.range(0, 191).toArray(), 64)).containsExactly(PAGE_0, PAGE_1);
    assertThat(PageKeys.of(TOKENS, PageKeys.PAGE_SIZE_MAX)).isEmpty();
  }

  @Test
  public void shouldRefuseBadTokensAndAddNothingThen() {
    PageKeys chain = PageKeys.start(64);
    chain.append(LongStream.range(0, 10).toArray());
    assertThat(refused(() -> chain.append(10, 11, -1))).hasMessageContaining("token -1");
    assertThat(refused(() -> chain.append(10, Long.MIN_VALUE)))
        .hasMessageContaining("token " + Long.MIN_VALUE);
    assertThat(refused(() -> chain.append((long[]) null))).hasMessageContaining("null");
    assertThat(refused(() -> chain.append((int[]) null))).hasMessageContaining("null");
    assertThat(chain.pendingTokens()).isEqualTo(10);
    assertThat(chain.append(LongStream.range(10, 128).toArray())).containsExactly(PAGE_0, PAGE_1);
    assertThat(refused(() -> PageKeys.of((long[]) null, 64))).hasMessageContaining("null");
    assertThat(refused(() -> PageKeys.of(new int[] {-5}, 64))).hasMessageContaining("token -5");
  }

  @Test
  public void shouldRefuseABadPageSizeKeyOrNamespace() {
    for (int pageSize : new int[] {0, -1, PageKeys.PAGE_SIZE_MAX + 1, Integer.MIN_VALUE}) {
      assertThat(refused(() -> PageKeys.of(TOKENS, pageSize)))
          .hasMessageContaining(String.valueOf(pageSize))
          .hasMessageContaining("1 to 1048576");
    }
    for (String key :
        Arrays.asList(null, "", PAGE_0.substring(1), PAGE_0 + "0", PAGE_0.replace('f', 'F'), "x")) {
      assertThat(refused(() -> PageKeys.after(key, 64))).hasMessageContaining("64 lowercase");
    }
    assertThat(refused(() -> PageKeys.start(64, "a\ud800", null)))
        .hasMessageContaining("lone surrogate");
    assertThat(refused(() -> PageKeys.start(64, null, "salt-\udc00")))
        .hasMessageContaining("lone surrogate")
        .hasMessageNotContaining("salt-");
  }

  private static HiCacheException refused(ThrowingCallable call) {
    return StoreFixture.refused(call);
  }

  /** The rule in other words: every page's input as one array, hashed at once. */
  private static List<String> recomputed(long[] tokens, int pageSize) {
    List<String> keys = new ArrayList<>();
    byte[] before = new byte[0];
    for (int page = 0; page < tokens.length / pageSize; page++) {
      long[] own = Arrays.copyOfRange(tokens, page * pageSize, (page + 1) * pageSize);
      boolean wide = Arrays.stream(own).anyMatch(token -> token >= 1L << 32);
      ByteArrayOutputStream input = new ByteArrayOutputStream();
      input.writeBytes(before);
      if (wide) {
        input.write(255);
      }
      for (long token : own) {
        for (int shift = 0; shift < (wide ? 64 : 32); shift += 8) {
          input.write((int) (token >>> shift));
        }
      }
      before = sha256(input.toByteArray());
      StringBuilder key = new StringBuilder();
      for (byte digit : before) {
        key.append(String.format("%02x", digit));
      }
      keys.add(key.toString());
    }
    return keys;
  }

  private static byte[] sha256(byte[] input) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(input);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
