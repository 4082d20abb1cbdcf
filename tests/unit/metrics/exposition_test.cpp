// Tests what Prometheus scrapes.
#include "control/metrics/exposition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace cutwater::control {
namespace {

using testing::HasSubstr;
using testing::Not;

stats::HistogramCounts counts_of(const std::vector<Nanoseconds>& latencies) {
  stats::LatencyHistogram histogram;
  for (const auto latency : latencies) histogram.record(latency);
  stats::HistogramCounts counts;
  histogram.add_to(counts);
  return counts;
}

MetricsInput busy_proxy() {
  MetricsInput input;
  input.build_version = "1.2.3";
  input.config_generation = 7;
  MetricsInput::Version blue;
  blue.name = "blue";
  blue.weight_configured = Share::percent(95);
  blue.weight_actual = Share::percent(100);
  blue.totals.code_class = {2, 0, 90, 0, 5, 3};
  blue.totals.outcomes = {95, 3, 1, 1, 0, 0, 4};
  blue.totals.latency = counts_of({Milliseconds(3), Milliseconds(40), Milliseconds(4000)});
  blue.last_minute = {Milliseconds(12), Milliseconds(48), Milliseconds(1250)};
  blue.endpoints = {{"http://127.0.0.1:9001", true}, {"http://127.0.0.1:9003", false}};
  MetricsInput::Version green;
  green.name = "green";
  green.weight_configured = Share::percent(5);
  green.guard.tripped = true;
  guard::TestReport test;
  test.name = "error_rate";
  test.evidence = 1274.5;
  test.alarm_at = 400;
  green.guard.tests = {test};
  input.services = {{"shop", {blue, green}, "rolled_back"}};
  input.decisions = {{{"shop", "rolled_back", "error_rate"}, 1}, {{"shop", "advanced", "pass"}, 4}};
  input.notifications = {{{"slack", "delivered"}, 3}, {{"slack", "dead"}, 1}};
  input.notifications_pending = {{"slack", 2}};
  dora::History history;
  for (int i = 0; i < 3; ++i) {
    history.deployments.push_back({"shop", dora::Deployment::End::Succeeded, 0, {}, {}});
    history.deployments.push_back({"shop", dora::Deployment::End::RolledBack, 0, {}, 250});
  }
  input.dora = dora::calculate(history);
  input.services[0].versions[0].tunnels_open = 2;
  input.proxy.endless_ended = {{"withdrawn", 7}};
  input.proxy.requests = 1000;
  input.proxy.downstream_open = 12;
  input.proxy.bad_requests = {{"bad_chunk", 2}};
  input.proxy.local_replies = {{400, 2}, {503, 1}};
  return input;
}

TEST(Exposition, ShowsNotificationsAndTheFiguresThatHaveData) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text,
              HasSubstr("cutwater_notifications_total{channel=\"slack\",result=\"dead\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_notifications_pending{channel=\"slack\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_dora_change_failure_ratio 0.5\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_dora_time_to_recovery_seconds 0.25\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_dora_alert{figure=\"change_failure_rate\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("\ncutwater_dora_lead_time_seconds "))) << "nobody knows it";
}

TEST(Exposition, ShowsWhatNoVersionGotAndWhoNobodyKnows) {
  MetricsInput input = busy_proxy();
  input.services[0].unavailable = 153;
  input.proxy.unknown_clients = 4;
  const std::string text = render_metrics(input);
  EXPECT_THAT(text, HasSubstr("cutwater_unavailable_total{service=\"shop\"} 153\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_unknown_clients_total 4\n"));
}

TEST(Exposition, ARolloutThatWasTakenBackHasNotSucceeded) {
  MetricsInput input = busy_proxy();
  input.services[0].rollout_phase = "taken_back";
  const std::string text = render_metrics(input);
  EXPECT_THAT(text, HasSubstr("cutwater_rollout_phase{service=\"shop\",phase=\"taken_back\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_rollout_phase{service=\"shop\",phase=\"succeeded\"} 0\n"));
}

TEST(Exposition, ShowsTunnelsByVersionAndWhichTheProxyEnded) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text, HasSubstr("cutwater_tunnels{service=\"shop\",version=\"blue\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_streams_ended_total{reason=\"withdrawn\"} 7\n"));
}

TEST(Exposition, ShowsWhatAFlagIsAndWhatCameOfItsRequests) {
  MetricsInput input = busy_proxy();
  MetricsInput::Flag ramp{"new-ui", true, Share::percent(25), {}, {}};
  ramp.totals.code_class = {0, 0, 40, 0, 0, 2};
  ramp.totals.outcomes = {40, 2};
  ramp.guard.tests = input.services[0].versions[1].guard.tests;
  input.services[0].flags = {ramp, {"beta", false, std::nullopt, {}, {}}};
  const std::string text = render_metrics(input);
  const std::string flag = "{service=\"shop\",flag=\"new-ui\"";
  EXPECT_THAT(text, HasSubstr("cutwater_flag_enabled" + flag + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_flag_enabled{service=\"shop\",flag=\"beta\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_flag_share_ratio" + flag + "} 0.25\n"));
  EXPECT_THAT(text, Not(HasSubstr("cutwater_flag_share_ratio{service=\"shop\",flag=\"beta\"")))
      << "it has no percentage";
  EXPECT_THAT(text, HasSubstr("cutwater_flag_requests_total" + flag + ",code_class=\"5xx\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_flag_errors_total" + flag + "} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("cutwater_flag_guard_evidence" + flag + ",guard=\"error_rate\"} 1274.5\n"));
}

TEST(Exposition, CountsWhatEachVersionAnswered) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text, HasSubstr("# TYPE cutwater_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_requests_total{service=\"shop\",version=\"blue\","
                              "code_class=\"5xx\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_requests_total{service=\"shop\",version=\"blue\","
                              "code_class=\"none\"} 2\n"));
}

TEST(Exposition, AClientThatLeftIsNoErrorOfTheVersion) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text, HasSubstr("reason=\"status_5xx\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("reason=\"connect_failed\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("reason=\"client_abort\"")));
  EXPECT_THAT(text, Not(HasSubstr("reason=\"success\"")));
}

TEST(Exposition, TheHistogramIsCumulativeAndCoversOneMillisecondToTenSeconds) {
  const std::string text = render_metrics(busy_proxy());
  const std::string blue =
      "cutwater_request_duration_seconds_bucket{service=\"shop\","
      "version=\"blue\",le=";
  EXPECT_THAT(text, HasSubstr(blue + "\"0.001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(blue + "\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(blue + "\"0.05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(blue + "\"3\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(blue + "\"10\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(blue + "\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_request_duration_seconds_sum{service=\"shop\","
                              "version=\"blue\"} 4.043\n"));
  int bounds = 0;
  for (std::size_t at = text.find(blue); at != text.npos; at = text.find(blue, at + 1)) ++bounds;
  EXPECT_GE(bounds, 13);  // 12 and +Inf
}

TEST(Exposition, OurOwnQuantilesAreASummary) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text, HasSubstr("cutwater_latency_seconds{service=\"shop\",version=\"blue\","
                              "quantile=\"0.95\"} 0.048"));
}

TEST(Exposition, TellsConfiguredFromActual) {
  const std::string text = render_metrics(busy_proxy());
  const std::string name = "cutwater_weight_ratio{service=\"shop\",version=";
  EXPECT_THAT(text, HasSubstr(name + "\"green\",kind=\"configured\"} 0.05"));
  EXPECT_THAT(text, HasSubstr(name + "\"green\",kind=\"actual\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("endpoint=\"http://127.0.0.1:9003\"} 0\n"));
}

TEST(Exposition, TheGuardShowsEvidenceThresholdAndTrip) {
  const std::string text = render_metrics(busy_proxy());
  const std::string green = "{service=\"shop\",version=\"green\"";
  EXPECT_THAT(text,
              HasSubstr("cutwater_guard_evidence" + green + ",guard=\"error_rate\"} 1274.5\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_guard_threshold" + green + ",guard=\"error_rate\"} 400\n"));
  EXPECT_THAT(text, HasSubstr("cutwater_guard_tripped" + green + "} 1\n"));
}

TEST(Exposition, ExactlyOnePhaseIsOn) {
  const std::string text = render_metrics(busy_proxy());
  EXPECT_THAT(text,
              HasSubstr("cutwater_rollout_phase{service=\"shop\",phase=\"rolled_back\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("cutwater_rollout_phase{service=\"shop\",phase=\"progressing\"} 0\n"));
}

TEST(Exposition, TheProcessAndItsDecisions) {
  const std::string text = render_metrics(busy_proxy());
  for (const char* line :
       {"cutwater_build_info{version=\"1.2.3\"} 1\n", "cutwater_config_generation 7\n",
        "cutwater_config_last_reload_success 1\n", "cutwater_state_writable 1\n",
        "cutwater_connections{side=\"downstream\",protocol=\"http1\"} 12\n",
        "cutwater_decisions_total{service=\"shop\",action=\"advanced\",cause=\"pass\"} 4\n",
        "cutwater_bad_requests_total{reason=\"bad_chunk\"} 2\n",
        "cutwater_local_replies_total{code=\"503\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

// promtool is Prometheus's own judge: it exits 0 only without any complaint.
int promtool(const std::string& metrics, std::string& complaints) {
  const std::string base = testing::TempDir() + "cutwater-metrics-" + std::to_string(::getpid());
  std::ofstream(base) << metrics;
  const std::string command = "promtool check metrics < " + base + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return -1;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) complaints += static_cast<char>(c);
  const int status = ::pclose(pipe);
  std::remove(base.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Exposition, PromtoolHasNothingToSay) {
  for (const MetricsInput& input : {busy_proxy(), MetricsInput{}}) {
    std::string complaints;
    EXPECT_EQ(promtool(render_metrics(input), complaints), 0) << complaints;
    EXPECT_EQ(complaints, "");
  }
}

TEST(Exposition, PromtoolIsReallyAsked) {
  std::string complaints;
  EXPECT_NE(promtool("# TYPE bad counter\nbad 1\n", complaints), 0);
  EXPECT_THAT(complaints, HasSubstr("bad"));
}

TEST(Exposition, LabelValuesCannotBreakOut) {
  MetricsInput input;
  input.services = {{"a\"} 1\nevil{x=\"\\", {MetricsInput::Version{}}, std::nullopt}};
  std::string complaints;
  EXPECT_EQ(promtool(render_metrics(input), complaints), 0) << complaints;
}

}  // namespace
}  // namespace cutwater::control
