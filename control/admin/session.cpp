#include "control/admin/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "control/admin/strict_json.hpp"
#include "control/base/json_text.hpp"
#include "proxy/base/random.hpp"

namespace cutwater::control::admin {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kLongestKey = 255;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Turns "application/json; charset=utf-8" into "application/json".
std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  return content_type;
}

bool is_json(std::string_view content_type) {
  const std::string_view type = media_type(content_type);
  return beast::iequals(type, "application/json") ||
         (type.size() > 5 && beast::iequals(type.substr(type.size() - 5), "+json"));
}

// A handler that throws is a bug of ours; the caller still gets an answer.
Awaitable<Reply> perform(Handler handler, Call& call) {
  std::string failed;
  try {
    co_return co_await handler(call);
  } catch (const std::exception& failure) {
    failed = failure.what();
  }
  co_return problem(500, "internal", "This is a bug: " + failed);
}

// Returns the id that a client gave its request, if it can stand in a header and a log; else one of
// our own.
std::string request_id_from(std::string_view given) {
  const bool usable = !given.empty() && given.size() <= 128 &&
                      std::ranges::all_of(given, [](char c) { return c > 0x20 && c < 0x7f; });
  if (usable) return std::string(given);
  return hex(sha256(std::to_string(random_u64()))).substr(0, 20);
}

// The audit log records what changes something, but not reading, and not the questions that are
// asked by POST.
bool changes(const Route& route) {
  return route.verb != http::verb::get && route.access >= Access::Deployer;
}

// Marks a change as under way, until its answer is written.
class ChangeUnderWay {
 public:
  explicit ChangeUnderWay(Shared& shared) : shared_(shared) { ++shared_.changes; }
  ~ChangeUnderWay() {
    if (--shared_.changes == 0 && shared_.when_settled) shared_.when_settled();
  }
  ChangeUnderWay(const ChangeUnderWay&) = delete;
  ChangeUnderWay& operator=(const ChangeUnderWay&) = delete;

 private:
  Shared& shared_;
};

class Held {  // holds one of a limited number of places, for as long as this lives
 public:
  explicit Held(std::size_t& count) : count_(count) { ++count_; }
  ~Held() { --count_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Answer refuse(int status, std::string_view type, std::string detail, boost::json::object extra) {
  return to_answer(problem(status, type, std::move(detail), std::move(extra)));
}

Answer to_answer(const Reply& reply) {
  Answer answer;
  answer.status = reply.status;
  if (reply.status >= 400) answer.content_type = "application/problem+json";
  if (reply.media_type != nullptr) answer.content_type = reply.media_type;
  if (reply.lines && reply.body.is_array()) {
    answer.content_type = "application/x-ndjson";
    for (const auto& line : reply.body.as_array()) answer.body += to_text(line) + "\n";
  } else if (reply.status != 304) {  // RFC 9110 15.4.5: a 304 has no content
    answer.body = to_text(reply.body) + "\n";
  }
  if (reply.etag) {
    answer.fields.emplace_back("ETag", "\"" + std::to_string(*reply.etag) + "\"");
  }
  if (!reply.location.empty()) answer.fields.emplace_back("Location", reply.location);
  return answer;
}

Session::Session(std::shared_ptr<Shared> shared, Wire wire, Door door, std::string peer)
    : shared_(std::move(shared)), wire_(std::move(wire)) {
  if (door == Door::Api) tls_ = shared_->tls;
  place_ = shared_->places->enter({door, std::move(peer), [this] { wire_.close(); }});
}

Session::~Session() {
  shared_->places->leave(place_);
}

std::vector<std::string_view> Session::header(std::string_view name) const {
  std::vector<std::string_view> values;
  const auto range = parser_->get().equal_range(beast::string_view(name.data(), name.size()));
  for (auto field = range.first; field != range.second; ++field) {
    values.push_back(view(field->value()));
  }
  return values;
}

std::string_view Session::header_one(std::string_view name) const {
  return view(parser_->get()[beast::string_view(name.data(), name.size())]);
}

std::string_view Session::target() const {
  return view(parser_->get().target());
}

Awaitable<void> Session::run() {
  bool more = true;  // awaited in a statement of its own: see the GCC 12 rule in tests/tidy
  if (tls_) more = co_await encrypt();
  if (!more) co_return;
  while (more) more = co_await serve_one();
  co_await linger();
}

Awaitable<bool> Session::encrypt() {
  wire_.use_tls(tls_->make_ssl());
  wire_.expires_after(shared_->limits.first_head_deadline);
  auto [error] = co_await wire_.async_handshake(Wire::Handshake::server, kToken);
  co_return !error && tls_->session_of(wire_.tls()) != nullptr;
}

Awaitable<void> Session::linger() {
  wire_.expires_after(std::chrono::seconds(1));
  boost::system::error_code error;
  if (wire_.tls() != nullptr) {
    auto [failed] = co_await wire_.async_shutdown(kToken);
    error = failed;
  }
  wire_.plain().socket().shutdown(asio::socket_base::shutdown_send, error);
  buffer_.clear();
  for (std::size_t left = 1024 * 1024; !error && left > 0;) {
    auto [failed, size] = co_await wire_.plain().async_read_some(buffer_.prepare(8 * 1024), kToken);
    error = failed;
    left -= std::min(left, size);
  }
}

Awaitable<bool> Session::serve_one() {
  parser_.emplace();
  parser_->header_limit(shared_->limits.head_bytes);
  parser_->body_limit(shared_->limits.body_bytes);
  place_->busy = false;
  wire_.expires_after(served_ ? shared_->limits.request_deadline
                              : shared_->limits.first_head_deadline);
  auto [error, size] = co_await http::async_read_header(wire_, buffer_, *parser_, kToken);
  if (error) co_return co_await refuse_unreadable(error);
  served_ = true;
  shared_->places->touch(place_);
  request_id_ = request_id_from(header_one("X-Request-ID"));

  const Matched matched = match_route(parser_->get().method(), target());
  Actor actor{.name = {}, .role = config::Role::Viewer};  // until the actor is known
  if (auto refusal = check_head(matched, actor))
    co_return co_await refuse_head(matched, actor, std::move(*refusal));
  if (matched.route->access == Access::Open) co_return co_await serve_open(matched);
  wire_.expires_after(shared_->limits.request_deadline);
  const auto body_error = co_await read_body();
  if (body_error) co_return co_await refuse_unreadable(body_error);
  // The token may have been taken back while the body came.
  if (auto refusal = check_token(actor)) co_return co_await write(std::move(*refusal));
  co_return co_await serve_call(matched, std::move(actor));
}

Awaitable<bool> Session::refuse_head(const Matched& matched, const Actor& actor, Answer refusal) {
  // A known actor tried what it may not do. Unknown ones are not written down, because they could
  // fill the log.
  if (refusal.status == 403 && matched.route != nullptr && changes(*matched.route) &&
      !actor.name.empty()) {
    AuditEntry entry = audit_entry(actor);
    entry.status = refusal.status;
    co_await shared_->resources.history.record_audit(std::move(entry));
  }
  // The body is not worth reading, and whoever guesses shall connect anew.
  refusal.close = !parser_->is_done() || refusal.status == 429;
  co_return co_await write(std::move(refusal));
}

Awaitable<bool> Session::serve_open(const Matched& matched) {
  Answer answer;
  if (matched.route->kind == Kind::Probe) {
    Call call{shared_->resources, {}, {}, {}, {}, {}, {}, false};
    const Reply reply = co_await perform(matched.route->handler, call);
    answer = to_answer(reply);
  } else {
    answer = answer_other(*matched.route);
  }
  answer.close = !parser_->is_done();
  co_return co_await write(std::move(answer));
}

Awaitable<bool> Session::serve_call(const Matched& matched, Actor actor) {
  const Route& route = *matched.route;
  Call call{shared_->resources, matched.vars, {}, {}, {}, {}, std::move(actor), false};
  std::optional<Answer> answer = prepare(route, call);
  place_->busy = true;
  place_->following = follows(route);
  if (!answer && route.kind == Kind::Events) {
    co_await stream_events(call);
    place_->following = false;
    co_return false;
  }
  std::optional<ChangeUnderWay> change;
  if (changes(route)) change.emplace(*shared_);
  std::optional<Held> scrape;
  if (!answer && route.kind == Kind::Metrics) scrape.emplace(shared_->scrapes);
  if (!answer && route.kind == Kind::Api) answer = co_await answer_api(route, call);
  if (!answer) answer = answer_other(route);
  // A reader that does not take its answer may lose the place.
  place_->busy = place_->following = false;
  shared_->places->touch(place_);
  co_return co_await write(std::move(*answer));
}

Awaitable<bool> Session::refuse_unreadable(boost::system::error_code error) {
  Answer answer;
  if (error == http::error::body_limit) {
    answer = refuse(413, "body_too_large",
                    "A body may have " + std::to_string(shared_->limits.body_bytes) + " bytes.");
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    answer = refuse(431, "head_too_large", "The request head is too large.");
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    answer = refuse(400, "bad_request", "This is not an HTTP/1.1 request: " + error.message());
  } else {
    co_return false;  // the client is gone or too slow
  }
  answer.close = true;
  co_return co_await write(std::move(answer));
}

Awaitable<boost::system::error_code> Session::read_body() {
  if (parser_->is_done()) co_return boost::system::error_code();
  if (beast::iequals(header_one("Expect"), "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    auto [error, size] = co_await asio::async_write(wire_, asio::buffer(kContinue), kToken);
    if (error) co_return error;
  }
  auto [error, size] = co_await http::async_read(wire_, buffer_, *parser_, kToken);
  co_return error;
}

std::optional<Answer> Session::prepare(const Route& route, Call& call) {
  Query query = parse_query(target());
  if (!query.error.empty()) return refuse(400, "bad_query", std::move(query.error));
  for (const auto& [name, value] : query.values) {
    const bool known = std::ranges::find(route.query, name) != route.query.end();
    // A misspelt ?dry_run must not turn a rehearsal into the real thing.
    if (!known && route.verb != http::verb::get) {
      return refuse(400, "bad_query", "The query parameter '" + name + "' is not understood here.");
    }
  }
  if (const auto dry = query.values.find("dry_run"); dry != query.values.end()) {
    if (dry->second != "true" && dry->second != "false") {
      return refuse(400, "bad_query", "dry_run is true or false.");
    }
    call.dry_run = dry->second == "true";
  }
  call.query = std::move(query.values);
  call.precondition = parse_if_match(header("If-Match"));
  call.if_none_match = header_one("If-None-Match");
  call.text = std::move(parser_->get().body());
  return parse_body(route, call);
}

std::optional<Answer> Session::parse_body(const Route& route, Call& call) {
  if (route.body == Body::None || route.body == Body::Yaml || route.body == Body::RawJson)
    return std::nullopt;
  const std::string_view type = header_one("Content-Type");
  if ((!call.text.empty() || !type.empty()) && !is_json(type)) {
    return refuse(415, "not_json", "Send JSON, with 'Content-Type: application/json'.");
  }
  if (call.text.empty()) {
    if (route.body == Body::OptionalJson) return std::nullopt;
    return refuse(400, "body_missing", "Send a JSON object as the body.");
  }
  ParsedJson parsed = parse_strict_json(call.text);
  if (!parsed.error.empty()) {
    return refuse(400, "bad_json", "The body is not usable JSON: " + parsed.error + ".");
  }
  if (!parsed.value.is_object()) {
    return refuse(400, "bad_json", "The body must be a JSON object.");
  }
  call.body = std::move(parsed.value.as_object());
  return std::nullopt;
}

Awaitable<Answer> Session::answer_api(const Route& route, Call& call) {
  const auto keys = header("Idempotency-Key");
  if (route.verb != http::verb::post || !changes(route) || keys.empty()) {
    const Reply reply = co_await perform_audited(route, call);
    co_return to_answer(reply);
  }
  if (keys.size() > 1 || keys.front().empty() || keys.front().size() > kLongestKey) {
    co_return refuse(400, "bad_idempotency_key",
                     "Send one Idempotency-Key of at most 255 characters.");
  }
  // Two actors may use the same key without knowing of each other.
  std::string key = call.actor.name + "/" + std::string(keys.front());
  const Reply reply = co_await run_once(route, call, std::move(key));
  co_return to_answer(reply);
}

AuditEntry Session::audit_entry(const Actor& actor) const {
  AuditEntry entry;
  entry.actor = actor.name;
  entry.role = to_string(actor.role);
  entry.method = view(parser_->get().method_string());
  entry.path = target();
  entry.request_id = request_id_;
  return entry;
}

Awaitable<Reply> Session::perform_audited(const Route& route, Call& call) {
  if (!changes(route)) co_return co_await perform(route.handler, call);
  HistoryResource& history = shared_->resources.history;
  const std::string subject = call.vars.empty() ? std::string() : call.vars.front();
  AuditEntry entry = audit_entry(call.actor);
  entry.before = history.steering_of(subject);
  Reply reply = co_await perform(route.handler, call);
  entry.status = reply.status;
  entry.after = history.steering_of(subject);
  if (entry.after.is_object()) {
    if (const auto* service = entry.after.as_object().if_contains("service"))
      entry.service = std::string(service->as_string());
  }
  co_await history.record_audit(std::move(entry));
  co_return reply;
}

Awaitable<Reply> Session::run_once(const Route& route, Call& call, std::string key) {
  using Kind = IdempotentAnswer::Kind;
  const std::string fingerprint = hex(sha256("POST\n" + std::string(target()) + "\n" + call.text));
  IdempotentAnswer known = co_await shared_->idempotency.look_up(key, fingerprint);
  if (known.kind == Kind::Replay) co_return std::move(known.reply);
  if (known.kind == Kind::Mismatch) {
    co_return problem(422, "idempotency_key_reused",
                      "This Idempotency-Key was used for another request. Use a new one.");
  }
  if (known.kind == Kind::InFlight) {
    co_return problem(409, "idempotency_key_in_flight",
                      "The first request with this Idempotency-Key is still running. Try again.");
  }
  Reply reply = co_await perform_audited(route, call);
  co_await shared_->idempotency.keep(std::move(key), fingerprint, reply);
  co_return reply;
}

Answer Session::answer_other(const Route& route) {
  Answer answer;
  if (route.kind == Kind::OpenApi) {
    answer.body = shared_->openapi_text;
  } else if (route.kind == Kind::Metrics) {
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    try {
      answer.body = shared_->metrics();
    } catch (const std::exception& failure) {
      return refuse(500, "internal", std::string("This is a bug: ") + failure.what());
    }
  } else {
    const PageFile file = page_file(route.pattern);
    answer.content_type = file.content_type;
    answer.body = file.text;
    answer.fields.emplace_back("Content-Security-Policy",
                               "default-src 'self'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'");
  }
  return answer;
}

Awaitable<bool> Session::write(Answer answer) {
  const bool has_request = parser_->is_header_done();
  const bool keep = has_request && parser_->keep_alive() && !answer.close;
  const unsigned version = has_request ? parser_->get().version() : 11;
  http::response<http::string_body> response(static_cast<http::status>(answer.status), version);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  if (has_request && !request_id_.empty()) response.set("X-Request-ID", request_id_);
  for (const auto& [name, value] : answer.fields) response.insert(name, value);
  response.keep_alive(keep);
  response.body() = std::move(answer.body);
  response.prepare_payload();
  wire_.expires_after(shared_->limits.write_deadline);
  http::response_serializer<http::string_body> serializer(response);
  if (has_request && parser_->get().method() == http::verb::head) {
    auto [error, size] = co_await http::async_write_header(wire_, serializer, kToken);
    co_return keep && !error;
  }
  auto [error, size] = co_await http::async_write(wire_, serializer, kToken);
  co_return keep && !error;
}

Awaitable<void> run_session(std::shared_ptr<Shared> shared, Wire wire, Door door,
                            std::string peer) {
  Session session(std::move(shared), std::move(wire), door, std::move(peer));
  co_await session.run();
}

}  // namespace cutwater::control::admin
