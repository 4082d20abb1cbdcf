// Gives each test a state directory of its own, and builders for what is stored.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "control/store/store.hpp"

namespace cutwater::control {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cw-store-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
  }
  ~StoreTest() override {
    std::error_code error;
    std::filesystem::permissions(dir_, std::filesystem::perms::owner_all, error);
    std::filesystem::remove_all(dir_, error);
  }

  std::string file() const { return dir_ + "/state.db"; }

  std::unique_ptr<Store> open() {
    auto store = Store::open(dir_);
    EXPECT_TRUE(store.has_value()) << (store.has_error() ? store.error().message : "");
    return store.has_value() ? std::move(*store) : nullptr;
  }
  StoreError open_fails() {
    auto store = Store::open(dir_);
    EXPECT_TRUE(store.has_error());
    return store.has_error() ? store.error() : StoreError{};
  }

  static ServiceState shop(std::uint64_t generation) {
    ServiceState state;
    state.name = "shop";
    const int green = static_cast<int>(generation % 101);
    state.weights = {{"blue", Share::percent(100 - green)}, {"green", Share::percent(green)}};
    state.stable = "blue";
    state.salt = 0xfedcba9876543210;
    state.generation = generation;
    state.locked_out = {"red"};
    state.flags["beta"].enabled = false;
    return state;
  }
  static Decision decision(const std::string& action) {
    Decision out;
    out.time = "2026-11-23T10:00:00.000Z";
    out.service = "shop";
    out.rollout = "r1";
    out.action = action;
    out.cause = "manual";
    out.actor = "ana";
    out.reason = "because";
    out.evidence = {{"e_value", 1274.4}};
    out.before = {{"weights", {{"blue", 100}}}};
    out.after = {{"weights", {{"blue", 95}}}};
    return out;
  }
  static Change weights_change(std::uint64_t generation) {
    Change change;
    change.services.push_back(shop(generation));
    change.decisions.push_back(decision("weights_set"));
    return change;
  }

  std::string bytes() const {
    std::ifstream in(file(), std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void overwrite(const std::string& content) const {
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(file() + suffix);
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << content;
  }

  std::string dir_;
};

}  // namespace cutwater::control
