// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.hicache_agent_create;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_agent_describe;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_agent_free;
import static io.hicache.nixl.core.global.hicache_nixl.hicache_agent_select_backend;

import io.hicache.nixl.core.hicache_agent;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * A NIXL agent: owner of a backend and of the registrations made with it. A {@link HiCacheNixl} has
 * agents of its own; this one is for callers that register memory and files themselves.
 *
 * <p>Threads: safe from any number of threads, which take turns.
 */
public final class NixlAgent implements AutoCloseable {
  private static final Logger LOG = LogManager.getLogger(NixlAgent.class);

  private final String name;
  private final Handle handle;
  private final LeakNet.Watch watch;

  /** The native agent, apart from its owner so that the net below can free it. */
  private static final class Handle {
    private hicache_agent agent;

    synchronized boolean isFreed() {
      return agent == null;
    }

    synchronized void free() {
      if (agent != null) {
        hicache_agent_free(agent);
        agent = null;
      }
    }
  }

  /**
   * Creates an agent without a backend.
   *
   * @param name any text; shown in logs
   * @throws HiCacheException BACKEND_UNAVAILABLE when NIXL is missing, INVALID_ARGUMENT for a null
   *     name
   */
  public NixlAgent(String name) {
    if (name == null) {
      throw HiCacheException.invalid("agent: the name is null");
    }
    NativeLibrary.load();
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    Handle created = new Handle();
    try (NativeError error = new NativeError()) {
      created.agent = hicache_agent_create(text, text.length, error.out());
      if (created.agent == null || created.agent.isNull()) {
        throw error.toException();
      }
    }
    this.name = name;
    handle = created;
    watch = LeakNet.watch(this, "NIXL agent " + name, created::isFreed, created::free);
    LOG.info("NIXL agent {} was created", name);
  }

  /**
   * The name given at creation.
   *
   * @return never null
   */
  public String name() {
    return name;
  }

  /**
   * What backend the agent has and what else was tried.
   *
   * @return an empty backend name before {@link NixlBackendSelection#createBackend}
   */
  public BackendReport report() {
    return BackendReport.of(describe());
  }

  /** The text of {@code hicache_agent_describe}. */
  SettingsBlob describe() {
    return call(
        agent -> SettingsBlob.read((text, room) -> hicache_agent_describe(agent, text, room)));
  }

  /** Gives the agent a backend, see {@code hicache_agent_select_backend}. */
  void selectBackend(SettingsBlob settings) {
    byte[] blob = settings.toBytes();
    call(
        agent -> {
          try (NativeError error = new NativeError()) {
            if (hicache_agent_select_backend(agent, blob, blob.length, error.out()) != 1) {
              throw error.toException();
            }
            return null;
          }
        });
  }

  /** Runs a native call on the agent, one at a time. */
  <T> T call(Function<hicache_agent, T> nativeCall) {
    synchronized (handle) {
      if (handle.agent == null) {
        throw new HiCacheException(ErrorCode.CLOSED, "NIXL agent " + name + " is closed");
      }
      return nativeCall.apply(handle.agent);
    }
  }

  /** Runs a native call that is safe after the agent's end, but not at the same time as another. */
  void finish(Runnable nativeCall) {
    synchronized (handle) {
      nativeCall.run();
    }
  }

  /** Deregisters what is left and destroys the agent. Calling it again does nothing. */
  @Override
  public void close() {
    handle.free();
    watch.end();
  }
}
