// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Duration;
import java.util.Map;

/**
 * Where the objects of a store are, and how to reach them.
 *
 * <p>Threads: immutable.
 *
 * @param backend name of the NIXL backend that moves the pages: {@code OBJ} or {@code AZURE_BLOB}
 * @param parameters that backend's parameters, as {@code docs/configuration.md} lists them: bucket,
 *     endpoint_override, scheme, region, access_key, secret_key, ...; secrets are real here, and
 *     hidden only by {@link #toString()}
 * @param prefix what the names of all the store's objects begin with
 * @param timeout how long one call may take, retries included
 * @param attempts how often a request is made, at least once
 */
public record ObjectLocation(
    String backend, Map<String, String> parameters, String prefix, Duration timeout, int attempts) {

  /**
   * Takes a copy of the parameters.
   *
   * @param backend name of the NIXL backend
   * @param parameters that backend's parameters
   * @param prefix what all names begin with
   * @param timeout how long one call may take
   * @param attempts how often a request is made
   */
  public ObjectLocation {
    parameters = new HidingMap(Map.copyOf(parameters));
  }

  /**
   * A parameter, or what stands for it.
   *
   * @param name of the backend's parameter
   * @param otherwise when it is not set; may be null
   * @return its value
   */
  public String parameter(String name, String otherwise) {
    return parameters.getOrDefault(name, otherwise);
  }

  /**
   * A text without this location's secrets: for messages of servers and libraries, which may quote
   * what they were sent.
   *
   * @param text any text
   * @return the text with every secret as {@code ***}
   */
  public String hide(String text) {
    String hidden = text;
    for (Map.Entry<String, String> parameter : parameters.entrySet()) {
      if (Secrets.isSecret(parameter.getKey()) && !parameter.getValue().isEmpty()) {
        hidden = hidden.replace(parameter.getValue(), Secrets.HIDDEN);
      }
    }
    return hidden;
  }
}
