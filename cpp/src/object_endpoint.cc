// SPDX-License-Identifier: Apache-2.0
#include "object_endpoint.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "error.h"

namespace hicache {
namespace {

// Debian, Ubuntu, Arch; RHEL, Fedora; SUSE; Alpine, macOS.
constexpr std::array<const char*, 4> kCertificates = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                                      "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr const char* kBundle = "ca_bundle";
constexpr const char* kEndpoint = "endpoint_override";
constexpr const char* kEndpointVariable = "AWS_ENDPOINT_OVERRIDE";

std::string valueOf(const PluginParams& params, const char* name, const char* variable = nullptr) {
  auto found = params.find(name);
  if (found != params.end() && !found->second.empty()) return found->second;
  const char* value = variable == nullptr ? nullptr : std::getenv(variable);
  return value == nullptr ? "" : value;
}

// The value of NAME in "NAME=value;NAME=value".
std::string partOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=')
      return std::string(part.substr(name.size() + 1));
  }
  return "";
}

std::string urlOfAzure(const PluginParams& params) {
  const std::string connection = valueOf(params, "connection_string", "AZURE_STORAGE_CONNECTION_STRING");
  if (connection.empty()) return valueOf(params, "account_url", "AZURE_STORAGE_ACCOUNT_URL");
  const std::string blobs = partOf(connection, "BlobEndpoint");
  if (!blobs.empty()) return blobs;
  const std::string protocol = partOf(connection, "DefaultEndpointsProtocol");
  const std::string account = partOf(connection, "AccountName");
  return (protocol.empty() ? "https" : protocol) + "://" + account + ".blob.core.windows.net";
}

std::string urlOfS3(const PluginParams& params) {
  const std::string endpoint = valueOf(params, kEndpoint, kEndpointVariable);
  if (endpoint.find("://") != std::string::npos) return endpoint;
  std::string scheme = valueOf(params, "scheme");
  if (scheme.empty()) scheme = "https";
  if (!endpoint.empty()) return scheme + "://" + endpoint;
  const std::string region = valueOf(params, "region");
  return scheme + "://s3." + (region.empty() ? "us-east-1" : region) + ".amazonaws.com";
}

// Scheme and authority of a URL, without a user.
std::string serverOf(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const std::string authority = url.substr(host, url.find_first_of("/?#", host) - host);
  const size_t user = authority.rfind('@');
  return url.substr(0, host) + (user == std::string::npos ? authority : authority.substr(user + 1));
}

bool isThisMachine(std::string_view server) {
  server.remove_prefix(server.find("://") + 3);
  if (server.starts_with('[')) return server.substr(0, server.find(']') + 1) == "[::1]";
  const std::string_view host = server.substr(0, server.rfind(':'));
  if (host == "localhost") return true;
  // Numbers only: 127.example.org is another machine.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

void completeCertificates(PluginParams* params) {
  const std::string given = valueOf(*params, kBundle);
  if (!given.empty()) {
    if (::access(given.c_str(), R_OK) == 0) return;
    throw Error(HICACHE_INVALID_ARGUMENT,
                "plugin.ca_bundle = '" + given + "': cannot be read; name a PEM file of the certificates to trust");
  }
  for (const char* path : kCertificates) {
    if (::access(path, R_OK) != 0) continue;
    (*params)[kBundle] = path;
    return;
  }
  throw Error(
      HICACHE_INVALID_ARGUMENT,
      "https needs the certificates to trust, and this machine has none in the usual places; install ca-certificates or "
      "set plugin.ca_bundle to a PEM file");
}

}  // namespace

ObjectEndpoint ObjectEndpoint::of(const std::string& plugin, const PluginParams& given, bool allow_http, int64_t connections) {
  const bool azure = plugin == "AZURE_BLOB";
  ObjectEndpoint endpoint;
  endpoint.params = given;
  endpoint.server = serverOf(azure ? urlOfAzure(given) : urlOfS3(given));
  endpoint.bucket =
      azure ? valueOf(given, "container_name", "AZURE_STORAGE_CONTAINER_NAME") : valueOf(given, "bucket", "AWS_DEFAULT_BUCKET");
  const bool http = endpoint.server.starts_with(kHttp);
  if (!http && !endpoint.server.starts_with(kHttps)) {
    throw Error(HICACHE_INVALID_ARGUMENT,
                "the endpoint '" + endpoint.server + "' of " + plugin + ": must begin with http:// or https://");
  }
  if (http && !allow_http && !isThisMachine(endpoint.server)) {
    throw Error(HICACHE_INVALID_ARGUMENT, "the endpoint '" + endpoint.server + "' of " + plugin +
                                              ": pages and signatures would cross the network in the clear; use https, or set "
                                              "allow_http = true");
  }
  if (!http) completeCertificates(&endpoint.params);
  // NIXL does not heed the variable, and would go to AWS.
  const std::string address = azure ? "" : valueOf(given, kEndpoint, kEndpointVariable);
  if (!address.empty()) endpoint.params[kEndpoint] = address;
  endpoint.params.emplace("num_threads", std::to_string(connections));
  return endpoint;
}

void ObjectEndpoint::prepareEnvironment() const {
  // The environment belongs to the whole process: nothing is replaced, and only one thread of ours writes.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  ::setenv("AWS_RETRY_MODE", "standard", 0);
  if (params.contains("access_key") && params.contains("secret_key")) ::setenv("AWS_EC2_METADATA_DISABLED", "true", 0);
}

}  // namespace hicache
