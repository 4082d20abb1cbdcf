#include "control/base/rfc3339.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>

#include "config/units.hpp"

namespace cutwater::control {
namespace {

// Reads a fixed form from the left; `ok` becomes false at the first thing that is not there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool ok = true;

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = next();
      ok = ok && c >= '0' && c <= '9';
      value = value * 10 + (c - '0');
    }
    return value;
  }
  void expect(std::string_view one_of) { ok = ok && one_of.find(next()) != one_of.npos; }
  bool starts_with(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool at_end() const { return rest_.empty(); }
  char next() {
    if (rest_.empty()) {
      ok = false;
      return ' ';
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

 private:
  std::string_view rest_;
};

int milliseconds_of_fraction(Reader& reader) {
  if (!reader.starts_with('.')) return 0;
  reader.next();
  int value = 0;
  int place = 100;
  int count = 0;
  for (char c = '0'; !reader.at_end(); ++count) {
    if (reader.starts_with('Z') || reader.starts_with('z') || reader.starts_with('+') ||
        reader.starts_with('-'))
      break;
    c = reader.next();
    reader.ok = reader.ok && c >= '0' && c <= '9';
    value += (c - '0') * place;  // digits below a millisecond are cut off
    place /= 10;
  }
  reader.ok = reader.ok && count > 0;
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  Reader reader(text);
  const int y = reader.digits(4);
  reader.expect("-");
  const int m = reader.digits(2);
  reader.expect("-");
  const int d = reader.digits(2);
  reader.expect("Tt ");
  const int hour = reader.digits(2);
  reader.expect(":");
  const int minute = reader.digits(2);
  reader.expect(":");
  const int second = reader.digits(2);
  const int fraction = milliseconds_of_fraction(reader);
  int offset_minutes = 0;
  if (reader.starts_with('Z') || reader.starts_with('z')) {
    reader.next();
  } else {
    const int sign = reader.starts_with('-') ? -1 : 1;
    reader.expect("+-");
    const int hours = reader.digits(2);
    reader.expect(":");
    const int minutes = reader.digits(2);
    reader.ok = reader.ok && hours < 24 && minutes < 60;
    offset_minutes = sign * (hours * 60 + minutes);
  }
  const year_month_day date{year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d))};
  if (!reader.ok || !reader.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  const auto at = sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                  std::chrono::minutes(minute) + std::chrono::seconds(second) -
                  std::chrono::minutes(offset_minutes);
  return duration_cast<milliseconds>(at).count() + fraction;
}

std::string time_text(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[48];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + length, sizeof text - length, ".%03dZ", static_cast<int>(unix_ms % 1000));
  return text;
}

std::optional<std::int64_t> parse_since(std::string_view text, std::int64_t now_ms) {
  if (const auto ago = config::parse_duration(text)) return now_ms - ago->count();
  return parse_rfc3339(text);
}

}  // namespace cutwater::control
