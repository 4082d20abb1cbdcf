// Holds feature flags as written: which users go to which version, whatever the weights say. They
// are plain values; lists of ids, which may be long, are shared and never change.
// proxy/routing/flag.hpp says what a flag means for a request.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/guards.hpp"
#include "config/share.hpp"

namespace cutwater::config {

// Holds texts that are compared exactly: users on a list, values of a header.
class IdList {
 public:
  IdList() = default;
  explicit IdList(std::vector<std::string> ids, std::string file = {});

  bool contains(std::string_view id) const;
  bool empty() const { return ids().empty(); }
  const std::vector<std::string>& ids() const;  // sorted, each once
  // Names the file they were read from; empty if the configuration lists them.
  const std::string& file() const { return file_; }
  friend bool operator==(const IdList& a, const IdList& b) {
    return a.file_ == b.file_ && a.ids() == b.ids();
  }

 private:
  std::shared_ptr<const std::vector<std::string>> ids_;
  std::string file_;
};

// Matches a cookie or header with one of these values.
struct FlagCondition {
  enum class Source { Cookie, Header };
  Source source = Source::Cookie;
  std::string name;
  IdList values;
};

// Names the users that a percentage, an arm or a list is about.
struct FlagKey {
  enum class Kind { Sticky, Header, Cookie, ClientIp };  // Sticky is the subject of the split
  Kind kind = Kind::Sticky;
  std::string name;  // of the header or cookie
};

struct FlagArm {
  std::string version;
  Share share;
};

// Raises the flag's percentage step by step while its own guard finds the flagged requests good: by
// the guard's limits and, for one flag at a time, in comparison with the users whom the percentage
// keeps out.
struct FlagRamp {
  std::vector<Share> steps;
  std::chrono::milliseconds bake = std::chrono::minutes(10);
  std::chrono::milliseconds max_step = std::chrono::hours(1);  // then people are told that it waits
  GuardLimits guards = {};
};

// The rules apply in this order: `deny` keeps out, `allow` lets in, `when` must match, `percentage`
// of the users take part, `arms` divide them.
struct Flag {
  std::string name;
  std::optional<FlagCondition> when;
  std::optional<Share> percentage;
  std::optional<FlagKey> key;
  IdList allow;
  IdList deny;
  std::vector<FlagArm> arms;  // two or more, together 100 %; else `version`
  std::string version;
  std::optional<FlagRamp> ramp;
  bool enabled = true;
};

}  // namespace cutwater::config
