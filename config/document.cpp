#include "config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "config/raw_text.hpp"

namespace cutwater::config {
namespace {

// This is thrown through yaml-cpp to stop it; it never leaves read_document.
struct Stop {
  Place place;
  std::string message;
};

class Builder : public YAML::EventHandler {
 public:
  Builder(const LineIndex& lines, Report& report) : lines_(lines), report_(report) {}

  NodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Stop{place(mark), "a second document starts here; a configuration is one document"};
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add_leaf(Node::Kind::Null, mark, anchor, {});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    add_leaf(Node::Kind::Scalar, mark, anchor, value);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      throw Stop{place(mark), "this alias is inside its own anchor, so it would never end"};
    }
    count(known->second->size, place(mark));
    attach(known->second, place(mark));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::List, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::Map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    std::shared_ptr<Node> node;
    YAML::anchor_t anchor;
    NodePtr key;      // in a map: the key whose value comes next
    Place key_place;  // where that key stands, which may be an alias
    std::unordered_map<std::string, int> lines_of_keys;
  };

  Place place(const YAML::Mark& mark) const { return lines_.place(mark.line, mark.column); }

  void count(std::size_t nodes, Place where) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes) {
      throw Stop{where, "too much content: more than " + std::to_string(kMaxNodes) +
                            " values, aliases counted as if written out"};
    }
  }

  void check_depth(std::size_t depth, Place where) const {
    if (depth > kMaxDepth) {
      throw Stop{where, "nested deeper than " + std::to_string(kMaxDepth) + " levels"};
    }
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    report_.add(place(mark), "tags (`!name`) are not supported; remove the tag");
  }

  void add_leaf(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor,
                const std::string& text) {
    count(1, place(mark));
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->place = place(mark);
    node->text = text;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    attach(node, node->place);
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    count(1, place(mark));
    check_depth(stack_.size() + 1, place(mark));
    check_tag(mark, tag);
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->place = place(mark);
    stack_.push_back(Frame{std::move(node), anchor, nullptr, {}, {}});
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    // Only from here on an alias may name the node: before, the node would contain itself.
    if (frame.anchor != YAML::NullAnchor) anchors_[frame.anchor] = frame.node;
    attach(frame.node, frame.node->place);
  }

  void attach(const NodePtr& node, Place where) {
    if (stack_.empty()) {
      root_ = node;
      return;
    }
    Frame& frame = stack_.back();
    Node& parent = *frame.node;
    parent.size += node->size;
    parent.depth = std::max(parent.depth, node->depth + 1);
    check_depth(stack_.size() - 1 + parent.depth, where);
    if (parent.kind == Node::Kind::List) {
      parent.items.push_back(node);
    } else if (!frame.key) {
      frame.key = node;
      frame.key_place = where;
    } else {
      add_pair(frame, node);
      frame.key = nullptr;
    }
  }

  void add_pair(Frame& frame, const NodePtr& value) {
    const Node& key = *frame.key;
    const Place where = frame.key_place;
    if (key.kind != Node::Kind::Scalar || key.text.empty()) {
      report_.add(where, "a key must be a plain word");
      return;
    }
    if (key.text == "<<") {
      report_.add(where, "merge keys (`<<`) are not supported; write the keys out");
      return;
    }
    const auto [first, fresh] = frame.lines_of_keys.emplace(key.text, where.line);
    if (!fresh) {
      report_.add(where, "duplicate key " + quoted(key.text) + ", first written in line " +
                             std::to_string(first->second));
      return;
    }
    frame.node->pairs.emplace_back(frame.key, value);
  }

  const LineIndex& lines_;
  Report& report_;
  NodePtr root_;
  std::vector<Frame> stack_;
  std::unordered_map<YAML::anchor_t, NodePtr> anchors_;  // complete ones only
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// Rewrites yaml-cpp's message in the words of someone who edits a file.
std::string explain(const std::string& message) {
  static const std::pair<std::string_view, std::string_view> kMeanings[] = {
      {"illegal map value",
       "a `:` is not possible here; check the indentation, or put the text in quotes"},
      {"illegal block entry", "a `- ` is not possible here; check the indentation"},
      {"illegal map key", "a key is not possible here; check the indentation"},
      {"end of map not found", "this does not continue the mapping above; check the indentation"},
      {"end of sequence not found", "this does not continue the list above; check the indentation"},
      {"end of map flow not found",
       "`}` or `,` is missing here; text with any of {}[],:# needs quotes"},
      {"end of sequence flow not found",
       "`]` or `,` is missing here; text with any of {}[],:# needs quotes"},
      {"illegal flow end", "this bracket was never opened"},
      {"illegal document indicator in scalar", "a quoted text is not closed before this line"},
      {"illegal EOF in scalar", "a quoted text is not closed before this line"},
      {"unknown token", "text cannot start with this character; put it in quotes"},
      {"bad file", "cannot be read as YAML"},
  };
  for (const auto& [theirs, ours] : kMeanings) {
    if (message == theirs) return std::string(ours);
  }
  return "YAML: " + message;
}

}  // namespace

NodePtr read_document(std::string_view text, Report& report) {
  const std::optional<std::string_view> body = check_raw_text(text, report);
  if (!body) return nullptr;
  const LineIndex lines(*body);
  Builder builder(lines, report);
  try {
    // yaml-cpp closes an open quote by itself at the end of the file, but not at a document end.
    std::istringstream input(std::string(*body) + "\n...\n");
    YAML::Parser parser(input);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    report.add(stop.place, stop.message);
    return nullptr;
  } catch (const YAML::Exception& error) {
    report.add(lines.place(error.mark.line, error.mark.column), explain(error.msg));
    return nullptr;
  }
  if (!builder.root() || builder.root()->kind == Node::Kind::Null) {
    report.add({}, "the file is empty; it needs at least `listeners` and `services`");
    return nullptr;
  }
  return builder.root();
}

}  // namespace cutwater::config
