// What a decision means to the people who are told of it: its word in `on:`, how bad it is, and the
// sentences. Pure values, stored in the outbox and turned into each channel's form at delivery.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "control/store/records.hpp"

namespace cutwater::control::notify {

enum class Severity { Info, Warning, Error, Critical };
std::string_view to_string(Severity severity);
Severity severity_from(std::string_view text);  // Info for anything else

// The word of config::kNotifyEvents for a decision's action; "other" for one nobody named.
std::string_view kind_of_action(std::string_view action);
// Error and worse needs a person: a version was reverted by itself, or nobody can decide.
Severity severity_of(std::string_view kind, std::string_view cause);
// The rollout is over.
bool is_end(std::string_view kind);
// Somebody or something went on: what was wrong before needs nobody any more.
bool closes_incident(std::string_view kind);

// The decision with "kind" and "severity"; its seq is filled in by the store.
boost::json::object event_of(const Decision& decision);
// What `cutwater notify test` sends.
boost::json::object test_event(const std::string& time);

// The decision's rollout, else the service it is about, else the word.
std::string topic_of(const Decision& decision);

// "shop: rolled back (guard)"
std::string title_of(const boost::json::object& event);
// "error rate of green is above 5%: ..."
std::string text_of(const boost::json::object& event);
// "rollout r-2x3 · blue 100 % · by cutwater"
std::string details_of(const boost::json::object& event);
// A text member; "" when it is missing or no text.
std::string member(const boost::json::object& event, std::string_view name);

}  // namespace cutwater::control::notify
