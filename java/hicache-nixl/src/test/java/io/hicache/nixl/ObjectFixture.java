// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.io.IOException;
import org.testng.annotations.AfterMethod;
import org.testng.annotations.BeforeMethod;

/** Stores of objects in the tests' S3 server, whatever the layout of this run of the suite. */
abstract class ObjectFixture extends StoreFixture {
  TestServer server;
  TestBucket bucket;

  /** Between stores and the server, where a test asks for it; handing on everything at first. */
  FaultProxy proxy;

  @BeforeMethod
  final void reachServer() throws IOException {
    server = TestServer.get();
    bucket = new TestBucket(server);
    proxy = new FaultProxy(server.endpoint());
  }

  @AfterMethod(alwaysRun = true)
  final void leaveServer() throws IOException {
    if (proxy != null) {
      proxy.close();
      proxy = null;
    }
  }

  @Override
  final boolean keepsObjects() {
    return true;
  }

  @Override
  final HiCacheConfigBuilder config() {
    return TestServer.get().config(prefix());
  }

  /** As {@link #config()}, through the proxy. */
  final HiCacheConfigBuilder configOfProxy() {
    return config().pluginParam("endpoint_override", proxy.endpoint());
  }

  /** The full name of a key's object. */
  static String nameOf(HiCacheNixl store, String key) {
    return store.directory().path(key).toString();
  }
}
