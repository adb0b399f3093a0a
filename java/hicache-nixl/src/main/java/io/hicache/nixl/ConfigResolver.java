// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import io.hicache.nixl.ConfigOrigin.Layer;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;

/**
 * Merges builder, file, environment and defaults into effective values, checks each, and remembers
 * where it came from. Used once, by one thread.
 */
final class ConfigResolver {
  /** A builder's value that stands for the default, whatever file and environment say. */
  static final Object UNSET = new Object();

  /** Characters of a refused value that its error quotes. */
  private static final int LONGEST_SHOWN = 200;

  /**
   * The layers as they were given.
   *
   * @param setBy what to call the builder in origins
   * @param values raw values of the builder
   * @param parameters raw plugin parameters of the builder
   * @param onlyTheseParameters whether the file's plugin parameters are left out
   * @param file the file's layer, or null
   * @param environment environment variables
   * @param completionExecutor where futures complete, or null; no value that a file could name
   */
  record Layers(
      String setBy,
      Map<ConfigKey, Object> values,
      Map<String, Object> parameters,
      boolean onlyTheseParameters,
      FileLayer file,
      Map<String, String> environment,
      Executor completionExecutor) {
    /** Says nothing of the values, which may be secret. */
    @Override
    public String toString() {
      return "Layers[" + setBy + "]";
    }
  }

  /** An effective value; for a plugin's parameter always text. */
  record Resolved(Object value, ConfigOrigin origin) {
    /** Whether somebody has said it, and it is not the default. */
    boolean isSet() {
      return !origin.equals(ConfigOrigin.NOTHING_SET);
    }

    /** Says nothing of the value, which may be secret. */
    @Override
    public String toString() {
      return "Resolved[" + origin + "]";
    }
  }

  private final Layers layers;
  private final ConfigOrigin builder;
  private final Map<ConfigKey, Resolved> values = new EnumMap<>(ConfigKey.class);
  private final Map<String, Resolved> parameters = new LinkedHashMap<>();

  ConfigResolver(Layers layers) {
    this.layers = layers;
    this.builder = new ConfigOrigin(Layer.BUILDER, layers.setBy());
    for (ConfigKey key : ConfigKey.values()) {
      values.put(key, resolve(key));
    }
    TierRules.apply(values);
    resolveParameters();
    TierRules.checkParameters(values, parameters);
    NamingRules.check(values);
    StorageRules.apply(values, parameters);
  }

  Map<ConfigKey, Resolved> values() {
    return values;
  }

  Map<String, Resolved> parameters() {
    return parameters;
  }

  private Resolved resolve(ConfigKey key) {
    FileLayer file = layers.file();
    if (layers.values().containsKey(key)) {
      Object raw = layers.values().get(key);
      return raw == UNSET ? new Resolved(key.defaultValue(), builder) : checked(key, raw, builder);
    }
    if (file != null && file.values().containsKey(key)) {
      return checked(key, file.values().get(key), file.origin(key.key()));
    }
    if (key == ConfigKey.BACKEND
        && file != null
        && file.hasTables()
        && !TierRules.isOfLowerTier(values, file.activeBackend())) {
      if (file.activeBackend() == null) {
        throw file.noActiveTable();
      }
      String table = file.table(file.activeBackend()).name();
      return checked(key, file.activeBackend(), file.origin("plugin." + table + ".active"));
    }
    String variable = key.variable() == null ? null : layers.environment().get(key.variable());
    if (variable != null && !blank(key, variable)) {
      return checked(key, variable, new ConfigOrigin(Layer.ENVIRONMENT, key.variable()));
    }
    return new Resolved(key.defaultValue(), ConfigOrigin.NOTHING_SET);
  }

  /**
   * An empty variable counts as not set, and so does a list of directories with nothing but commas
   * in it.
   */
  private static boolean blank(ConfigKey key, String variable) {
    return (key == ConfigKey.STORAGE_DIRS ? variable.replace(',', ' ') : variable).isBlank();
  }

  private static Resolved checked(ConfigKey key, Object raw, ConfigOrigin origin) {
    return new Resolved(parsed(key.key(), key.kind(), raw, origin), origin);
  }

  private static Object parsed(String name, ValueKind kind, Object raw, ConfigOrigin origin) {
    Object value = raw == null ? null : kind.parser().apply(raw);
    if (value == null) {
      String meant = raw instanceof String text ? Suggestion.didYouMean(text, kind.values()) : "";
      throw refused(name, raw, origin, "must be " + kind.allowed() + meant);
    }
    return value;
  }

  private void resolveParameters() {
    String backend = (String) values.get(ConfigKey.BACKEND).value();
    PluginParameters.variables(backend)
        .forEach(
            (name, variable) -> {
              String raw = layers.environment().get(variable);
              if (raw != null && !raw.isBlank()) {
                put(backend, name, raw, new ConfigOrigin(Layer.ENVIRONMENT, variable));
              }
            });
    if (layers.file() != null && !layers.onlyTheseParameters()) {
      putAll(backend, layers.file());
    }
    boolean builderChoosesQueue =
        layers.values().containsKey(ConfigKey.QUEUE)
            || layers.parameters().keySet().stream().anyMatch(Queue::isParameter);
    if (builderChoosesQueue) {
      parameters.keySet().removeIf(Queue::isParameter);
    }
    layers.parameters().forEach((name, raw) -> put(backend, name, raw, builder));
    resolveQueue(backend, builderChoosesQueue);
  }

  private void putAll(String backend, FileLayer file) {
    file.looseParameters().forEach((name, raw) -> put(backend, name, raw, file.origin(name)));
    putTable(backend, file);
    String below = TierRules.lowerBackend(values);
    if (below != null) {
      putTable(below, file);
    }
  }

  private void putTable(String backend, FileLayer file) {
    FileLayer.PluginTable table = file.table(backend);
    if (table != null) {
      String prefix = "plugin." + table.name() + ".";
      table
          .parameters()
          .forEach((name, raw) -> put(backend, name, raw, file.origin(prefix + name)));
    }
  }

  private void put(String backend, String name, Object raw, ConfigOrigin origin) {
    ValueKind kind = PluginParameters.kind(backend, name);
    String below = TierRules.lowerBackend(values);
    if (kind == null && below != null) {
      kind = PluginParameters.kind(below, name);
    }
    if (kind == null) {
      String owner =
          backend.equals(PluginParameters.AUTO)
              ? "any backend that auto tries"
              : "backend " + backend;
      throw HiCacheException.invalid(
          "plugin parameter "
              + name
              + " ("
              + origin
              + ") is not known to "
              + owner
              + Suggestion.didYouMean(name, PluginParameters.names(backend)));
    }
    parameters.put(
        name, new Resolved(parsed("plugin." + name, kind, raw, origin).toString(), origin));
  }

  /**
   * Turns the key queue into the plugin's parameter, and what the parameters say back into the key.
   */
  private void resolveQueue(String backend, boolean builderChooses) {
    Resolved chosen = values.get(ConfigKey.QUEUE);
    Queue queue = Queue.of((String) chosen.value());
    boolean keyDecides = chosen.origin().layer() == Layer.BUILDER || !builderChooses;
    if (keyDecides && queue.parameter() != null) {
      if (!backend.equals(PluginParameters.POSIX) && !backend.equals(PluginParameters.AUTO)) {
        throw refused(
            ConfigKey.QUEUE.key(),
            queue.word(),
            chosen.origin(),
            "only POSIX has queues, and backend is " + backend);
      }
      parameters.put(queue.parameter(), new Resolved("true", chosen.origin()));
    }
    List<Queue> on = Queue.turnedOn(texts(parameters));
    boolean contradiction =
        chosen.origin().layer() == Layer.BUILDER && !on.isEmpty() && !on.equals(List.of(queue));
    if (on.size() > 1 || contradiction) {
      throw HiCacheException.invalid(
          "more than one queue is chosen: "
              + parameters.entrySet().stream()
                  .filter(
                      entry ->
                          Queue.isParameter(entry.getKey())
                              && entry.getValue().value().equals("true"))
                  .map(entry -> entry.getKey() + " (" + entry.getValue().origin() + ")")
                  .toList()
              + (contradiction ? ", queue = " + queue.word() + " (" + chosen.origin() + ")" : "")
              + "; keep one");
    }
    if (!on.isEmpty()) {
      values.put(
          ConfigKey.QUEUE,
          new Resolved(on.get(0).word(), parameters.get(on.get(0).parameter()).origin()));
    } else if (!keyDecides) {
      values.put(ConfigKey.QUEUE, new Resolved(Queue.DEFAULT.word(), builder));
    }
  }

  static Map<String, String> texts(Map<String, Resolved> parameters) {
    Map<String, String> texts = new LinkedHashMap<>();
    parameters.forEach((name, resolved) -> texts.put(name, resolved.value().toString()));
    return texts;
  }

  /** The refusal of a key's value. */
  static HiCacheException refused(ConfigKey key, Resolved given, String why) {
    return refused(key.key(), given.value(), given.origin(), why);
  }

  /** The refusal of one value, which is shortened, and hidden when it is secret. */
  static HiCacheException refused(String name, Object raw, ConfigOrigin origin, String why) {
    String shown = Secrets.shown(name, raw);
    String cut = shown.length() > LONGEST_SHOWN ? shown.substring(0, LONGEST_SHOWN) + "..." : shown;
    return HiCacheException.invalid(name + " = '" + cut + "' (" + origin + "): " + why);
  }
}
