#include "config/sections.hpp"

#include <algorithm>

#include "config/names.hpp"
#include "config/suggest.hpp"

namespace cutwater::config {
namespace {

const std::vector<std::string_view> kMethods{"GET", "HEAD",  "OPTIONS", "POST",
                                             "PUT", "PATCH", "DELETE"};

// Reads `safe`, `all`, or a list.
void read_methods(const Fields& fields, Mirror& mirror) {
  const Node* node = fields.find("methods");
  if (!node) return;
  if (node->kind == Node::Kind::Scalar) {
    if (node->text == "all") mirror.methods.assign(kMethods.begin(), kMethods.end());
    if (node->text != "all" && node->text != "safe")
      fields.bad_value("methods", node->text, "expected safe, all or a list such as [GET, POST]");
    return;
  }
  mirror.methods.clear();
  for (const NodePtr& item : read_list(fields.report(), *node, "methods", "methods")) {
    const auto method = read_text(fields.report(), *item, "methods", "a method such as GET");
    if (!method) continue;
    if (std::find(kMethods.begin(), kMethods.end(), *method) == kMethods.end())
      fields.report().add(item->place,
                          "unknown method " + quoted(*method) + suggestion(*method, kMethods));
    mirror.methods.push_back(*method);
  }
}

}  // namespace

std::optional<Mirror> read_mirror(const Fields& service_fields, const Service& service) {
  const Node* node = service_fields.find("mirror");
  if (!node) return std::nullopt;
  const Fields fields(service_fields.report(), *node, section::kMirror, "mirror");
  Mirror mirror;
  if (!fields.usable()) return mirror;
  if (fields.require("version")) {
    if (const auto version = fields.text("version", "the name of a version")) {
      mirror.version = *version;
      check_version(fields.report(), fields.place_of_value("version"), service, mirror.version);
    }
  }
  fields.read("share", mirror.share, {Share{}, Share::percent(100)});
  read_methods(fields, mirror);
  fields.read_size("max_body", mirror.max_body, {0, 64 * 1024});
  std::uint64_t concurrency = mirror.concurrency;
  fields.read_count("concurrency", concurrency, {1, 10'000});
  mirror.concurrency = static_cast<std::uint32_t>(concurrency);
  return mirror;
}

}  // namespace cutwater::config
