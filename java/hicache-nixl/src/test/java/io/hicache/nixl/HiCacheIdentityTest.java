// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/**
 * The constants were computed by a program of its own in another language, from the description of
 * the encoding. One that changes makes every page in the field a miss.
 */
public class HiCacheIdentityTest {
  private static final String SECRET = "correct horse battery staple";

  /** An identity in which every part is stated. */
  static HiCacheIdentityBuilder full() {
    return HiCacheIdentity.builder("chat-prod")
        .model("meta-llama/Llama-3-8B")
        .revision("8cde5ca8")
        .dtype("bfloat16")
        .pageSize(64)
        .kvLayout("page_first")
        .tp(1, 2)
        .pp(2, 4)
        .cp(0, 3);
  }

  @Test
  public void shouldKeepItsDigestsForEver() {
    assertThat(HiCacheIdentity.builder("n").build().digest())
        .isEqualTo("1d32215b8a0d7b34ae01514933fc55fd");
    assertThat(full().build().digest()).isEqualTo("67a9797acbcf17c2d7f15d02428fef12");
    assertThat(full().mla(true).build().digest()).isEqualTo("b908286f932f17478651848adfe502aa");
    assertThat(full().tenantSecret(SECRET).build().digest())
        .isEqualTo("668250e17f41bb7acc95788473f66ddc");
    assertThat(full().tenantSecret(SECRET).build().secretProof())
        .isEqualTo("81e3297bbaf2164a4a0a1c8a93757a752c72a718cfcd73699959bd9ae4f184dc");
    assertThat(full().build().secretProof()).isEmpty();
  }

  @Test
  public void shouldDigestTextAsUtf8() {
    assertThat(HiCacheIdentity.builder("gx").model("größe/漢").build().digest())
        .isEqualTo("d805e965bea35473b2d72554a2a1135c");
  }

  @Test
  public void shouldChangeItsDigestWithEveryPart() {
    List<UnaryOperator<HiCacheIdentityBuilder>> changes =
        List.of(
            b -> b,
            b -> b.model("meta-llama/Llama-3-8b"),
            b -> b.model(""),
            b -> b.revision("8cde5ca9"),
            b -> b.dtype("float16"),
            b -> b.pageSize(128),
            b -> b.pageSize(0),
            b -> b.kvLayout("layer_first"),
            b -> b.tp(0, 2),
            b -> b.tp(1, 3),
            b -> b.pp(1, 4),
            b -> b.pp(2, 3),
            b -> b.cp(1, 3),
            b -> b.cp(0, 2),
            b -> b.mla(true),
            b -> b.tenantSecret(SECRET),
            b -> b.tenantSecret(SECRET + " "),
            // The same characters, shared out differently.
            b -> b.revision("8cde5ca8b").dtype("float16"),
            b -> b.revision("8cde5ca8").dtype("").kvLayout("bfloat16page_first"));
    List<String> digests = new ArrayList<>();
    List<HiCacheIdentity> identities = new ArrayList<>();
    changes.forEach(
        change -> {
          HiCacheIdentity identity = change.apply(full()).build();
          assertThat(identity.digest()).matches("[0-9a-f]{32}");
          assertThat(change.apply(full()).build()).isEqualTo(identity).hasSameHashCodeAs(identity);
          digests.add(identity.digest());
          identities.add(identity);
        });
    digests.add(HiCacheIdentity.builder("chat-prod2").build().digest());
    digests.add(HiCacheIdentity.builder("chat-prod").build().digest());
    assertThat(digests).doesNotHaveDuplicates();
    assertThat(identities).doesNotHaveDuplicates();
  }

  @Test
  public void shouldShareOneDigestAmongTheTensorParallelRanksOfMla() {
    assertThat(full().mla(true).tp(0, 2).build().digest())
        .isEqualTo(full().mla(true).tp(1, 2).build().digest());
    assertThat(full().mla(true).pp(0, 4).build().digest())
        .isNotEqualTo(full().mla(true).pp(1, 4).build().digest());
    assertThat(full().mla(true).cp(0, 3).build().digest())
        .isNotEqualTo(full().mla(true).cp(1, 3).build().digest());
  }

  @Test
  public void shouldTellItsParts() {
    HiCacheIdentity identity = full().mla(true).tenantSecret(SECRET).build();
    assertThat(identity.namespace()).isEqualTo("chat-prod");
    assertThat(identity.model()).isEqualTo("meta-llama/Llama-3-8B");
    assertThat(identity.revision()).isEqualTo("8cde5ca8");
    assertThat(identity.dtype()).isEqualTo("bfloat16");
    assertThat(identity.pageSize()).isEqualTo(64);
    assertThat(identity.kvLayout()).isEqualTo("page_first");
    assertThat(List.of(identity.tpRank(), identity.tpSize())).containsExactly(1, 2);
    assertThat(List.of(identity.ppRank(), identity.ppSize())).containsExactly(2, 4);
    assertThat(List.of(identity.cpRank(), identity.cpSize())).containsExactly(0, 3);
    assertThat(identity.mla()).isTrue();
    assertThat(identity.hasTenantSecret()).isTrue();
    assertThat(full().build().hasTenantSecret()).isFalse();
    assertThat(identity)
        .hasToString(
            "HiCacheIdentity[namespace=chat-prod, model=meta-llama/Llama-3-8B, revision=8cde5ca8,"
                + " dtype=bfloat16, page_size=64, kv_layout=page_first, tp_size=2, pp_size=4,"
                + " cp_size=3, mla=true, tp_rank=1, pp_rank=2, cp_rank=0, tenant_secret=***]");
    assertThat(full().build().toString()).doesNotContain("tenant_secret");
  }

  @DataProvider
  public Object[][] badParts() {
    String tooLong = "é".repeat(513);
    return new Object[][] {
      {HiCacheIdentity.builder(""), "namespace = ''"},
      {HiCacheIdentity.builder(".hidden"), "namespace = '.hidden'"},
      {HiCacheIdentity.builder("Prod"), "namespace = 'Prod'"},
      {HiCacheIdentity.builder("a/b"), "namespace = 'a/b'"},
      {HiCacheIdentity.builder(".."), "namespace = '..'"},
      {HiCacheIdentity.builder("a\n"), "namespace = 'a\\u000a'"},
      {HiCacheIdentity.builder("größe"), "namespace = "},
      {HiCacheIdentity.builder("n".repeat(65)), "1 to 64 characters"},
      {full().model("a\u0000b"), "model = 'a\\u0000b'"},
      {full().model("a\ud800"), "model = "},
      {full().model(tooLong), "1024 bytes"},
      {full().revision("a\nb"), "revision = "},
      {full().dtype("\u0085"), "dtype = "},
      {full().kvLayout("\u007f"), "kv_layout = "},
      {full().pageSize(-1), "page_size = '-1'"},
      {full().pageSize((1 << 20) + 1), "page_size = '1048577'"},
      {full().tp(2, 2), "tp_rank = '2': must be 0 or more and below tp_size, which is 2"},
      {full().tp(-1, 2), "tp_rank = '-1'"},
      {full().tp(0, 0), "tp_size = '0'"},
      {full().pp(4, 4), "pp_rank = '4'"},
      {full().pp(0, -1), "pp_size = '-1'"},
      {full().cp(3, 3), "cp_rank = '3'"},
      {full().cp(0, 0), "cp_size = '0'"},
      {full().tenantSecret(" \t"), "tenant_secret = '***'"},
      {full().tenantSecret("hunter2\n"), "tenant_secret = '***'"},
      {full().tenantSecret("hunter2" + tooLong), "tenant_secret = '***'"},
    };
  }

  @Test(dataProvider = "badParts")
  public void shouldRefuseABadPartNamingItItsValueAndWhatIsAllowed(
      HiCacheIdentityBuilder builder, String text) {
    assertThat(StoreFixture.refused(builder::build))
        .hasMessageStartingWith("identity: ")
        .hasMessageContaining(text)
        .hasMessageContaining("must be ")
        .hasMessageNotContaining("hunter2");
  }

  @Test
  public void shouldTakeTheLongestNameAndText() {
    HiCacheIdentity identity =
        HiCacheIdentity.builder("n".repeat(64)).model("é".repeat(512)).pageSize(1 << 20).build();
    assertThat(identity.digest()).hasSize(32);
    assertThat(HiCacheIdentity.builder("-._a0").build().namespace()).isEqualTo("-._a0");
    assertThat(HiCacheIdentity.builder("_").build().namespace()).isEqualTo("_");
  }

  @Test
  public void shouldRefuseNullsAtOnce() {
    assertThat(catchThrowable(() -> HiCacheIdentity.builder(null)))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("namespace");
    assertThat(catchThrowable(() -> full().dtype(null)))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("dtype");
  }
}
