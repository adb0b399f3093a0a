// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;

/**
 * Stands between a store and an object storage that speaks plain HTTP, on loopback, and does to
 * requests what it is told. Ends with its threads when closed, or with the JVM.
 *
 * <p>Threads: safe from any number of threads.
 */
final class FaultProxy implements AutoCloseable {
  /**
   * What is done to requests at a time.
   *
   * @param fault what
   * @param hit to which, by the path
   * @param ended open once something else is done: then what hangs is let go, and its connection
   *     ends
   */
  record Rule(Fault fault, Predicate<String> hit, CountDownLatch ended) {
    static final Rule PASS = new Rule(Fault.NONE, path -> true, new CountDownLatch(1));
  }

  private final URI server;
  private final InetSocketAddress address;
  private final Set<FaultyConnection> connections = ConcurrentHashMap.newKeySet();
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private ServerSocket listener;
  private volatile Rule rule = Rule.PASS;

  /** Begins to listen, and to hand on everything. */
  FaultProxy(String endpoint) throws IOException {
    server = URI.create(endpoint);
    listener = listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    address = new InetSocketAddress(listener.getInetAddress(), listener.getLocalPort());
  }

  /** What a store is given as its endpoint. */
  String endpoint() {
    return "http://127.0.0.1:" + address.getPort();
  }

  String host() {
    return server.getHost();
  }

  int serverPort() {
    return server.getPort();
  }

  /** Does this to every request from now on; what hung before ends. */
  void set(Fault fault) throws IOException {
    set(fault, path -> true);
  }

  /** Does this to requests with such a path, and hands on the others. */
  synchronized void set(Fault fault, Predicate<String> hit) throws IOException {
    Rule before = rule;
    rule = new Rule(fault, hit, new CountDownLatch(1));
    before.ended().countDown();
    if (fault == Fault.DOWN) {
      listener.close();
      connections.forEach(FaultyConnection::close);
    } else if (listener.isClosed()) {
      listener = listen(address);
    }
  }

  /** What is done to a request that has arrived. */
  Rule ruleFor(HttpHead request) {
    requests.add(request.method() + " " + request.path());
    Rule now = rule;
    return now.hit().test(request.path()) ? now : Rule.PASS;
  }

  /** The requests so far, each as method, blank, path. */
  List<String> requests() {
    return List.copyOf(requests);
  }

  void forget(FaultyConnection connection) {
    connections.remove(connection);
  }

  private ServerSocket listen(InetSocketAddress where) throws IOException {
    ServerSocket socket = new ServerSocket();
    socket.setReuseAddress(true);
    socket.bind(where, 256);
    start("fault-proxy", () -> accept(socket));
    return socket;
  }

  private void accept(ServerSocket socket) {
    while (true) {
      try {
        Socket client = socket.accept();
        client.setTcpNoDelay(true);
        FaultyConnection connection = new FaultyConnection(client, this);
        connections.add(connection);
        start("fault-proxy-connection", connection);
        if (socket.isClosed()) {
          connection.close();
        }
      } catch (IOException closed) {
        return;
      }
    }
  }

  private static void start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public synchronized void close() throws IOException {
    listener.close();
    rule.ended().countDown();
    connections.forEach(FaultyConnection::close);
  }
}
