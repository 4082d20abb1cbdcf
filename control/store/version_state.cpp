#include "control/store/version_state.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "control/base/json_member.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

json::object to_json(const config::UpstreamTls& tls) {
  return {{"ca", tls.ca},
          {"server_name", tls.server_name},
          {"cert", tls.client.cert},
          {"key", tls.client.key},
          {"tls_1_3", tls.min_version == config::TlsVersion::V13},
          {"verify", tls.verify}};
}

config::UpstreamTls tls_from_json(const json::object& in) {
  config::UpstreamTls tls;
  tls.ca = text_at(in, "ca");
  tls.server_name = text_at(in, "server_name");
  tls.client.cert = text_at(in, "cert");
  tls.client.key = text_at(in, "key");
  if (in.at("tls_1_3").as_bool()) tls.min_version = config::TlsVersion::V13;
  tls.verify = in.at("verify").as_bool();
  return tls;
}

config::Version make_version(const std::string& name, const VersionState& state) {
  return {name, endpoints_of(state), state.tls, state.send_proxy, state.protocol};
}

}  // namespace

json::object to_json(const VersionState& state) {
  json::object out{{"endpoints", json_texts(state.endpoints)},
                   {"in_file", json_texts(state.in_file)}};
  if (state.tls != config::UpstreamTls{}) out["tls"] = to_json(state.tls);
  if (state.send_proxy == config::SendProxy::V2) out["send_proxy"] = true;
  if (state.protocol == config::UpstreamProtocol::Http2) out["h2"] = true;
  if (state.by_deployer) out["by_deployer"] = true;
  return out;
}

VersionState version_state_from_json(const json::value& value) {
  const json::object& in = value.as_object();
  VersionState state;
  state.endpoints = texts_from_json(in.at("endpoints"));
  for (auto& url : texts_from_json(in.at("in_file"))) state.in_file.insert(std::move(url));
  if (const auto* tls = in.if_contains("tls")) state.tls = tls_from_json(tls->as_object());
  if (in.contains("send_proxy")) state.send_proxy = config::SendProxy::V2;
  if (in.contains("h2")) state.protocol = config::UpstreamProtocol::Http2;
  state.by_deployer = in.contains("by_deployer");
  return state;
}

VersionStates take_overruled(VersionStates& states, const config::Service& file) {
  VersionStates overruled;
  for (auto it = states.begin(); it != states.end();) {
    const auto& [name, state] = *it;
    const bool same = state.in_file == file.urls_of(name);
    const bool wanted = state.removed() && !sender_to(file, name).empty();
    auto here = it++;
    if (!same || wanted) overruled.insert(states.extract(here));
  }
  return overruled;
}

config::Service with_changes(config::Service file, const VersionStates& states) {
  for (const auto& said : states) {
    const auto& [name, state] = said;
    const auto written =
        std::find_if(file.versions.begin(), file.versions.end(),
                     [&said](const auto& version) { return version.name == said.first; });
    if (written == file.versions.end())
      file.versions.push_back(make_version(name, state));
    else if (state.removed())
      file.versions.erase(written);
    else
      written->endpoints = endpoints_of(state);
  }
  return file;
}

std::vector<config::Endpoint> endpoints_of(const VersionState& state) {
  std::vector<config::Endpoint> out;
  // The URLs were valid when they came.
  for (const auto& url : state.endpoints) config::add_endpoint(out, url);
  return out;
}

std::string sender_to(const config::Service& service, const std::string& version) {
  for (const config::Flag& flag : service.flags) {
    bool sends = flag.version == version;
    for (const config::FlagArm& arm : flag.arms) sends = sends || arm.version == version;
    if (sends) return "flag `" + flag.name + "`";
  }
  return service.mirror && service.mirror->version == version ? "the mirror" : "";
}

}  // namespace cutwater::control
