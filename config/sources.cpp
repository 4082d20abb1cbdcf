#include "config/sources.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace cutwater::config {
namespace {

struct Limit {
  std::size_t bytes;
  const char* text;  // as a message says it
};
constexpr Limit kMostSecret{64 * 1024, "64 KiB"};
constexpr Limit kMostList{4 * 1024 * 1024, "4 MiB"};

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) ? std::string(resolved.data()) : std::string();
}

bool is_guarded_by_directory(const std::string& path) {
  const std::string file = real_path(path);
  const auto below = [&](const std::string& folder) {
    return !folder.empty() && folder != "/" && file.starts_with(folder + "/");
  };
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  return below("/run/secrets") || (credentials && below(real_path(credentials)));
}

FileText unreadable() {
  return FileText::failed(std::string("cannot be read: ") + std::strerror(errno));
}

FileText read_open_file(int fd, Limit most) {
  std::string text;
  std::array<char, 16 * 1024> part;
  while (text.size() <= most.bytes) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return FileText::failed(std::string("is larger than ") + most.text);
}

// A secret must not be readable by everybody.
FileText read_regular_file(const std::string& path, Limit most, bool secret) {
  // O_NONBLOCK is needed because opening a pipe must not wait for a writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable();
  struct stat status {};
  FileText result = FileText::failed("is no regular file");
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    const bool exposed =
        secret && (status.st_mode & S_IROTH) != 0 && !is_guarded_by_directory(path);
    result = exposed ? FileText::failed("may be read by everybody; chmod o-r")
                     : read_open_file(fd, most);
  }
  ::close(fd);
  return result;
}

}  // namespace

FileText read_list_file(const std::string& path) {
  return read_regular_file(path, kMostList, false);
}

Sources system_sources() {
  return {
      .env = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
      },
      .file = [](const std::string& path) { return read_regular_file(path, kMostSecret, true); }};
}

}  // namespace cutwater::config
