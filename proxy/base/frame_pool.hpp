// Keeps free lists of coroutine frames, one set per thread. A frame is freed on the thread that
// allocated it (connections never change threads), so there is no lock. The memory goes back to the
// system when the thread ends.
#pragma once

#include <cstddef>

namespace cutwater {

class FramePool {
 public:
  static void* allocate(std::size_t size);
  static void release(void* frame, std::size_t size);

 private:
  static constexpr std::size_t kStep = 128;    // bytes per size class
  static constexpr std::size_t kClasses = 32;  // frames over 4 KiB go to malloc
  struct Node {
    Node* next;
  };
  struct Lists {
    Node* heads[kClasses] = {};
    ~Lists();
  };
  static Lists& lists();
};

}  // namespace cutwater
