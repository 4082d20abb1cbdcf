#include "tests/support/load.hpp"

namespace cutwater::test {

Load::Load(std::uint16_t port, Options options) : port_(port), options_(std::move(options)) {
  for (int i = 0; i < options_.users; ++i) threads_.emplace_back([this] { run_user(); });
}

void Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::uint64_t Load::answered_by(const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_version_.find(version);
  return found == by_version_.end() ? 0 : found->second;
}

std::string Load::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

bool Load::wait_for_more(std::uint64_t answers, std::chrono::milliseconds within) const {
  const std::uint64_t enough = answers_ + answers;
  return eventually([&] { return answers_ >= enough; }, within);
}

void Load::run_user() {
  std::unique_ptr<RawClient> client;
  while (!stopping_) {
    try {
      ask(client);
    } catch (const TestFailure& failure) {
      note_failure(failure.what());
      client.reset();
    }
    std::this_thread::sleep_for(options_.pause);
  }
}

void Load::ask(std::unique_ptr<RawClient>& client) {
  if (!client) client = std::make_unique<RawClient>(port_);
  const std::string fields = options_.fields ? options_.fields() : "";
  client->send("GET /buy HTTP/1.1\r\nHost: shop.example\r\n" + fields + "\r\n");
  const Response response = client->read_response(RawClient::To::Get, 4 * kPatience);
  note(response);
  if (response.field("Connection") == "close") client.reset();
}

void Load::note(const Response& response) {
  if (response.status >= 500 || !response.complete)
    return note_failure(response.head.start_line + " " + response.body);
  {
    const std::lock_guard lock(mutex_);
    ++by_version_[response.field("Cutwater-Version")];
  }
  ++answers_;
}

void Load::note_failure(const std::string& what) {
  {
    const std::lock_guard lock(mutex_);
    if (first_failure_.empty()) first_failure_ = what;
  }
  ++failed_;
  ++answers_;
}

}  // namespace cutwater::test
