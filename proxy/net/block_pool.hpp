// Lends buffers of a fixed size to the connections of a worker that are busy right now. An idle
// connection holds none. Only one worker's thread uses the pool. Blocks are reused last in, first
// out, so that their memory stays warm.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace cutwater::net {

class BlockPool;

// Holds a borrowed block, which goes back when this object is destroyed.
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept : pool_(other.pool_), data_(std::exchange(other.data_, nullptr)) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = other.pool_;
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }
  ~Block() { release(); }

  explicit operator bool() const { return data_ != nullptr; }
  char* data() const { return data_; }
  std::size_t size() const;
  std::span<char> span() const { return {data_, size()}; }
  void release();

 private:
  friend class BlockPool;
  Block(BlockPool* pool, char* data) : pool_(pool), data_(data) {}
  BlockPool* pool_ = nullptr;
  char* data_ = nullptr;
};

class BlockPool {
 public:
  // Keeps at most `max_free` unused blocks; a burst's memory beyond that goes back to the system.
  BlockPool(std::size_t block_size, std::size_t max_free)
      : block_size_(block_size), max_free_(max_free) {
    free_.reserve(max_free);
  }
  ~BlockPool() {
    for (char* block : free_) delete[] block;
  }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  std::size_t block_size() const { return block_size_; }
  Block borrow() {
    if (free_.empty()) return Block(this, new char[block_size_]);
    char* data = free_.back();
    free_.pop_back();
    return Block(this, data);
  }

 private:
  friend class Block;
  void give_back(char* data) {
    if (free_.size() < max_free_)
      free_.push_back(data);
    else
      delete[] data;
  }
  const std::size_t block_size_;
  const std::size_t max_free_;
  std::vector<char*> free_;
};

inline std::size_t Block::size() const {
  return data_ ? pool_->block_size() : 0;
}
inline void Block::release() {
  if (data_) pool_->give_back(std::exchange(data_, nullptr));
}

}  // namespace cutwater::net
