#include "proxy/net/descriptor_limit.hpp"

#include <sys/resource.h>

namespace cutwater::net {

std::string make_room(std::uint64_t connections) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return {};
  if (files.rlim_cur < files.rlim_max) {
    const rlimit raised{files.rlim_max, files.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  const std::uint64_t needed = 2 * connections + kOwnDescriptors;
  if (connections == 0 || files.rlim_cur == RLIM_INFINITY || needed <= files.rlim_cur) return {};
  return "`limits.connections` is " + std::to_string(connections) + ", which takes up to " +
         std::to_string(needed) +
         " open files (one to the client and one to an upstream each, and " +
         std::to_string(kOwnDescriptors) + " of our own), and this process may have " +
         std::to_string(files.rlim_cur) +
         "; raise the limit (`ulimit -Hn`, LimitNOFILE= of systemd) or lower `limits.connections`";
}

}  // namespace cutwater::net
