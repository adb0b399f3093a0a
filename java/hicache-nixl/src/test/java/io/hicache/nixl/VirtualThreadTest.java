// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.testng.SkipException;
import org.testng.annotations.Test;

/**
 * Blocking calls on virtual threads hold no carrier. Runs in a JVM of its own, of the JDK that
 * {@code JAVA21_HOME} names, else this one when it is new enough, else a newer one beside it; skips
 * where there is none.
 */
public class VirtualThreadTest extends StoreFixture {
  private static final int VERSION = 21;
  private static final Pattern RELEASE = Pattern.compile("JAVA_VERSION=\"(\\d+)[^\"]*\"");

  private static Path findJava() throws IOException {
    String named = System.getenv("JAVA21_HOME");
    Path own = Path.of(System.getProperty("java.home"));
    Path home =
        named != null && !named.isBlank()
            ? Path.of(named)
            : Runtime.version().feature() >= VERSION ? own : beside(own).orElse(null);
    if (home == null) {
      throw new SkipException(
          "no JDK of 21 or newer: this is " + own + ", none lies beside it; set JAVA21_HOME");
    }
    assertThat(versionOf(home)).as("JDK in %s", home).isGreaterThanOrEqualTo(VERSION);
    System.out.println("virtual threads of " + home);
    return home.resolve("bin").resolve("java");
  }

  private static Optional<Path> beside(Path own) throws IOException {
    try (Stream<Path> homes = Files.list(own.toRealPath().getParent())) {
      return homes.filter(home -> versionOf(home) >= VERSION).sorted().findFirst();
    }
  }

  /** The feature version that the file release of a JDK states, 0 when there is none. */
  private static int versionOf(Path home) {
    Path release = home.resolve("release");
    if (!Files.isReadable(release) || !Files.isExecutable(home.resolve("bin").resolve("java"))) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(release)) {
      return lines
          .map(RELEASE::matcher)
          .filter(Matcher::find)
          .map(version -> Integer.parseInt(version.group(1)))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0;
    }
  }

  private ChildJvm probe(String name, String... options) throws Exception {
    List<String> jvmOptions =
        Stream.concat(
                Stream.of(options),
                Stream.of(
                    "--enable-native-access=ALL-UNNAMED",
                    "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"))
            .toList();
    ChildJvm jvm =
        ChildJvm.run(
            findJava(), VirtualThreadProbe.class, List.of(), "", jvmOptions, name, dir.toString());
    assertThat(jvm.exitCode()).as(jvm.output()).isZero();
    return jvm;
  }

  @Test(timeOut = 300_000)
  public void shouldPinNoCarrierForLongWithTenThousandVirtualThreads() throws Exception {
    ChildJvm jvm = probe("pinning");
    System.out.printf(
        "10000 virtual threads: sets in %s ms, gets in %s ms%n",
        jvm.value("set_millis"), jvm.value("get_millis"));
    assertThat(jvm.value("stored")).isEqualTo("10000");
    assertThat(jvm.value("hits")).isEqualTo("10000");
    assertThat(jvm.value("wrong")).isEqualTo("0");
    assertThat(Integer.parseInt(jvm.value("canaries")))
        .as("the recording sees a thread that is pinned on purpose")
        .isPositive();
    assertThat(jvm.value("pinned")).as(jvm.output()).isEqualTo("0");
  }

  @Test(timeOut = 300_000)
  public void shouldLetOthersRunOnTheOnlyCarrierWhileACallWaits() throws Exception {
    ChildJvm jvm = probe("carrier", oneCarrier());
    assertThat(Integer.parseInt(jvm.value("between"))).as(jvm.output()).isPositive();
  }

  @Test(timeOut = 300_000)
  public void shouldLetTenThousandVirtualThreadsWaitForRoomOnOneCarrier() throws Exception {
    ChildJvm jvm = probe("budget", oneCarrier());
    assertThat(jvm.value("waited")).isEqualTo("10000");
    assertThat(jvm.value("stored")).isEqualTo("10000");
    assertThat(jvm.value("used")).isEqualTo("0");
  }

  private static String[] oneCarrier() {
    return new String[] {
      "-Djdk.virtualThreadScheduler.parallelism=1", "-Djdk.virtualThreadScheduler.maxPoolSize=1"
    };
  }
}
