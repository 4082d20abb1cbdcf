// Turns what SQLite or a checksum objects to into a value. It is internal to control/store/.
#pragma once

#include <stdexcept>
#include <string>

#include "control/store/sqlite.hpp"
#include "control/store/store.hpp"

namespace cutwater::control {

// SQLite could read the row, but its content is wrong.
struct Damage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline StoreError::Kind kind_of(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_FULL:
      return StoreError::Kind::Full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return StoreError::Kind::Corrupt;
    default:
      return StoreError::Kind::Unavailable;
  }
}

template <typename Body>
auto catching_damage(const std::string& doing, Body&& body) -> StoreResult<decltype(body())> {
  try {
    return body();
  } catch (const SqliteError& error) {
    return StoreError{kind_of(error.code()), doing + ": " + error.what()};
  } catch (const Damage& damage) {
    return StoreError{StoreError::Kind::Corrupt, doing + ": " + damage.what()};
  }
}

}  // namespace cutwater::control
