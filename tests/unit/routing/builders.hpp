// Builds values for the routing tests: a service in one line, a request in one line.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/message.hpp"
#include "proxy/routing/assignment.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing::test {

inline std::shared_ptr<upstream::Endpoint> endpoint() {
  return std::make_shared<upstream::Endpoint>(1, "http://127.0.0.1:9001", "127.0.0.1:9001",
                                              sockaddr_storage{}, socklen_t{0});
}

// Builds versions with weights in millionths; the first is stable. Every version is healthy and
// monitored.
inline ServiceSnapshot service(std::vector<std::pair<std::string, std::int32_t>> versions) {
  ServiceSnapshot service;
  service.id = 1;
  service.name = "shop";
  service.salt = 0x5eed;
  service.sticky.name = "cw_shop";
  for (auto& [name, weight] : versions) {
    VersionSnapshot version;
    version.name = name;
    version.weight = weight;
    version.endpoints = {endpoint()};
    version.monitor = std::make_shared<guard::VersionMonitor>("shop", name, 1);
    service.versions.push_back(std::move(version));
  }
  return service;
}

struct Request {
  http::RequestHead head;
  std::string_view client_ip = "192.0.2.7";

  Request& cookie(std::string_view value) {
    head.fields.push_back({"Cookie", value, http::FieldId::Cookie});
    return *this;
  }
  Request& header(std::string_view name, std::string_view value) {
    head.fields.push_back({name, value, http::FieldId::Other});
    return *this;
  }
  RequestView view() const { return {&head, client_ip}; }
};

}  // namespace cutwater::routing::test
