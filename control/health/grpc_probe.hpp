// Asks one question of the gRPC health checking protocol (grpc/doc/health-checking.md) over HTTP/2:
// bytes in, bytes out, no sockets. Control's thread uses it; it lives for one probe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cutwater::control::health {

class GrpcProbe {
 public:
  // `service` is what is asked for; empty = the server as a whole. `tls` says that the bytes travel
  // over it.
  GrpcProbe(const std::string& authority, const std::string& service, bool tls = false);
  ~GrpcProbe();
  GrpcProbe(const GrpcProbe&) = delete;
  GrpcProbe& operator=(const GrpcProbe&) = delete;

  std::string take_output();          // what must be sent now; may be empty
  void feed(std::string_view bytes);  // what has come
  bool done() const;
  // Once done, returns nullopt when the service is serving, else what it said, for a person.
  std::optional<std::string> problem() const;

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace cutwater::control::health
