// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.ObjectLocation;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Collection;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.LegacyMd5Plugin;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/** Clients that reach S3 as NIXL's OBJ plugin does, by its parameters. Threads: stateless. */
final class S3Clients {
  /** What the OBJ plugin takes when none is set. */
  private static final String DEFAULT_REGION = "us-east-1";

  /** Where the OBJ plugin looks when endpoint_override is not set. */
  private static final String ENDPOINT_VARIABLE = "AWS_ENDPOINT_OVERRIDE";

  private static final Duration CONNECTION_TIMEOUT_MAX = Duration.ofSeconds(10);

  private S3Clients() {}

  /** Makes no request. */
  static S3Client open(ObjectLocation location) {
    UrlConnectionHttpClient.Builder http =
        UrlConnectionHttpClient.builder()
            .socketTimeout(location.timeout())
            .connectionTimeout(shorter(location.timeout(), CONNECTION_TIMEOUT_MAX));
    String bundle = location.parameter("ca_bundle", "");
    if (!bundle.isEmpty()) {
      TrustManager[] trusted = trustManagers(Path.of(bundle));
      http.tlsTrustManagersProvider(() -> trusted);
    }
    S3ClientBuilder client =
        S3Client.builder()
            .httpClient(http.build())
            .region(Region.of(location.parameter("region", DEFAULT_REGION)))
            .credentialsProvider(credentials(location))
            // What is read is the beginning of an object, of which there is no checksum.
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .forcePathStyle(!location.parameter("use_virtual_addressing", "").equals("true"))
            .overrideConfiguration(
                override ->
                    override
                        .apiCallTimeout(location.timeout())
                        .retryStrategy(
                            AwsRetryStrategy.standardRetryStrategy().toBuilder()
                                .maxAttempts(location.attempts())
                                .build()));
    URI endpoint = endpoint(location);
    if (endpoint != null) {
      client.endpointOverride(endpoint);
    }
    if (location.parameter("req_checksum", "").equals("required")) {
      // Such servers know MD5 where S3 wants a checksum, and none of the newer ones.
      client.requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED);
      client.addPlugin(LegacyMd5Plugin.create());
    }
    return client.build();
  }

  /** Null for the region's own; the plugin's scheme counts where the endpoint has none. */
  static URI endpoint(ObjectLocation location) {
    String text = location.parameter("endpoint_override", System.getenv(ENDPOINT_VARIABLE));
    if (text == null || text.isBlank()) {
      return null;
    }
    String full =
        text.contains("://") ? text : location.parameter("scheme", "https") + "://" + text;
    try {
      return URI.create(full);
    } catch (IllegalArgumentException e) {
      String message = "endpoint_override = '%s' is no address: %s";
      throw new HiCacheException(
          ErrorCode.INVALID_ARGUMENT, String.format(message, text, e.getMessage()), e);
    }
  }

  private static AwsCredentialsProvider credentials(ObjectLocation location) {
    String access = location.parameter("access_key", "");
    String secret = location.parameter("secret_key", "");
    String session = location.parameter("session_token", "");
    if (access.isEmpty()) {
      return DefaultCredentialsProvider.builder().build();
    }
    if (secret.isEmpty()) {
      throw new HiCacheException(
          ErrorCode.INVALID_ARGUMENT, "access_key is set and secret_key is not; set both or none");
    }
    return StaticCredentialsProvider.create(
        session.isEmpty()
            ? AwsBasicCredentials.create(access, secret)
            : AwsSessionCredentials.create(access, secret, session));
  }

  /** Trusts the certificates of a PEM file, and no others. */
  private static TrustManager[] trustManagers(Path bundle) {
    try (InputStream pem = Files.newInputStream(bundle)) {
      Collection<? extends Certificate> certificates =
          CertificateFactory.getInstance("X.509").generateCertificates(pem);
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      for (Certificate certificate : certificates) {
        store.setCertificateEntry("ca-" + store.size(), certificate);
      }
      if (store.size() == 0) {
        throw new IOException("it holds no certificate");
      }
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(store);
      return trust.getTrustManagers();
    } catch (IOException | GeneralSecurityException e) {
      String message = "ca_bundle = '%s' cannot be used: %s; name a PEM file of certificates";
      throw new HiCacheException(ErrorCode.INVALID_ARGUMENT, String.format(message, bundle, e), e);
    }
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }
}
