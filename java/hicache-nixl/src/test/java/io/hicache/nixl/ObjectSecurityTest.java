// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;

/** Pages cross a network encrypted and to the right server, or the store does not open. */
@Test(groups = "obj")
public class ObjectSecurityTest extends ObjectFixture {

  private static HiCacheException refusedOpen(ErrorCode code, HiCacheConfigBuilder config) {
    return refused(
        code,
        () -> {
          try (HiCacheNixl store = HiCacheNixl.open(config.build())) {
            throw new AssertionError("opened " + store.describe());
          }
        });
  }

  private HiCacheConfigBuilder tls() {
    return config().pluginParam("endpoint_override", server.tlsEndpoint());
  }

  @Test(timeOut = 60_000)
  public void shouldMovePagesOverTlsThatItsCertificatesVouchFor() {
    Tensor page = Tensors.randomFloats(20_000);
    HiCacheConfigBuilder config = tls().pluginParam("ca_bundle", server.certificates().toString());
    try (HiCacheNixl store = HiCacheNixl.open(config.build())) {
      assertThat(store.set("page", page)).isTrue();
      Tensors.assertSame(store.get("page", Tensors.blankLike(page)), page);
      assertThat(store.describe().objects().orElseThrow().endpoint()).startsWith("https://");
      assertThat(bucket.get(nameOf(store, "page"))).endsWith(Tensors.bytes(page));
    }
  }

  @Test(timeOut = 60_000)
  public void shouldNotTrustAServerThatNothingVouchesFor() {
    assertThat(refusedOpen(ErrorCode.BACKEND_UNAVAILABLE, tls())).hasMessageContaining("ca_bundle");
    assertThat(bucket.list(prefix())).isEmpty();
  }

  @Test(timeOut = 60_000)
  public void shouldSayWhichCertificatesCannotBeRead() {
    HiCacheConfigBuilder config =
        tls().pluginParam("ca_bundle", dir.resolve("none.pem").toString());
    assertThat(refusedOpen(ErrorCode.INVALID_ARGUMENT, config))
        .hasMessageContaining("ca_bundle")
        .hasMessageContaining(dir.resolve("none.pem").toString());
  }

  @DataProvider
  public Object[][] otherMachines() {
    return new Object[][] {
      {"http://198.51.100.7:9000"}, // reserved for documentation
      {"http://s3.example.org"},
      {"http://127.0.0.1.example.org:9000"},
      {"http://localhost.example.org"},
    };
  }

  @Test(dataProvider = "otherMachines", timeOut = 60_000)
  public void shouldNotSpeakHttpToAnotherMachine(String endpoint) {
    HiCacheConfigBuilder config = config().pluginParam("endpoint_override", endpoint);
    assertThat(refusedOpen(ErrorCode.INVALID_ARGUMENT, config))
        .hasMessageContaining(endpoint)
        .hasMessageContaining("https")
        .hasMessageContaining("allow_http");
    HiCacheConfigBuilder scheme =
        config()
            .pluginParam("endpoint_override", endpoint.substring("http://".length()))
            .pluginParam("scheme", "http");
    assertThat(refusedOpen(ErrorCode.INVALID_ARGUMENT, scheme)).hasMessageContaining("allow_http");
  }

  @Test(timeOut = 60_000)
  public void shouldSayAtOnceThatTheCredentialsAreWrong() {
    assertThat(
            refusedOpen(
                ErrorCode.BACKEND_UNAVAILABLE, config().pluginParam("secret_key", "hunter2-1f2e")))
        .hasMessageContaining("SignatureDoesNotMatch")
        .hasMessageNotContaining("hunter2-1f2e");
    assertThat(
            refusedOpen(
                ErrorCode.BACKEND_UNAVAILABLE, config().pluginParam("access_key", "hunter2-3d4c")))
        .hasMessageContaining("the server answers") // a word of its own for an unknown user
        .hasMessageNotContaining("hunter2-3d4c");
  }

  /** All that an open store tells of itself, with one tier and with two. */
  @Test(timeOut = 60_000)
  public void shouldTellNoSecretOfAnOpenStore() {
    Tensor page = Tensors.randomFloats(1000);
    HiCacheConfigBuilder tiers =
        HiCacheConfig.builder()
            .environment(Map.of())
            .pluginParam("endpoint_override", server.endpoint())
            .pluginParam("access_key", server.accessKey())
            .pluginParam("secret_key", server.secretKey())
            .tiers("segments:" + dir.resolve("local"), "obj:" + server.bucket());
    for (HiCacheConfigBuilder builder : List.of(config(), tiers)) {
      try (CapturedLog log = new CapturedLog()) {
        HiCacheConfig config = builder.build();
        String told;
        try (HiCacheNixl store = HiCacheNixl.open(config)) {
          List<PageResult> set = store.batchSetPages(List.of("a", ""), List.of(page, page));
          told =
              String.join(
                  "\n",
                  store.toString(),
                  store.describe().toString(),
                  store.getStats().toString(),
                  set.toString(),
                  String.valueOf(set.get(1).cause()));
        }
        assertThat(told + config + config.origins() + config.pluginParams() + log.lines())
            .contains(server.bucket())
            .doesNotContain(server.secretKey());
      }
    }
  }

  @Test(timeOut = 60_000)
  public void shouldSayAtOnceThatThereIsNoSuchBucket() {
    assertThat(
            refusedOpen(
                ErrorCode.BACKEND_UNAVAILABLE, config().pluginParam("bucket", "no-such-bucket")))
        .hasMessageContaining("NoSuchBucket");
  }

  @Test(timeOut = 60_000)
  public void shouldSayThatNobodyAnswers() throws Exception {
    proxy.set(Fault.DOWN);
    assertThat(refusedOpen(ErrorCode.BACKEND_UNAVAILABLE, configOfProxy()))
        .hasMessageContaining("self-test");
    proxy.set(Fault.HALF_OPEN);
    assertThat(refusedOpen(ErrorCode.BACKEND_UNAVAILABLE, configOfProxy()))
        .hasMessageContaining("did not answer");
  }

  /** As a server does that stores what it should only transport. */
  @Test(timeOut = 60_000)
  public void shouldRefuseAServerThatGivesBackOtherBytes() throws Exception {
    proxy.set(Fault.FLIPPED, path -> path.contains(".hicache-probe-"));
    refusedOpen(ErrorCode.BACKEND_UNAVAILABLE, configOfProxy());
  }
}
