#include "control/metrics/exposition.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>
#include <string_view>

namespace cutwater::control {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::array kBucketBounds = {Milliseconds(1),    Milliseconds(2),    Milliseconds(5),
                                      Milliseconds(10),   Milliseconds(25),   Milliseconds(50),
                                      Milliseconds(100),  Milliseconds(250),  Milliseconds(500),
                                      Milliseconds(1000), Milliseconds(2000), Milliseconds(3000),
                                      Milliseconds(5000), Milliseconds(10000)};

constexpr std::array<std::string_view, 6> kCodeClasses = {"none", "1xx", "2xx",
                                                          "3xx",  "4xx", "5xx"};
// "taken_back": it had succeeded, and the version lost its traffic afterwards.
constexpr std::array<std::string_view, 13> kPhases = {
    "pending",      "preview",   "progressing", "paused",    "awaiting_approval",
    "inconclusive", "promoting", "baking",      "succeeded", "rolling_back",
    "rolled_back",  "aborted",   "taken_back"};

double seconds(Nanoseconds duration) {
  return static_cast<double>(duration.count()) * 1e-9;
}

// Holds the families under construction; `counter` and `gauge` add one sample to the family made
// last.
class Families {
 public:
  void start(MetricType type, std::string name, std::string help) {
    done_.push_back({std::move(name), std::move(help), type, {}});
  }
  ClientMetric& sample(Labels labels) {
    ClientMetric& metric = done_.back().metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }
  void counter(Labels labels, std::uint64_t value) {
    sample(std::move(labels)).counter.value = static_cast<double>(value);
  }
  void gauge(Labels labels, double value) { sample(std::move(labels)).gauge.value = value; }
  void lone_counter(std::string name, std::string help, std::uint64_t value) {
    start(MetricType::Counter, std::move(name), std::move(help));
    counter({}, value);
  }
  void lone_gauge(std::string name, std::string help, double value) {
    start(MetricType::Gauge, std::move(name), std::move(help));
    gauge({}, value);
  }
  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, done_);
    return std::move(out).str();
  }

 private:
  std::vector<MetricFamily> done_;
};

// Calls `each` for every version with its two labels.
template <typename Each>
void for_versions(const MetricsInput& input, Each each) {
  for (const auto& service : input.services) {
    for (const auto& version : service.versions) {
      each(version, Labels{{"service", service.name}, {"version", version.name}});
    }
  }
}

Labels with(Labels labels, std::string name, std::string_view value) {
  labels.push_back({std::move(name), std::string(value)});
  return labels;
}

void add_traffic(Families& out, const MetricsInput& input) {
  out.start(MetricType::Counter, "cutwater_requests_total",
            "Attempts sent to a version, by class of the status that came back.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    for (std::size_t i = 1; i <= kCodeClasses.size(); ++i) {
      const std::size_t code = i % kCodeClasses.size();  // "none" last
      out.counter(with(labels, "code_class", kCodeClasses[code]), version.totals.code_class[code]);
    }
  });
  out.start(MetricType::Counter, "cutwater_ignored_requests_total",
            "Attempts that say nothing about a version (guards.ignore).");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    out.counter(labels, version.totals.ignored);
  });
  out.start(MetricType::Counter, "cutwater_errors_total",
            "Failed attempts charged to a version, by reason.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    for (std::size_t i = 0; i < stats::kOutcomes; ++i) {
      const auto outcome = static_cast<stats::Outcome>(i);
      if (!stats::is_error(outcome)) continue;
      out.counter(with(labels, "reason", stats::to_string(outcome)), version.totals.outcomes[i]);
    }
  });
}

void add_unavailable(Families& out, const MetricsInput& input) {
  out.start(MetricType::Counter, "cutwater_unavailable_total",
            "Requests the proxy answered with 503, because the service had no endpoint for them.");
  for (const auto& service : input.services)
    out.counter({{"service", service.name}}, service.unavailable);
}

void fill(ClientMetric::Histogram& histogram, const stats::HistogramCounts& counts) {
  histogram.sample_count = counts.count;
  histogram.sample_sum = static_cast<double>(counts.sum_ns) * 1e-9;
  for (const Milliseconds bound : kBucketBounds)
    histogram.bucket.push_back({counts.count_at_most(bound), seconds(bound)});
}

template <typename Each>
void for_flags(const MetricsInput& input, Each each) {
  for (const auto& service : input.services)
    for (const auto& flag : service.flags)
      each(flag, Labels{{"service", service.name}, {"flag", flag.name}});
}

void add_flags(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_flag_enabled",
            "0 while the flag is switched off or shut by its guard.");
  for_flags(input, [&](const auto& flag, const Labels& labels) { out.gauge(labels, flag.on); });
  out.start(MetricType::Gauge, "cutwater_flag_share_ratio",
            "Share of the users the flag is for, 0 to 1; of flags with a percentage.");
  for_flags(input, [&](const auto& flag, const Labels& labels) {
    if (flag.share) out.gauge(labels, flag.share->ratio());
  });
  out.start(MetricType::Counter, "cutwater_flag_requests_total",
            "Attempts that the flag has placed, by code class; none: no response.");
  for_flags(input, [&](const auto& flag, const Labels& labels) {
    for (std::size_t code = 0; code < kCodeClasses.size(); ++code)
      out.counter(with(labels, "code_class", kCodeClasses[code]), flag.totals.code_class[code]);
  });
  out.start(MetricType::Counter, "cutwater_flag_errors_total",
            "Failed attempts among those that the flag has placed.");
  for_flags(input, [&](const auto& flag, const Labels& labels) {
    out.counter(labels, flag.totals.errors());
  });
  out.start(MetricType::Gauge, "cutwater_flag_guard_evidence",
            "E-value against a ramping flag; at cutwater_flag_guard_threshold it is killed.");
  for_flags(input, [&](const auto& flag, const Labels& labels) {
    for (const auto& test : flag.guard.tests)
      out.gauge(with(labels, "guard", test.name), test.evidence);
  });
  out.start(MetricType::Gauge, "cutwater_flag_guard_threshold",
            "E-value at which a ramping flag is killed.");
  for_flags(input, [&](const auto& flag, const Labels& labels) {
    for (const auto& test : flag.guard.tests)
      out.gauge(with(labels, "guard", test.name), test.alarm_at);
  });
}

// Calls `each` for every mirror with its labels.
template <typename Each>
void for_mirrors(const MetricsInput& input, Each each) {
  for (const auto& service : input.services)
    if (service.mirror)
      each(*service.mirror,
           Labels{{"service", service.name}, {"version", service.mirror->version}});
}

void add_mirrors(Families& out, const MetricsInput& input) {
  out.start(MetricType::Counter, "cutwater_mirror_total",
            "Copies of requests for the shadow version, by what came of them.");
  for_mirrors(input, [&](const auto& mirror, const Labels& labels) {
    for (std::size_t i = 0; i < stats::kOutcomes; ++i)
      out.counter(with(labels, "result", stats::to_string(static_cast<stats::Outcome>(i))),
                  mirror.totals.outcomes[i]);
    for (const auto& [reason, count] : mirror.dropped)
      out.counter(with(labels, "result", reason), count);
  });
  out.start(MetricType::Histogram, "cutwater_mirror_duration_seconds",
            "Time from the start of a copy to the end of its answer.");
  for_mirrors(input, [&](const auto& mirror, const Labels& labels) {
    fill(out.sample(labels).histogram, mirror.totals.latency);
  });
  out.start(MetricType::Gauge, "cutwater_mirror_under_way", "Copies under way.");
  for_mirrors(input, [&](const auto& mirror, const Labels& labels) {
    out.gauge(labels, static_cast<double>(mirror.under_way));
  });
}

void add_latency(Families& out, const MetricsInput& input) {
  out.start(MetricType::Histogram, "cutwater_request_duration_seconds",
            "Time from the start of an attempt to the end of its response, of good answers.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    fill(out.sample(labels).histogram, version.totals.latency);
  });
  out.start(MetricType::Summary, "cutwater_latency_seconds",
            "Quantiles of the last minute, exact within 1 %; sum and count since the start.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    auto& summary = out.sample(labels).summary;
    summary.sample_count = version.totals.latency.count;
    summary.sample_sum = static_cast<double>(version.totals.latency.sum_ns) * 1e-9;
    summary.quantile = {{0.5, seconds(version.last_minute.p50)},
                        {0.95, seconds(version.last_minute.p95)},
                        {0.99, seconds(version.last_minute.p99)}};
  });
}

void add_split(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_weight_ratio",
            "Share of a version, 0 to 1: as configured, and as the workers apply it.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    out.gauge(with(labels, "kind", "configured"), version.weight_configured.ratio());
    out.gauge(with(labels, "kind", "actual"), version.weight_actual.ratio());
  });
  out.start(MetricType::Gauge, "cutwater_endpoint_up", "1 while the endpoint may get requests.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    for (const auto& endpoint : version.endpoints) {
      out.gauge(with(labels, "endpoint", endpoint.url), endpoint.up ? 1 : 0);
    }
  });
}

void add_tunnels(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_tunnels", "Open upgrade tunnels (WebSocket).");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    out.gauge(labels, static_cast<double>(version.tunnels_open));
  });
}

void add_guards(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_guard_evidence",
            "E-value against the version; the guard trips at cutwater_guard_threshold.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    for (const auto& test : version.guard.tests) {
      out.gauge(with(labels, "guard", test.name), test.evidence);
    }
  });
  out.start(MetricType::Gauge, "cutwater_guard_threshold", "E-value at which the guard trips.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    for (const auto& test : version.guard.tests) {
      out.gauge(with(labels, "guard", test.name), test.alarm_at);
    }
  });
  out.start(MetricType::Gauge, "cutwater_guard_tripped",
            "1 when the version lost its traffic to a guard.");
  for_versions(input, [&](const auto& version, const Labels& labels) {
    out.gauge(labels, version.guard.tripped ? 1 : 0);
  });
}

void add_rollouts(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_rollout_phase",
            "1 for the phase of the service's active or last rollout.");
  for (const auto& service : input.services) {
    for (const std::string_view phase : kPhases) {
      if (!service.rollout_phase) continue;
      out.gauge({{"service", service.name}, {"phase", std::string(phase)}},
                *service.rollout_phase == phase ? 1 : 0);
    }
  }
  out.start(MetricType::Counter, "cutwater_decisions_total",
            "Shifts of traffic and decisions not to, by action and cause.");
  for (const auto& [key, count] : input.decisions) {
    const auto& [service, action, cause] = key;
    out.counter({{"service", service}, {"action", action}, {"cause", cause}}, count);
  }
}

void add_proxy(Families& out, const stats::ProxyTotals& proxy) {
  out.lone_counter("cutwater_downstream_requests_total",
                   "Request heads accepted from clients, local replies included.", proxy.requests);
  out.start(MetricType::Gauge, "cutwater_connections", "Open connections.");
  const auto by_protocol = [](const char* side, std::uint64_t all, std::uint64_t http2, auto add) {
    add(Labels{{"side", side}, {"protocol", "http1"}}, all > http2 ? all - http2 : 0);
    add(Labels{{"side", side}, {"protocol", "http2"}}, http2);
  };
  const auto gauge = [&](const Labels& labels, std::uint64_t value) {
    out.gauge(labels, static_cast<double>(value));
  };
  by_protocol("downstream", proxy.downstream_open, proxy.downstream_http2, gauge);
  by_protocol("upstream", proxy.upstream_open, proxy.upstream_http2, gauge);
  out.start(MetricType::Counter, "cutwater_connections_opened_total",
            "Connections accepted from clients or opened to endpoints.");
  const auto counter = [&](const Labels& labels, std::uint64_t value) {
    out.counter(labels, value);
  };
  by_protocol("downstream", proxy.downstream_accepted, proxy.accepted_http2, counter);
  by_protocol("upstream", proxy.upstream_opened, proxy.opened_http2, counter);
  out.lone_counter("cutwater_connections_refused_total",
                   "Client connections closed at once: quota or per-address limit.",
                   proxy.connections_refused);
  out.lone_counter("cutwater_accept_errors_total",
                   "Failures to accept, such as running out of file descriptors.",
                   proxy.accept_errors);
  out.lone_gauge("cutwater_upstream_idle_connections", "Pooled connections waiting for work.",
                 static_cast<double>(proxy.upstream_idle));
  out.lone_gauge("cutwater_exchanges_active", "Requests in flight.",
                 static_cast<double>(proxy.exchanges_active));
  out.lone_counter("cutwater_retries_total", "Attempts repeated on another endpoint.",
                   proxy.retries);
  out.lone_counter("cutwater_retries_denied_total", "Retries the budget did not allow.",
                   proxy.retries_denied);
  out.lone_counter("cutwater_fallbacks_total",
                   "Requests answered by the stable version after another failed.",
                   proxy.fallbacks);
  out.lone_counter("cutwater_client_aborts_total", "Clients that went away first.",
                   proxy.client_aborts);
  out.lone_counter("cutwater_unknown_clients_total",
                   "Requests of a trusted proxy whose chain of addresses names no client.",
                   proxy.unknown_clients);
  out.lone_counter("cutwater_access_log_dropped_total",
                   "Access log lines dropped rather than blocking.", proxy.log_lines_dropped);
  out.start(MetricType::Counter, "cutwater_streams_ended_total",
            "Tunnels, event streams and gRPC streams the proxy ended: their version was withdrawn, "
            "or the proxy drained.");
  for (const auto& [reason, count] : proxy.endless_ended) out.counter({{"reason", reason}}, count);
  out.start(MetricType::Counter, "cutwater_bad_requests_total",
            "Requests refused as malformed, by reason.");
  for (const auto& [reason, count] : proxy.bad_requests) out.counter({{"reason", reason}}, count);
  out.start(MetricType::Counter, "cutwater_untrusted_fields_total",
            "Fields about the client that peers beside the trusted proxies sent, and nobody got.");
  for (const auto& [field, count] : proxy.claims_taken) out.counter({{"field", field}}, count);
  out.start(
      MetricType::Counter, "cutwater_http2_abuse_total",
      "HTTP/2 connections closed (stalled_window: streams) for what the peer did, by reason.");
  for (const auto& [reason, count] : proxy.http2_abuses) out.counter({{"reason", reason}}, count);
  out.lone_counter("cutwater_http2_streams_refused_total",
                   "Streams refused because the client had max_streams open.",
                   proxy.refused_streams);
  out.start(MetricType::Counter, "cutwater_local_replies_total",
            "Answers the proxy gave itself, by status.");
  for (const auto& [code, count] : proxy.local_replies) {
    out.counter({{"code", std::to_string(code)}}, count);
  }
}

void add_notifications(Families& out, const MetricsInput& input) {
  out.start(MetricType::Counter, "cutwater_notifications_total",
            "Attempts to deliver a notification: delivered, retried (will be repeated) or dead "
            "(given up).");
  for (const auto& [key, count] : input.notifications)
    out.counter({{"channel", key.first}, {"result", key.second}}, count);
  out.start(MetricType::Gauge, "cutwater_notifications_pending",
            "Notifications that wait for delivery.");
  for (const auto& [channel, count] : input.notifications_pending)
    out.gauge({{"channel", channel}}, static_cast<double>(count));
}

// A figure without data has no sample: a zero would look like a value.
void add_dora(Families& out, const dora::Report& report) {
  using dora::Figure;
  const auto figure = [&](Figure which, const char* name, const char* help) {
    out.start(MetricType::Gauge, name, help);
    if (const auto& value = report.of(which).value) out.gauge({}, *value);
  };
  figure(Figure::DeploymentFrequency, "cutwater_dora_deployment_frequency_per_day",
         "Versions brought to all users per day, last 30 days.");
  figure(Figure::LeadTime, "cutwater_dora_lead_time_seconds",
         "Median from the commit to all users, last 30 days.");
  figure(Figure::ChangeFailureRate, "cutwater_dora_change_failure_ratio",
         "Changes rolled back of all changes, last 30 days.");
  figure(Figure::TimeToRecovery, "cutwater_dora_time_to_recovery_seconds",
         "Median from the first bad request to the last worker off the version, last 30 days.");
  figure(Figure::SuccessRate, "cutwater_dora_success_ratio",
         "Deployments that succeeded of all that ended, last 30 days.");
  out.lone_gauge("cutwater_dora_deployments", "Deployments that ended, last 30 days.",
                 static_cast<double>(report.deployments));
  out.start(MetricType::Gauge, "cutwater_dora_alert",
            "1 while the figure is beyond its alert threshold.");
  for (const Figure which : dora::kFigures)
    out.gauge({{"figure", std::string(dora::name_of(which))}},
              report.of(which).standing == dora::Standing::Alert ? 1 : 0);
}

void add_tls(Families& out, const MetricsInput& input) {
  out.start(MetricType::Counter, "cutwater_tls_handshakes_total",
            "TLS handshakes with clients, in full or resumed by a ticket.");
  out.counter({{"kind", "full"}}, input.proxy.tls_full);
  out.counter({{"kind", "resumed"}}, input.proxy.tls_resumed);
  out.start(MetricType::Counter, "cutwater_tls_handshake_failures_total",
            "TLS handshakes with clients that failed, by reason.");
  for (const auto& [reason, count] : input.proxy.tls_failures)
    out.counter({{"reason", reason}}, count);
  out.start(MetricType::Gauge, "cutwater_tls_certificate_expiry_seconds",
            "Unix time at which a listener's certificate runs out.");
  for (const auto& listener : input.certificates)
    for (const auto& certificate : listener.certificates)
      out.gauge(
          {{"listener", listener.listener}, {"file", certificate.file}, {"name", certificate.name}},
          static_cast<double>(certificate.not_after));
  out.start(MetricType::Gauge, "cutwater_tls_crl_expiry_seconds",
            "Unix time at which a listener's revocation list is out of date; then it lets no "
            "client in.");
  for (const auto& listener : input.certificates)
    if (listener.revocations.next_update != 0)
      out.gauge({{"listener", listener.listener}, {"file", listener.revocations.file}},
                static_cast<double>(listener.revocations.next_update));
  out.start(MetricType::Gauge, "cutwater_tls_certificate_reload_success",
            "0 when a listener's files could not be loaded last time: the old ones are in use.");
  for (const auto& listener : input.certificates)
    out.gauge({{"listener", listener.listener}}, listener.last_load_ok ? 1 : 0);
  out.start(MetricType::Counter, "cutwater_proxy_protocol_errors_total",
            "Connections dropped for their PROXY header, by reason.");
  for (const auto& [reason, count] : input.proxy.proxy_errors)
    out.counter({{"reason", reason}}, count);
}

void add_process(Families& out, const MetricsInput& input) {
  out.start(MetricType::Gauge, "cutwater_build_info", "Always 1; the labels tell the build.");
  out.gauge({{"version", input.build_version}}, 1);
  out.lone_gauge("cutwater_uptime_seconds", "Since this process started serving.",
                 input.uptime_seconds);
  out.lone_gauge("cutwater_ready", "1 while /readyz answers 200.", input.ready ? 1 : 0);
  out.lone_gauge("cutwater_config_generation", "Generation of the routing snapshot in use.",
                 static_cast<double>(input.config_generation));
  out.lone_gauge("cutwater_config_last_reload_success", "0 when the last reload was refused.",
                 input.last_reload_success ? 1 : 0);
  out.lone_gauge("cutwater_state_writable", "0 when the last write of the state failed.",
                 input.state_writable ? 1 : 0);
}

}  // namespace

std::string render_metrics(const MetricsInput& input) {
  Families out;
  add_process(out, input);
  add_traffic(out, input);
  add_unavailable(out, input);
  add_latency(out, input);
  add_split(out, input);
  add_tunnels(out, input);
  add_flags(out, input);
  add_mirrors(out, input);
  add_guards(out, input);
  add_rollouts(out, input);
  add_notifications(out, input);
  if (input.dora) add_dora(out, *input.dora);
  add_proxy(out, input.proxy);
  add_tls(out, input);
  return out.text();
}

}  // namespace cutwater::control
