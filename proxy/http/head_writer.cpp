#include "proxy/http/header_rules.hpp"

#include "proxy/base/decimal.hpp"

namespace cutwater::http {

void HeadWriter::number(std::uint64_t value) {
  put(Decimal(value).text());
}

void HeadWriter::content_length(std::uint64_t bytes) {
  put("Content-Length: ");
  number(bytes);
  put("\r\n");
}

}  // namespace cutwater::http
