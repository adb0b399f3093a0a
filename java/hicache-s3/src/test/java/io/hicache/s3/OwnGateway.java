// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import org.testng.SkipException;

/** A versitygw of a test's own, which may die and come back under the same address. */
final class OwnGateway implements AutoCloseable {
  static final String BUCKET = "own";
  private static final String ACCESS_KEY = "test-own";
  private static final String SECRET_KEY = "not-a-secret-0123456789";
  private static final int TRIES = 200;

  private final Path program;
  private final Path folder;
  private final int port;
  private Process process;

  private OwnGateway(Path program, Path folder, int port) {
    this.program = program;
    this.folder = folder;
    this.port = port;
  }

  /** Not running yet; skips where scripts/test-servers.sh has installed none. */
  static OwnGateway make() throws IOException {
    Path program = find();
    Path folder = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "gateway");
    Files.createDirectories(folder.resolve("objects").resolve(BUCKET));
    Files.createDirectories(folder.resolve("attributes"));
    try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new OwnGateway(program, folder, any.getLocalPort());
    }
  }

  private static Path find() throws IOException {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      Path servers = at.resolve(".deps").resolve("test-servers");
      if (Files.isDirectory(servers)) {
        try (Stream<Path> all = Files.list(servers)) {
          Path folder =
              all.filter(one -> one.getFileName().toString().matches("versitygw-[0-9.]+"))
                  .max(Comparator.naturalOrder())
                  .orElse(null);
          if (folder != null) {
            return folder.resolve("versitygw");
          }
        }
      }
    }
    throw new SkipException("no versitygw: scripts/test-servers.sh start installs it");
  }

  /** Starts it, and waits until it answers. */
  void start() throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
            program.toString(),
            "--port",
            "127.0.0.1:" + port,
            "--region",
            "us-east-1",
            "--quiet",
            "posix",
            "--sidecar",
            folder.resolve("attributes").toString(),
            folder.resolve("objects").toString());
    builder.environment().put("ROOT_ACCESS_KEY", ACCESS_KEY);
    builder.environment().put("ROOT_SECRET_KEY", SECRET_KEY);
    process =
        builder.redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile()).start();
    for (int i = 0; i < TRIES; i++) {
      try (Socket socket = new Socket()) {
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
        return;
      } catch (IOException notYet) {
        Thread.sleep(50);
      }
    }
    throw new AssertionError(Files.readString(folder.resolve("log")));
  }

  /** Ends it as kill -9 does. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** The OBJ plugin's parameters for it, but the bucket. */
  Map<String, String> parameters() {
    return Map.of(
        "endpoint_override", "http://127.0.0.1:" + port,
        "access_key", ACCESS_KEY,
        "secret_key", SECRET_KEY);
  }

  @Override
  public void close() throws InterruptedException {
    if (process != null) {
      kill();
    }
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
