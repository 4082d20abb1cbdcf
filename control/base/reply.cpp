#include "control/base/reply.hpp"

namespace cutwater::control {
namespace {

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return status >= 500 ? "Internal Server Error" : "Error";
  }
}

}  // namespace

Reply problem(int status, std::string_view type, std::string detail, boost::json::object extra) {
  boost::json::object body;
  body["type"] = "about:blank#" + std::string(type);
  body["title"] = title_of(status);
  body["status"] = status;
  body["detail"] = std::move(detail);
  for (auto& [key, value] : extra) body[key] = std::move(value);
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

}  // namespace cutwater::control
