// Serves one admin connection: reads requests, checks them, asks the resources, writes the answer.
// Only the control thread uses it; it lives as long as its coroutine.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "control/admin/auth.hpp"
#include "control/admin/places.hpp"
#include "control/admin/route.hpp"
#include "control/admin/server.hpp"
#include "control/base/wire.hpp"

namespace cutwater::control::admin {

namespace http = boost::beast::http;
// Holds what all sessions of one server share.
struct Shared {
  Shared(const config::Admin& config, const Resources& the_resources, Idempotency& the_idempotency,
         MetricsText metrics_text)
      : resources(the_resources),
        idempotency(the_idempotency),
        metrics(std::move(metrics_text)),
        auth(config.tokens),
        hosts(config) {}

  const Resources resources;
  Idempotency& idempotency;
  MetricsText metrics;
  Authenticator auth;
  HostPolicy hosts;
  std::shared_ptr<const net::TlsServerContext> tls;  // of the API; null in clear
  AdminLimits limits;
  std::optional<Places> places;  // made by start(), when the limits are known
  std::size_t scrapes = 0;
  std::size_t changes = 0;  // under way, including their answers
  std::function<void()> when_settled;
  std::string openapi_text;
  std::vector<std::function<void()>> close_listeners;
};

// Holds an answer before it is written.
struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields = {};
  bool close = false;
};
Answer to_answer(const Reply& reply);
Answer refuse(int status, std::string_view type, std::string detail,
              boost::json::object extra = {});

class Session {
 public:
  Session(std::shared_ptr<Shared> shared, Wire wire, Door door, std::string peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Awaitable<void> run();

 private:
  using Parser = http::request_parser<http::string_body>;

  // False: no TLS came about.
  Awaitable<bool> encrypt();
  // Serves one request; false ends the connection.
  Awaitable<bool> serve_one();
  // Answers what needs no token, whatever else the request has: its body is not read.
  Awaitable<bool> serve_open(const Matched& matched);
  Awaitable<bool> refuse_head(const Matched& matched, const Actor& actor, Answer refusal);
  Awaitable<bool> serve_call(const Matched& matched, Actor actor);
  Awaitable<bool> refuse_unreadable(boost::system::error_code error);
  // Returns every refusal that follows from the head alone; the body of a refused request is not
  // read.
  std::optional<Answer> check_head(const Matched& matched, Actor& actor);
  std::optional<Answer> check_access(const Matched& matched, Actor& actor);
  std::optional<Answer> check_token(Actor& actor);
  // Returns what is wrong when every place for such a request is taken.
  std::optional<Answer> check_places(const Route& route);
  Awaitable<boost::system::error_code> read_body();
  // Puts body, query and conditions into `call`, or returns what is wrong with them.
  std::optional<Answer> prepare(const Route& route, Call& call);
  std::optional<Answer> parse_body(const Route& route, Call& call);
  Awaitable<Answer> answer_api(const Route& route, Call& call);
  // Runs the operation, or returns the remembered answer of the same request under the same key.
  Awaitable<Reply> run_once(const Route& route, Call& call, std::string key);
  // Runs the handler, and adds a line to the audit log when it may change something.
  Awaitable<Reply> perform_audited(const Route& route, Call& call);
  AuditEntry audit_entry(const Actor& actor) const;
  Answer answer_other(const Route& route);
  Awaitable<bool> write(Answer answer);
  // Reads for a moment what the peer still sends: to close with unread bytes resets the connection
  // and may destroy our last answer on its way.
  Awaitable<void> linger();
  Awaitable<void> stream_events(Call& call);

  std::vector<std::string_view> header(std::string_view name) const;
  std::string_view header_one(std::string_view name) const;
  std::string_view target() const;
  bool follows(const Route& route) const;

  std::shared_ptr<Shared> shared_;
  Wire wire_;
  // Kept as long as wire_ may ask it for certificates.
  std::shared_ptr<const net::TlsServerContext> tls_;
  Places::Handle place_;
  bool served_ = false;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;  // of the current request
  std::string request_id_;        // of the current request: the client's or our own
};

Awaitable<void> run_session(std::shared_ptr<Shared> shared, Wire wire, Door door, std::string peer);

// Holds one file of the status page: "/", "/ui.js", "/ui.css".
struct PageFile {
  std::string_view content_type;
  std::string_view text;
};
PageFile page_file(std::string_view pattern);

}  // namespace cutwater::control::admin
