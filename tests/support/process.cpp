#include "tests/support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace cutwater::test {

namespace json = boost::json;

std::string cutwater_binary() {
  if (const char* other = std::getenv("CUTWATER_BINARY")) return other;
#ifdef CUTWATER_BINARY
  return CUTWATER_BINARY;
#else
  throw TestFailure("say in CUTWATER_BINARY where the binary is");
#endif
}

// --- files --------------------------------------------------------------------------------------

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cutwater-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw TestFailure("cannot make " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw TestFailure("cannot write " + path);
}

// --- ChildProcess -------------------------------------------------------------------------------

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const ChildProcess::Environment& more) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (!more.contains(name) && !name.starts_with("CUTWATER_")) out.emplace_back(text);
  }
  for (const auto& [name, value] : more) out.push_back(name + "=" + value);
  return out;
}

int open_for_child(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw TestFailure("cannot open " + path);
  return fd;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const Environment& environment) {
  std::vector<std::string> words = arguments;
  std::vector<std::string> entries = environment_with(environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(entries);
  const int in = open_for_child("/dev/null", O_RDONLY);
  const int out = open_for_child(output_.file("out"), O_WRONLY | O_CREAT | O_APPEND);
  const int err = open_for_child(output_.file("err"), O_WRONLY | O_CREAT | O_APPEND);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {  // only async-signal-safe calls: other threads may hold locks
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  for (const int fd : {in, out, err}) ::close(fd);
  if (pid_ < 0) throw TestFailure("cannot fork");
}

ChildProcess::~ChildProcess() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  reap(true);
}

void ChildProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

bool ChildProcess::reap(bool block) {
  if (status_) return true;
  int status = 0;
  pid_t found;
  do {
    found = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (found < 0 && errno == EINTR);
  if (found == 0) return false;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

bool ChildProcess::running() {
  return !reap(false);
}

int ChildProcess::wait(std::chrono::milliseconds within) {
  if (!eventually([this] { return reap(false); }, within))
    throw TestFailure("the process did not end within " + std::to_string(within.count()) +
                      " ms; it said: " + err());
  return *status_;
}

json::value Finished::json() const {
  boost::system::error_code error;
  json::value value = json::parse(out, error);
  if (error) throw TestFailure("not JSON on stdout: \"" + out + "\"; stderr: \"" + err + "\"");
  return value;
}

// --- Admin --------------------------------------------------------------------------------------

struct Admin::Ask {
  std::string_view method;
  std::string_view target;
  std::string_view body;
  std::string_view more_fields;
};

const json::value& AdminAnswer::at(std::string_view pointer) const {
  boost::system::error_code error;
  const json::value* found = body.find_pointer(pointer, error);
  if (found == nullptr)
    throw TestFailure("no " + std::string(pointer) + " in " + std::to_string(status) + " " + text);
  return *found;
}

AdminAnswer Admin::ask(const Ask& what) const {
  std::string request = std::string(what.method) + " " + std::string(what.target) +
                        " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                        std::string(what.more_fields);
  if (!token_.empty()) request += "Authorization: Bearer " + token_ + "\r\n";
  if (!what.body.empty()) request += "Content-Type: application/json\r\n";
  request += "Content-Length: " + std::to_string(what.body.size()) + "\r\n\r\n";
  RawClient client(port_);
  client.send(request + std::string(what.body));
  const Response response = client.read_response(RawClient::To::Get, kProcessPatience);
  AdminAnswer answer{response.status, response.head, response.body, nullptr};
  boost::system::error_code error;
  answer.body = json::parse(answer.text, error);
  if (error) answer.body = nullptr;
  return answer;
}

AdminAnswer Admin::get(std::string_view target, std::string_view more_fields) const {
  return ask({"GET", target, "", more_fields});
}

AdminAnswer Admin::put(std::string_view target, std::string_view body,
                       std::string_view more_fields) const {
  return ask({"PUT", target, body, more_fields});
}

AdminAnswer Admin::post(std::string_view target, std::string_view body,
                        std::string_view more_fields) const {
  return ask({"POST", target, body, more_fields});
}

namespace {

std::string weights_body(double blue, double green) {
  return json::serialize(json::object{{"blue", blue}, {"green", green}});
}

}  // namespace

AdminAnswer Admin::set_weights(double blue, double green) const {
  return put("/v1/services/shop/weights", weights_body(blue, green));
}

double Admin::weight(std::string_view version) const {
  return get("/v1/services/shop/weights").number("/weights/" + std::string(version));
}

json::array Admin::decisions() const {
  json::array all;
  for (;;) {
    const std::uint64_t after =
        all.empty() ? 0 : all.back().as_object().at("seq").to_number<std::uint64_t>();
    const AdminAnswer answer =
        get("/v1/decisions?service=shop&limit=1000&after=" + std::to_string(after));
    const json::array& page = answer.at("/decisions").as_array();
    if (page.empty()) return all;
    all.insert(all.end(), page.begin(), page.end());
  }
}

json::object Admin::last_decision(std::string_view action) const {
  const json::array all = decisions();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const json::value& decision) {
    return decision.at("action").as_string() == action;
  });
  if (found == all.rend()) throw TestFailure("no decision " + std::string(action));
  return found->as_object();
}

std::string weights_request(double blue, double green) {
  const std::string body = weights_body(blue, green);
  return "PUT /v1/services/shop/weights HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// --- the proxy ----------------------------------------------------------------------------------

std::string ShopFile::text(const std::string& state_dir) const {
  return "state_dir: " + state_dir + "\nworkers: 2\nadmin: " + admin +
         "\nlisteners: [{name: http, listen: \"" + listen + "\"" + listener + "}]\n" + top +
         "services:\n  shop:\n    versions:\n      blue: \"http://127.0.0.1:" +
         std::to_string(blue) + "\"\n      green: \"http://127.0.0.1:" + std::to_string(green) +
         "\"\n    stable: blue\n    weights: " + weights + "\n" + service;
}

namespace {

std::uint16_t port_of(const json::value& address) {
  const std::string text(address.as_string());
  return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
}

}  // namespace

CutwaterProcess::CutwaterProcess(const ShopFile& file, Options options)
    : options_(std::move(options)), config_path_(scratch_.file("cutwater.yaml")) {
  if (options_.state_dir.empty()) options_.state_dir = scratch_.file("state");
  rewrite_config(file);
  start_again();
}

void CutwaterProcess::rewrite_config(const ShopFile& file) const {
  write_file(config_path_, file.text(options_.state_dir));
}

void CutwaterProcess::start_again() {
  const std::string ready = scratch_.file("ready.json");
  std::filesystem::remove(ready);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{cutwater_binary(), "run", "-c", config_path_, "--ready-file", ready},
      options_.environment);
  std::string text;
  const bool serving = eventually(
      [&] {
        text = read_file(ready);  // renamed into place, so the file is there as a whole or not at
                                  // all
        return !text.empty() || !process_->running();
      },
      kProcessPatience);
  if (!serving || text.empty())
    throw TestFailure("cutwater does not serve; it said: " + process_->err());
  const json::value facts = json::parse(text);
  port_ = port_of(facts.at("listeners").at("http"));
  admin_port_ = port_of(facts.at("admin"));
}

void CutwaterProcess::kill_hard() {
  process_->signal(SIGKILL);
  process_->wait();
}

int CutwaterProcess::terminate() {
  process_->signal(SIGTERM);
  return process_->wait();
}

std::unique_ptr<ChildProcess> CutwaterProcess::start(
    const std::vector<std::string>& arguments) const {
  std::vector<std::string> words{cutwater_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ChildProcess::Environment environment{
      {"CUTWATER_ADMIN", "http://127.0.0.1:" + std::to_string(admin_port_)}};
  if (!options_.token.empty()) environment["CUTWATER_TOKEN"] = options_.token;
  return std::make_unique<ChildProcess>(words, environment);
}

Finished CutwaterProcess::run(const std::vector<std::string>& arguments) const {
  const auto command = start(arguments);
  const int code = command->wait(2 * kProcessPatience);
  return {code, command->out(), command->err()};
}

Finished run_cutwater(const std::vector<std::string>& arguments,
                      const ChildProcess::Environment& environment) {
  std::vector<std::string> words{cutwater_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  ChildProcess command(words, environment);
  const int code = command.wait();
  return {code, command.out(), command.err()};
}

Finished run_refused(const std::string& config_path) {
  return run_cutwater({"run", "-c", config_path});
}

}  // namespace cutwater::test
