// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.hicache.nixl.ConfigOrigin;
import io.hicache.nixl.HiCacheConfig;
import io.hicache.nixl.HiCacheIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.testng.annotations.DataProvider;
import org.testng.annotations.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

public class UsageTest extends CliFixture {

  @DataProvider
  public Object[][] commands() {
    return new Object[][] {
      {"put"},
      {"get"},
      {"exists"},
      {"ls"},
      {"rm"},
      {"clear"},
      {"verify"},
      {"migrate"},
      {"doctor"},
      {"demo"},
    };
  }

  @Test(dataProvider = "commands")
  public void shouldExplainOptionsAndExitCodes(String command) {
    Result help = run(command, "--help");
    assertThat(help.code()).isZero();
    assertThat(help.out())
        .contains(
            "Usage: hicache " + command, "--json", "--dir=DIR", "--config=FILE", "Exit codes:")
        .containsPattern("0 +done")
        .containsPattern("1 +a page that was asked for is not there")
        .containsPattern("2 +the command line or the configuration is wrong")
        .containsPattern("3 +something went wrong");
  }

  @Test
  public void shouldNameEveryCommand() {
    Result help = run("--help");
    for (Object[] command : commands()) {
      assertThat(help.out()).containsPattern("\n  " + command[0] + " ");
    }
    assertThat(run("--version").out()).matches("hicache \\d+\\.\\d+\\.\\d+.*\\R");
    assertThat(run().code()).isEqualTo(2);
  }

  @DataProvider
  public Object[][] wrongLines() {
    return new Object[][] {
      {List.of("putt"), "hicache put"},
      {List.of("put", "--dir", "/tmp", "--key", "k"), "FILE"},
      {List.of("get", "--dir", "/tmp", "--key", "k"), "--out"},
      {List.of("exists", "--dir", "/tmp"), "KEY"},
      {List.of("ls", "--tp-rank", "one"), "--tp-rank"},
      {List.of("ls", "--drectory", "/tmp"), "--drectory"},
    };
  }

  @Test(dataProvider = "wrongLines")
  public void shouldExitWithTwoForAWrongCommandLine(List<String> line, String named) {
    Result text = run(line.toArray(String[]::new));
    assertThat(text.code()).isEqualTo(2);
    assertThat(text.out()).isEmpty();
    assertThat(text.err()).contains(named).contains("--help");
  }

  @Test
  public void shouldReportAWrongCommandLineAsJson() {
    JsonNode json = run("put", "--json", "--key", "k").json();
    assertThat(json.get("command").asText()).isEqualTo("put");
    assertThat(json.get("status").asText()).isEqualTo("usage");
    assertThat(json.at("/error/code").asText()).isEqualTo("INVALID_ARGUMENT");
    assertThat(json.at("/error/message").asText()).contains("FILE");
  }

  @Test
  public void shouldExitWithTwoForAWrongConfiguration() throws IOException {
    Path file = Files.writeString(folder.resolve("store.toml"), "lnaes = 2\n");
    Result unknown = runHere("ls", "--config", file.toString());
    assertThat(unknown.code()).isEqualTo(2);
    assertThat(unknown.err()).contains("did you mean 'lanes'?");
    Result noDirectory = run("ls");
    assertThat(noDirectory.code()).isEqualTo(2);
    assertThat(noDirectory.err())
        .contains("storage_dirs")
        .contains("SGLANG_HICACHE_NIXL_BACKEND_STORAGE_DIR");
    Result value = runHere("ls", "--naming", "sgland", "--json");
    assertThat(value.json().at("/error/message").asText())
        .contains("naming = 'sgland' (command line)")
        .contains("did you mean 'sglang'?");
  }

  @Test
  public void shouldExitWithThreeWhenTheStoreCannotOpen() {
    Result result = runHere("ls", "--backend", "3FS", "--json");
    assertThat(result.json().at("/error/code").asText()).isEqualTo("BACKEND_UNAVAILABLE");
    assertThat(result.code()).isEqualTo(3);
  }

  @Test
  public void shouldHandEveryOptionToTheConfiguration() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("store.toml"), "mla = true\nlanes = 3\nuse_direct_io = true\n");
    StoreOptions options = new StoreOptions();
    new CommandLine(CommandSpec.create().addMixin("store", CommandSpec.forAnnotatedObject(options)))
        .parseArgs(
            "--dir",
            "/a",
            "--dir=/b",
            "--config",
            file.toString(),
            "--model",
            "m",
            "--tp-rank",
            "1",
            "--tp-size",
            "2",
            "--no-mla",
            "--naming",
            "sglang-v0",
            "--layout",
            "files",
            "--backend",
            "posix",
            "--queue",
            "posix_aio",
            "--no-direct-io",
            "--timeout",
            "1234");
    HiCacheConfig config = options.builder(Map.of()).build();

    assertThat(config.storageDirs()).containsExactly(Path.of("/a"), Path.of("/b"));
    assertThat(config.model()).isEqualTo("m");
    assertThat(config.tpRank()).isEqualTo(1);
    assertThat(config.tpSize()).isEqualTo(2);
    assertThat(config.mla()).isFalse();
    assertThat(config.naming()).isEqualTo("sglang-v0");
    assertThat(config.backend()).isEqualTo("POSIX");
    assertThat(config.queue()).isEqualTo("posix_aio");
    assertThat(config.useDirectIo()).isFalse();
    assertThat(config.timeoutMillis()).isEqualTo(1234);
    assertThat(config.lanes()).isEqualTo(3);
    assertThat(config.origins().get("mla"))
        .isEqualTo(new ConfigOrigin(ConfigOrigin.Layer.BUILDER, "command line"));
  }

  @Test
  public void shouldHandEveryOptionOfANamespaceToTheConfiguration() {
    StoreOptions options = new StoreOptions();
    new CommandLine(CommandSpec.forAnnotatedObject(options))
        .parseArgs(
            "--dir=/a",
            "--naming=namespace",
            "--namespace=chat-prod",
            "--model=m",
            "--revision=r",
            "--dtype=bfloat16",
            "--page-size=64",
            "--kv-layout=page_first",
            "--tp-rank=1",
            "--tp-size=2",
            "--pp-rank=2",
            "--pp-size=3",
            "--cp-rank=3",
            "--cp-size=4");
    assertThat(options.builder(Map.of("HICACHE_TENANT_SECRET", "correct horse")).build().identity())
        .contains(
            HiCacheIdentity.builder("chat-prod")
                .model("m")
                .revision("r")
                .dtype("bfloat16")
                .pageSize(64)
                .kvLayout("page_first")
                .tp(1, 2)
                .pp(2, 3)
                .cp(3, 4)
                .tenantSecret("correct horse")
                .build());
  }

  @Test
  public void shouldExitWithTwoForANamespaceThatIsAnotherOne() throws IOException {
    String source = randomFile("source", 5000).toString();
    List<String> naming = List.of("--naming", "namespace", "--namespace", "n", "--dtype");
    List<String> put = new ArrayList<>(naming);
    put.addAll(List.of("bfloat16", "--key", "k", source));
    assertThat(runHere("put", put.toArray(String[]::new)).code()).isZero();
    List<String> ls = new ArrayList<>(naming);
    ls.addAll(List.of("float16", "--json"));
    Result other = runHere("ls", ls.toArray(String[]::new));
    assertThat(other.json().at("/error/code").asText()).isEqualTo("INVALID_ARGUMENT");
    assertThat(other.json().at("/error/message").asText()).contains("'float16'", "'bfloat16'");
    assertThat(other.code()).isEqualTo(2);
    Result nameless = runHere("ls", "--dtype", "bfloat16");
    assertThat(nameless.code()).isEqualTo(2);
    assertThat(nameless.err()).contains("dtype = 'bfloat16' (command line)", "naming = namespace");
  }

  @Test
  public void shouldDiagnoseANamespaceAndLeaveNothingBehind() throws IOException {
    Files.createDirectory(pages);
    Result doctor =
        run(
            Map.of("HICACHE_TENANT_SECRET", "correct horse"),
            null,
            "doctor",
            "--dir",
            pages.toString(),
            "--naming=namespace",
            "--namespace=n");
    assertThat(doctor.code()).as(doctor.out() + doctor.err()).isZero();
    assertThat(doctor.out()).containsPattern("tenant_secret.*\\*\\*\\*");
    assertThat(doctor.out() + doctor.err()).doesNotContain("correct horse");
    assertThat(pages).isEmptyDirectory();
  }

  @Test
  public void shouldSwitchOnWhatIsNegatable() {
    StoreOptions options = new StoreOptions();
    new CommandLine(CommandSpec.forAnnotatedObject(options))
        .parseArgs("--dir", "/a", "--mla", "--direct-io");
    HiCacheConfig config = options.builder(Map.of()).build();
    assertThat(config.mla()).isTrue();
    assertThat(config.origins().get("use_direct_io")).hasToString("command line");
    assertThat(config.useDirectIo()).isTrue();
  }
}
