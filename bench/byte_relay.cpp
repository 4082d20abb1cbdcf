// Gives the floor of the side-by-side run: a TCP relay that copies bytes and understands none of
// them. It has one thread, one epoll, and one connection to an upstream for each client, chosen
// 95/5 when the client connects. No HTTP proxy on the same kernel can cost less per request; the
// distance to it is what Cutwater spends on reading, deciding, counting and judging.
//   byte_relay LISTEN_PORT UPSTREAM_PORT:WEIGHT...     (loopback only; weights are shares of their
//   sum)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Upstream {
  std::uint16_t port = 0;
  unsigned weight = 0;
};

// One direction ends in a socket; its peer is the other socket of the pair.
struct Side {
  explicit Side(int socket) : fd(socket) {}

  int fd;
  Side* peer = nullptr;
  std::string pending;      // read from the peer, not yet taken by this socket
  bool end_queued = false;  // the peer has sent its FIN, to be passed on after `pending`
  bool read_ended = false;  // this socket has sent its FIN
  bool dead = false;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Relay {
 public:
  Relay(std::uint16_t port, std::vector<Upstream> upstreams) : upstreams_(std::move(upstreams)) {
    for (const Upstream& upstream : upstreams_) weights_ += upstream.weight;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
      die("byte_relay: bind");
    if (listen(listener_, 4096) < 0) die("byte_relay: listen");
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)]);
      for (Side* side : graveyard_) delete side;  // no event of this round names them any more
      graveyard_.clear();
    }
  }

 private:
  void on_event(const epoll_event& event) {
    auto* side = static_cast<Side*>(event.data.ptr);
    if (side == nullptr) return accept_all();
    if (side->dead) return;
    if ((event.events & EPOLLOUT) != 0) flush(*side);
    if (!side->dead && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) copy_from(*side);
  }

  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int upstream = connect_upstream();
      if (upstream < 0) {
        close(fd);
        continue;
      }
      add_pair(fd, upstream);
    }
  }

  // On loopback a connect ends at once or fails at once, so it may be made before going
  // non-blocking.
  int connect_upstream() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(pick().port);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
      close(fd);
      return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
  }

  // Spreads 95/5 evenly: a step of the golden ratio through the sum of the weights.
  const Upstream& pick() {
    position_ += 0.6180339887;
    position_ -= static_cast<unsigned>(position_);
    auto place = static_cast<unsigned>(position_ * weights_);
    for (const Upstream& upstream : upstreams_) {
      if (place < upstream.weight) return upstream;
      place -= upstream.weight;
    }
    return upstreams_.front();
  }

  void add_pair(int client, int upstream) {
    auto* a = new Side(client);
    auto* b = new Side(upstream);
    a->peer = b;
    b->peer = a;
    const int on = 1;
    for (Side* side : {a, b}) {
      setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = side}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, side->fd, &event);
    }
  }

  void copy_from(Side& from) {
    Side& to = *from.peer;
    if (from.read_ended) return close_pair(from);  // hang-up after the FIN
    const ssize_t got = recv(from.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0) {
      if (errno != EAGAIN) close_pair(from);
      return;
    }
    if (got == 0) {
      from.read_ended = true;
      to.end_queued = true;
      flush(to);
      if (!from.dead) watch(from);
      return;
    }
    const ssize_t sent = send(to.fd, buffer_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    if (sent == got) return;
    if (sent < 0 && errno != EAGAIN) return close_pair(from);
    const auto taken = static_cast<std::size_t>(sent < 0 ? 0 : sent);
    to.pending.assign(buffer_.data() + taken, static_cast<std::size_t>(got) - taken);
    watch(to);
    watch(from);
  }

  void flush(Side& to) {
    if (!to.pending.empty()) {
      const ssize_t sent = send(to.fd, to.pending.data(), to.pending.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return close_pair(to);
      to.pending.erase(0, static_cast<std::size_t>(sent < 0 ? 0 : sent));
    }
    if (to.pending.empty() && to.end_queued) {
      shutdown(to.fd, SHUT_WR);
      if (to.read_ended) return close_pair(to);
    }
    watch(to);
    watch(*to.peer);
  }

  // Reads only while the peer has taken everything, which makes the backpressure.
  void watch(Side& side) {
    const bool may_read = !side.read_ended && side.peer->pending.empty();
    epoll_event event{.events = (may_read ? EPOLLIN : 0U) | (side.pending.empty() ? 0U : EPOLLOUT),
                      .data = {.ptr = &side}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, side.fd, &event);
  }

  void close_pair(Side& side) {
    for (Side* each : {&side, side.peer}) {
      close(each->fd);
      each->dead = true;
      graveyard_.push_back(each);
    }
  }

  std::vector<Upstream> upstreams_;
  unsigned weights_ = 0;
  double position_ = 0;
  int listener_ = -1;
  int epoll_ = -1;
  std::array<char, 64 * 1024> buffer_{};
  std::vector<Side*> graveyard_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: byte_relay LISTEN_PORT UPSTREAM_PORT:WEIGHT...\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<Upstream> upstreams;
  for (int i = 2; i < argc; ++i) {
    const char* colon = std::strchr(argv[i], ':');
    upstreams.push_back({static_cast<std::uint16_t>(std::atoi(argv[i])),
                         colon == nullptr ? 1U : static_cast<unsigned>(std::atoi(colon + 1))});
  }
  static Relay relay(static_cast<std::uint16_t>(std::atoi(argv[1])), std::move(upstreams));
  relay.run();
}
