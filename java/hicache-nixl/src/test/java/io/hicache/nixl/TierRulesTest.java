// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** What the keys of two tiers say together, and what each tier's own configuration is. */
public class TierRulesTest extends ConfigFixture {
  private String in(String kind, String name) {
    return kind + ":" + folder.resolve(name);
  }

  @Test
  public void shouldGiveEachTierItsPlaceAndItsLayout() {
    HiCacheConfig both = bare().tiers(in("segments", "a"), in("files", "b")).build();
    assertThat(both.tiers()).containsExactly(in("segments", "a"), in("files", "b"));
    assertThat(both.storageDirs()).containsExactly(folder.resolve("a"));
    assertThat(both.layout()).isEqualTo("segments");
    assertThat(both.tier(0).storageDirs()).containsExactly(folder.resolve("a"));
    assertThat(both.tier(0).layout()).isEqualTo("segments");
    assertThat(both.tier(1).storageDirs()).containsExactly(folder.resolve("b"));
    assertThat(both.tier(1).layout()).isEqualTo("files");
    assertThat(both.tier(1).tiers()).isEmpty();
    assertThat(both.toBuilder().build()).isEqualTo(both);
  }

  @Test
  public void shouldGiveLimitsToTheLocalTierAloneAndNamesToBoth() {
    HiCacheConfig both =
        bare()
            .tiers(in("files", "a"), in("files", "b"))
            .capacityBytes(1 << 20)
            .ttlSeconds(60)
            .model("m")
            .timeoutMillis(7)
            .tierWrite("through")
            .build();
    assertThat(both.tier(0).capacityBytes()).isEqualTo(1 << 20);
    assertThat(both.tier(0).ttlSeconds()).isEqualTo(60);
    assertThat(both.tier(1).capacityBytes()).isZero();
    assertThat(both.tier(1).ttlSeconds()).isZero();
    for (int tier : new int[] {0, 1}) {
      assertThat(both.tier(tier).model()).isEqualTo("m");
      assertThat(both.tier(tier).timeoutMillis()).isEqualTo(7);
    }
  }

  @Test
  public void shouldGiveParametersToTheTierWhoseBackendKnowsThem() {
    HiCacheConfig both =
        bare()
            .tiers(in("segments", "a"), "obj:pages")
            .backend("POSIX")
            .queue("posix_aio")
            .pluginParam("ios_pool_size", "128")
            .pluginParam("endpoint_override", "https://s3.example")
            .pluginParam("secret_key", "hidden")
            .build();
    assertThat(both.toString()).doesNotContain("hidden");
    assertThat(both.tier(0).backend()).isEqualTo("POSIX");
    assertThat(both.tier(0).queue()).isEqualTo("posix_aio");
    assertThat(both.tier(0).pluginParams())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of("ios_pool_size", "128", "use_posix_aio", "true"));
    assertThat(both.tier(1).backend()).isEqualTo("OBJ");
    assertThat(both.tier(1).layout()).isEqualTo("objects");
    assertThat(both.tier(1).storageDirs()).isEmpty();
    assertThat(both.tier(1).pluginParams())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of(
                "bucket", "pages",
                "endpoint_override", "https://s3.example",
                "secret_key", "hidden"));
  }

  @Test
  public void shouldReadTiersAndThePluginTablesOfBothFromAFile() {
    HiCacheConfig both =
        bareFromToml(
            "tiers = ['"
                + in("segments", "a")
                + "', 'azure:pages']\n[plugin.posix]\nactive = true\nios_pool_size = 256\n"
                + "[plugin.azure_blob]\naccount_url = 'https://a.example'\n");
    assertThat(both.backend()).isEqualTo("POSIX");
    assertThat(both.tier(0).pluginParams()).isEqualTo(Map.of("ios_pool_size", "256"));
    assertThat(both.tier(1).backend()).isEqualTo("AZURE_BLOB");
    assertThat(both.tier(1).pluginParams())
        .isEqualTo(Map.of("container_name", "pages", "account_url", "https://a.example"));
    HiCacheConfig activeBelow =
        bareFromToml(
            "tiers = ['"
                + in("files", "a")
                + "', 'obj:pages']\n[plugin.obj]\nactive = true\nregion = 'eu'\n");
    assertThat(activeBelow.backend()).isEqualTo("auto");
    assertThat(activeBelow.tier(1).pluginParams())
        .isEqualTo(Map.of("bucket", "pages", "region", "eu"));
  }

  @Test
  public void shouldNotCountVariablesThatAreForOtherStores() {
    HiCacheConfig both =
        bare()
            .environment(Map.of(DIRS_VARIABLE, "/elsewhere", PLUGIN_VARIABLE, "OBJ"))
            .tiers(in("files", "a"), in("files", "b"))
            .build();
    assertThat(both.tier(0).storageDirs()).containsExactly(folder.resolve("a"));
    assertThat(both.tier(1).storageDirs()).containsExactly(folder.resolve("b"));
    assertThat(both.tier(0).backend()).isEqualTo("auto");
  }

  @DataProvider
  public Object[][] notTwoTiers() {
    return new Object[][] {
      {List.of("files:/a")},
      {List.of("files:/a", "files:/b", "obj:c")},
      {List.of("obj:bucket", "files:/a")},
      {List.of("files:/a", "tape:/b")},
      {List.of("files:/a", "files:")},
      {List.of("/a", "/b")},
      {List.of("files:~/a", "obj:b")},
      {List.of()}
    };
  }

  @Test(dataProvider = "notTwoTiers")
  public void shouldRefuseWhatIsNotTwoTiersAndSayWhatIs(List<String> tiers) {
    assertThat(refusedBy(bare().tiers(tiers)))
        .hasMessageContaining("tiers")
        .hasMessageContaining("segments:DIR")
        .hasMessageContaining("obj:BUCKET");
  }

  @Test
  public void shouldRefuseWhatContradictsTiers() {
    String local = in("segments", "a");
    assertThat(refusedBy(bare().tiers(local, "obj:b").storageDirs(folder)))
        .hasMessageContaining("storage_dirs")
        .hasMessageContaining("tiers");
    assertThat(refusedBy(bare().tiers(local, "obj:b").layout("files")))
        .hasMessageContaining("layout")
        .hasMessageContaining("tiers");
    assertThat(refusedBy(bare().tiers(local, "obj:b").backend("OBJ")))
        .hasMessageContaining("backend")
        .hasMessageContaining("local tier");
    assertThat(refusedBy(bare().tiers(local, in("files", "a"))))
        .hasMessageContaining("one directory");
    assertThat(refusedBy(bare().tiers(local, "obj:b").pluginParam("bucket", "c")))
        .hasMessageContaining("bucket")
        .hasMessageContaining("tiers");
    assertThat(refusedBy(bare().tiers(local, "obj:b").pluginParam("buckets", "c")))
        .hasMessageContaining("buckets");
    for (String key : List.of("tier_write = 'through'", "tier_promote = false")) {
      assertThat(refusedToml(key)).hasMessageContaining("says nothing without tiers");
    }
  }
}
