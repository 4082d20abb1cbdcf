// Serves one admin connection: reads requests, checks them, asks the resources, writes the answer.
// Only the control thread uses it; it lives as long as its coroutine.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <optional>

#include "control/admin/auth.hpp"
#include "control/admin/route.hpp"
#include "control/admin/server.hpp"

namespace cutwater::control::admin {

namespace http = boost::beast::http;
// TCP and unix sockets have one type here.
using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;

class Session;

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
  AdminLimits limits;
  std::list<Session*> sessions;  // oldest first
  std::size_t followers = 0;
  std::size_t scrapes = 0;
  std::size_t changes = 0;  // under way, including their answers
  std::function<void()> when_settled;
  std::string openapi_text;
  std::function<void()> close_listener;
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

class Session {
 public:
  Session(std::shared_ptr<Shared> shared, Stream stream, std::string peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Awaitable<void> run();
  void close();
  bool idle() const { return idle_; }

 private:
  using Parser = http::request_parser<http::string_body>;

  // Serves one request; false ends the connection.
  Awaitable<bool> serve_one();
  Awaitable<bool> refuse_unreadable(boost::system::error_code error);
  // Returns every refusal that follows from the head alone; the body of a refused request is not
  // read.
  std::optional<Answer> check_head(const Matched& matched, Actor& actor);
  std::optional<Answer> check_access(const Matched& matched, Actor& actor);
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

  std::shared_ptr<Shared> shared_;
  Stream stream_;
  std::string peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;  // of the current request
  std::string request_id_;        // of the current request: the client's or our own
  bool idle_ = true;              // the session waits for the next request
};

Awaitable<void> run_session(std::shared_ptr<Shared> shared, Stream stream, std::string peer);

// Holds one file of the status page: "/", "/ui.js", "/ui.css".
struct PageFile {
  std::string_view content_type;
  std::string_view text;
};
PageFile page_file(std::string_view pattern);

}  // namespace cutwater::control::admin
