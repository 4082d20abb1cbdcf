#include "proxy/http/grpc.hpp"

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

constexpr unsigned kUnknown = 2;
constexpr unsigned kLastCode = 16;

std::optional<Nanoseconds> unit_of(char unit) {
  switch (unit) {
    case 'H':
      return Nanoseconds(std::chrono::hours(1));
    case 'M':
      return Nanoseconds(std::chrono::minutes(1));
    case 'S':
      return Nanoseconds(Seconds(1));
    case 'm':
      return Nanoseconds(Milliseconds(1));
    case 'u':
      return Nanoseconds(std::chrono::microseconds(1));
    case 'n':
      return Nanoseconds(1);
    default:
      return std::nullopt;
  }
}

// Parses 1*8DIGIT.
std::optional<std::int64_t> digits(std::string_view text) {
  if (text.empty() || text.size() > 8) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (!chars::is(c, chars::kDigit)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

bool is_grpc(const FieldList& fields) {
  constexpr std::string_view kType = "application/grpc";
  const Field* type = fields.find(FieldId::ContentType);
  if (!type || type->value.size() < kType.size()) return false;
  if (!iequals(type->value.substr(0, kType.size()), kType)) return false;
  const std::string_view rest = type->value.substr(kType.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

std::optional<unsigned> grpc_status(const FieldList& fields) {
  const Field* status = fields.find("grpc-status");
  if (!status) return std::nullopt;
  const auto code = digits(status->value);
  if (!code) return std::nullopt;
  return *code <= kLastCode ? static_cast<unsigned>(*code) : kUnknown;
}

std::optional<Nanoseconds> grpc_timeout(const FieldList& fields) {
  const Field* field = fields.find("grpc-timeout");
  if (!field || field->value.size() < 2) return std::nullopt;
  const auto amount = digits(field->value.substr(0, field->value.size() - 1));
  const auto unit = unit_of(field->value.back());
  if (!amount || !unit) return std::nullopt;
  // 99 999 999 hours do not fit; a day serves as well as no limit.
  const Nanoseconds most = std::chrono::hours(24);
  return *amount > most / *unit ? most : *amount * *unit;
}

std::string_view grpc_status_of(int http_status) {
  switch (http_status) {
    case 400:
      return "13";  // INTERNAL
    case 401:
      return "16";  // UNAUTHENTICATED
    case 403:
      return "7";  // PERMISSION_DENIED
    case 404:
      return "12";  // UNIMPLEMENTED
    case 413:
    case 431:
      return "8";  // RESOURCE_EXHAUSTED
    case 504:
      return "4";  // DEADLINE_EXCEEDED
    case 429:
    case 502:
    case 503:
      return "14";  // UNAVAILABLE
    default:
      return "2";  // UNKNOWN
  }
}

}  // namespace cutwater::http
