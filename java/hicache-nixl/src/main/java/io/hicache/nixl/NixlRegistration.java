// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Makes memory, files and objects known to an agent's backend. Every method returns a scope:
 *
 * <pre>{@code
 * try (Registration pages = registration.registerBuffers(tensors)) {
 *   // NIXL knows the tensors here
 * }
 * }</pre>
 *
 * <p>As in SGLang, nothing to register gives null, which try-with-resources takes. A failure throws
 * instead.
 *
 * <p>Threads: safe from any number of threads, which take turns at the agent.
 */
public final class NixlRegistration {
  private final NixlAgent agent;

  /**
   * Registers with one agent.
   *
   * @param agent with a backend, see {@link NixlBackendSelection#createBackend}; stays the caller's
   */
  public NixlRegistration(NixlAgent agent) {
    this.agent = agent;
  }

  /**
   * Registers a tensor's memory.
   *
   * @param tensor contiguous; referenced until the registration is closed
   * @return a scope, of the memory type in which the tensor lies
   * @throws HiCacheException INVALID_ARGUMENT for a bad tensor, UNSUPPORTED when the backend does
   *     not take its memory, CLOSED
   */
  public Registration registerBuffers(Tensor tensor) {
    return registerBuffers(Collections.singletonList(tensor));
  }

  /**
   * Registers the memory of many tensors, all or none.
   *
   * @param tensors contiguous, all in the same memory type; referenced until the registration is
   *     closed
   * @return a scope; null for an empty list
   * @throws HiCacheException as {@link #registerBuffers(Tensor)}
   */
  public Registration registerBuffers(List<Tensor> tensors) {
    long[] addresses = new long[tensors.size()];
    long[] lengths = new long[tensors.size()];
    for (int i = 0; i < addresses.length; i++) {
      String subject = "register tensor " + i;
      TensorDescriptor range = TensorDescriptor.of(tensors.get(i), () -> subject);
      addresses[i] = range.address();
      lengths[i] = range.length();
    }
    return registerRanges(addresses, lengths, List.copyOf(tensors));
  }

  /**
   * Registers plain memory, all ranges or none. It must stay allocated until the registration is
   * closed.
   *
   * @param addresses first bytes, all in the same memory type
   * @param lengths bytes, one for each address
   * @return a scope; null for no ranges
   * @throws HiCacheException INVALID_ARGUMENT for arrays of different sizes and bad ranges,
   *     UNSUPPORTED, CLOSED
   */
  public Registration registerBuffers(long[] addresses, long[] lengths) {
    if (addresses.length != lengths.length) {
      throw HiCacheException.invalid(
          "register: " + addresses.length + " addresses but " + lengths.length + " lengths");
    }
    for (int i = 0; i < addresses.length; i++) {
      String subject = "register range " + i;
      TensorDescriptor.of(addresses[i], lengths[i], () -> subject);
    }
    return registerRanges(addresses.clone(), lengths.clone(), null);
  }

  /**
   * Registers open files.
   *
   * @param tuples open files, see {@link NixlFileManager#filesToNixlTuples}; they must stay open
   *     until the registration is closed
   * @return a scope; null for an empty list
   * @throws HiCacheException TRANSFER_FAILED when NIXL refuses, UNSUPPORTED for a backend without
   *     files, CLOSED
   */
  public Registration registerFiles(List<FileTuple> tuples) {
    int n = tuples.size();
    long[] offsets = new long[n];
    long[] lengths = new long[n];
    long[] fds = new long[n];
    for (int i = 0; i < n; i++) {
      offsets[i] = tuples.get(i).offset();
      lengths[i] = tuples.get(i).length();
      fds[i] = tuples.get(i).fd();
    }
    return n == 0
        ? null
        : Registration.of(agent, MemoryType.FILE, offsets, lengths, fds, List.of(), null);
  }

  /**
   * Registers object keys.
   *
   * @param keys 1 to 65535 bytes of UTF-8 each
   * @return a scope; null for an empty list, as in SGLang
   * @throws HiCacheException INVALID_ARGUMENT for a bad key, UNSUPPORTED for a backend without
   *     objects, CLOSED
   */
  public Registration registerObjects(List<String> keys) {
    int n = keys.size();
    long[] zeros = new long[n];
    List<byte[]> names = keys.stream().map(key -> KeyCodec.encode("register", key)).toList();
    return n == 0
        ? null
        : Registration.of(agent, MemoryType.OBJECT, zeros, zeros, zeros, names, null);
  }

  /**
   * The tuples that ask NIXL whether a page is there.
   *
   * @param key the page's key
   * @param memType {@code FILE} or {@code OBJ}, see {@link NixlBackendSelection#memType()}
   * @param files where files lie; not used for OBJ
   * @return one tuple, with the file's path or the object's key
   * @throws HiCacheException INVALID_ARGUMENT for another memory type and for a bad key
   */
  public List<FileTuple> createQueryTuples(String key, String memType, NixlFileManager files) {
    return switch (String.valueOf(memType)) {
      case "FILE" -> List.of(new FileTuple(0, 0, 0, files.getFilePath(key)));
      case "OBJ" -> {
        byte[] bytes = KeyCodec.encode("query", key);
        yield List.of(new FileTuple(0, 0, 0, new String(bytes, StandardCharsets.UTF_8)));
      }
      default ->
          throw HiCacheException.invalid("query: memory type '" + memType + "' is not FILE or OBJ");
    };
  }

  private Registration registerRanges(long[] addresses, long[] lengths, Object owner) {
    if (addresses.length == 0) {
      return null;
    }
    NativeLibrary.load();
    long[] devices = new long[addresses.length];
    MemoryType type = Registration.memoryType(addresses[0], devices, 0);
    for (int i = 1; i < addresses.length; i++) {
      MemoryType other = Registration.memoryType(addresses[i], devices, i);
      if (other != type) {
        throw HiCacheException.invalid(
            "register: range 0 is in "
                + type
                + " and range "
                + i
                + " in "
                + other
                + "; register each memory type in a call of its own");
      }
    }
    return Registration.of(agent, type, addresses, lengths, devices, List.of(), owner);
  }
}
