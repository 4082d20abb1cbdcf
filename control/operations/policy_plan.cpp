#include "control/operations/policy_plan.hpp"

#include <algorithm>

#include "config/units.hpp"

namespace cutwater::control {
namespace {

using Stages = std::vector<Stage>;

std::string text(Share share) {
  return cutwater::to_string(share);
}

std::string text(config::Duration duration) {
  return config::to_string(duration);
}

// The step of the file that a step stands for: the first that is not below it.
const Stage& place_of(const Stage& stage, const Stages& file) {
  const auto found = std::find_if(file.begin(), file.end(), [&stage](const Stage& step) {
    return step.weight >= stage.weight;
  });
  return found == file.end() ? file.back() : *found;
}

bool has_preview(const Plan& plan) {
  return plan.stages.front().weight.millionths == 0;
}

// A preview that the file does not ask for is one gate more.
bool is_extra_preview(const Stage& stage, const Plan& file) {
  return stage.weight.millionths == 0 && !has_preview(file);
}

class Comparison {
 public:
  Comparison(const Plan& asked, const Plan& file, const config::Guards& guards,
             const config::DeployerPolicy& policy)
      : asked_(asked), file_(file), guards_(guards), policy_(policy) {}

  std::optional<Looser> find() const {
    using Check = std::optional<Looser> (Comparison::*)() const;
    for (const Check check : {&Comparison::first_step, &Comparison::bake, &Comparison::silence})
      if (auto looser = (this->*check)()) return looser;
    if (policy_.guards != config::DeployerPolicy::Guards::StricterOnly) return std::nullopt;
    for (const Check check : {&Comparison::steps, &Comparison::limits, &Comparison::times,
                              &Comparison::approvals, &Comparison::gates})
      if (auto looser = (this->*check)()) return looser;
    return std::nullopt;
  }

 private:
  bool strict() const { return policy_.guards == config::DeployerPolicy::Guards::StricterOnly; }

  static Looser as_guards(std::string what) { return {"guards", std::move(what), "guards: any"}; }
  // Whether the file's word is `file` and the plan's is `asked`, which allows more.
  static Looser above(const std::string& what, const std::string& asked, const std::string& file) {
    return as_guards(what + " of " + asked + " is looser than the file's " + file);
  }

  static Share first_share(const Plan& plan) {
    for (const Stage& stage : plan.stages)
      if (stage.weight.millionths > 0) return stage.weight;
    return {};
  }

  std::optional<Looser> first_step() const {
    const Share asked = first_share(asked_), file = first_share(file_);
    if (!policy_.first_step_at_most || asked <= std::max(*policy_.first_step_at_most, file))
      return std::nullopt;
    return Looser{
        "first_step_at_most",
        "the first step, " + text(asked) + ", is above " + text(*policy_.first_step_at_most),
        "first_step_at_most: " + text(asked)};
  }

  // At least what the policy says; without its word, what the file says of the step.
  std::optional<Looser> bake() const {
    if (!strict() && !policy_.bake_at_least) return std::nullopt;
    for (const Stage& stage : asked_.stages) {
      if (is_extra_preview(stage, file_)) continue;
      const config::Duration file = place_of(stage, file_.stages).bake;
      const config::Duration least = std::min(policy_.bake_at_least.value_or(file), file);
      if (stage.bake >= least) continue;
      const std::string what =
          "the bake of " + text(stage.bake) + " at " + text(stage.weight) + " is shorter than ";
      if (policy_.bake_at_least)
        return Looser{"bake_at_least", what + text(least), "bake_at_least: " + text(stage.bake)};
      return as_guards(what + "the file's " + text(least));
    }
    return std::nullopt;
  }

  static int rank(Plan::OnInconclusive value) {
    switch (value) {
      case Plan::OnInconclusive::Rollback:
        return 0;
      case Plan::OnInconclusive::Hold:
        return 1;
      case Plan::OnInconclusive::Extend:
        return 2;
      case Plan::OnInconclusive::Promote:
        return 3;
    }
    return 3;
  }

  std::optional<Looser> silence() const {
    const auto asked = asked_.on_inconclusive, file = file_.on_inconclusive;
    if (asked == file) return std::nullopt;
    if (policy_.inconclusive) {
      const auto& allowed = *policy_.inconclusive;
      if (std::find(allowed.begin(), allowed.end(), asked) != allowed.end()) return std::nullopt;
      return Looser{"inconclusive", "`on_inconclusive: " + to_string(asked) + "` is not allowed",
                    "inconclusive: [" + to_string(asked) + "]"};
    }
    if (!strict() || rank(asked) <= rank(file)) return std::nullopt;
    return above("`on_inconclusive`", to_string(asked), to_string(file));
  }

  // Steps may be smaller and more, but each step of the file needs one that stands for it.
  std::optional<Looser> steps() const {
    if (asked_.is_rolling() && !file_.is_rolling())
      return as_guards(
          "a rolling plan keeps no old version to go back to, and the file's plan is " +
          file_.strategy);
    if (asked_.is_rolling() && asked_.max_unavailable > file_.max_unavailable)
      return above("`max_unavailable`", std::to_string(asked_.max_unavailable),
                   std::to_string(file_.max_unavailable));
    if (has_preview(file_) && !has_preview(asked_))
      return as_guards("the preview at 0% of the file's plan is left out");
    Share below{};
    const Share first = first_share(file_);
    for (const Stage& step : file_.stages) {
      const bool is_last = &step == &file_.stages.back();
      const bool is_free = step.weight == first && policy_.first_step_at_most;
      const auto stands = [&](const Stage& stage) {
        return stage.weight > below && stage.weight <= step.weight;
      };
      if (step.weight.millionths > 0 && !is_last && !is_free &&
          std::none_of(asked_.stages.begin(), asked_.stages.end(), stands))
        return as_guards(step.weight == first
                             ? "the first step, " + text(first_share(asked_)) +
                                   ", is larger than the file's " + text(first)
                             : "no step stands for the file's " + text(step.weight));
      // Where the policy names the first step, the plan's own takes the place of the file's.
      below = is_free ? std::max(step.weight, first_share(asked_)) : step.weight;
    }
    return std::nullopt;
  }

  std::optional<Looser> limits() const {
    for (const Stage& stage : asked_.stages) {
      if (is_extra_preview(stage, file_)) continue;
      const config::GuardLimits& file = place_of(stage, file_.stages).guards;
      const std::string at = " at " + text(stage.weight);
      const auto compare = [&](const char* name, const auto& asked, const auto& said,
                               const auto& service) -> std::optional<Looser> {
        const auto now = asked.value_or(service), then = said.value_or(service);
        if (now <= then) return std::nullopt;
        return above("`" + std::string(name) + "`" + at, text(now), text(then));
      };
      const config::GuardLimits& own = stage.guards;
      if (auto looser = compare("error_rate", own.error_rate, file.error_rate, guards_.error_rate))
        return looser;
      if (auto looser = compare("p95", own.p95, file.p95, guards_.p95)) return looser;
      if (auto looser =
              compare("p95_critical", own.p95_critical, file.p95_critical, guards_.p95_critical))
        return looser;
    }
    return std::nullopt;
  }

  // Where silence promotes, a shorter wait is the looser one.
  std::optional<Looser> times() const {
    config::Duration longest = file_.max_step;
    for (const Stage& stage : asked_.stages) longest = std::max(longest, stage.bake);
    const bool promotes = asked_.on_inconclusive == Plan::OnInconclusive::Promote;
    if (promotes ? asked_.max_step < file_.max_step : asked_.max_step > longest)
      return above("`max_step`", text(asked_.max_step), text(file_.max_step));
    if (asked_.keep_old < file_.keep_old)
      return above("`keep_old`", text(asked_.keep_old), text(file_.keep_old));
    if (asked_.holdback < file_.holdback && !asked_.is_rolling())
      return above("`holdback`", text(asked_.holdback), text(file_.holdback));
    return std::nullopt;
  }

  std::optional<Looser> approvals() const {
    for (const Stage& step : file_.stages) {
      if (!step.approval) continue;
      const Stage* last = nullptr;
      for (const Stage& stage : asked_.stages)
        if (stage.weight <= step.weight) last = &stage;
      if (last == nullptr || !last->approval)
        return as_guards("the approval at " + text(step.weight) + " is left out");
    }
    if (!file_.wants_approval()) return std::nullopt;
    if (file_.four_eyes && !asked_.four_eyes) return as_guards("`four_eyes` is left out");
    if (asked_.approval_expiry > file_.approval_expiry)
      return above("`approval_expiry`", text(asked_.approval_expiry), text(file_.approval_expiry));
    return std::nullopt;
  }

  // A start takes these from the file; the plan of a retry may be of an older file.
  std::optional<Looser> gates() const {
    const auto missing = [](bool asked, bool file) { return file && !asked; };
    const Gates &asked = asked_.gates, &file = file_.gates;
    if (missing(asked.before, file.before) || missing(asked.step, file.step) ||
        missing(asked.after, file.after) || missing(asked.rollback, file.rollback))
      return as_guards("a webhook of the file is left out");
    if (missing(asked.smoke, file.smoke)) return as_guards("the smoke checks are left out");
    if (file_.adaptive && !asked_.adaptive && !asked_.is_rolling())
      return as_guards("`adaptive` is left out");
    const auto same = [](const config::Window& a, const config::Window& b) {
      return a.text == b.text;
    };
    const bool same_windows = asked_.utc_offset_minutes == file_.utc_offset_minutes &&
                              std::equal(asked_.windows.begin(), asked_.windows.end(),
                                         file_.windows.begin(), file_.windows.end(), same);
    if (!file_.windows.empty() && !same_windows)
      return as_guards("the plan has other `windows` than the file");
    return std::nullopt;
  }

  const Plan& asked_;
  const Plan& file_;
  const config::Guards& guards_;
  const config::DeployerPolicy& policy_;
};

}  // namespace

std::optional<Looser> find_looser(const Plan& asked, const Plan& file, const config::Guards& guards,
                                  const config::DeployerPolicy& policy) {
  return Comparison(asked, file, guards, policy).find();
}

}  // namespace cutwater::control
