#include "proxy/base/frame_pool.hpp"

#include <new>

namespace cutwater {

FramePool::Lists& FramePool::lists() {
  static thread_local Lists lists;
  return lists;
}

FramePool::Lists::~Lists() {
  for (Node*& head : heads) {
    while (head) {
      Node* next = head->next;
      ::operator delete(head);
      head = next;
    }
  }
}

void* FramePool::allocate(std::size_t size) {
  const std::size_t index = (size + kStep - 1) / kStep;
  if (index >= kClasses) return ::operator new(size);
  Node*& head = lists().heads[index];
  if (!head) return ::operator new(index* kStep);
  Node* node = head;
  head = node->next;
  return node;
}

void FramePool::release(void* frame, std::size_t size) {
  const std::size_t index = (size + kStep - 1) / kStep;
  if (index >= kClasses) return ::operator delete(frame);
  Node*& head = lists().heads[index];
  Node* node = static_cast<Node*>(frame);
  node->next = head;
  head = node;
}

}  // namespace cutwater
