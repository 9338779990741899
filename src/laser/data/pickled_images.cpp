#include "laser/data/pickled_images.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"

namespace laser {
namespace {

constexpr std::size_t kImageBytes = 3072;
constexpr std::int64_t kMostClasses = 256;

/// A value on the machine's stack. Those that hold others name them by their number: a
/// pickle may hold itself.
struct Value {
  enum class Kind { kOther, kNumber, kText, kList, kTuple, kDictionary, kObject } kind = Kind::kOther;
  std::int64_t number = 0;  // also of True and False
  std::string_view text{};  // bytes or text, in the file
  // Of an object: what it is made from, then its state; of a dictionary: in pairs
  std::vector<std::size_t> items;
};

class Machine {
 public:
  Machine(std::string name, std::string_view program) : name_(std::move(name)), program_(program) {}

  /// The number of the value that the pickle stands for.
  std::size_t run() {
    while (step(byte())) {
    }
    return pop();
  }
  [[nodiscard]] const Value& value(std::size_t number) const { return values_[number]; }
  [[noreturn]] void refuse(const std::string& why) const {
    fail(ExitCode::kData, "{} is not CIFAR for Python: {}", name_, why);
  }

 private:
  static constexpr std::size_t kMark = static_cast<std::size_t>(-1);

  std::string_view take(std::uint64_t count) {
    if (count > program_.size() - at_) refuse("it ends in the middle");
    const auto part = program_.substr(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return part;
  }
  unsigned char byte() { return static_cast<unsigned char>(take(1)[0]); }
  std::uint64_t little(int bytes) {
    std::uint64_t number = 0;
    for (int i = 0; i < bytes; ++i) number |= std::uint64_t{byte()} << (8 * i);
    return number;
  }
  std::string_view line() {
    const auto end = program_.find('\n', at_);
    if (end == std::string_view::npos) refuse("it ends in the middle");
    const auto text = take(end - at_);
    take(1);
    return text;
  }

  void push(Value value) {
    constexpr std::size_t kMostParts = 4'000'000;  // a batch of 50,000 images has about as many
    if (values_.size() == kMostParts) refuse("it holds too many parts");
    values_.push_back(std::move(value));
    stack_.push_back(values_.size() - 1);
  }
  void push_number(std::int64_t number) { push({Value::Kind::kNumber, number, {}, {}}); }
  void push_text(std::string_view text) { push({Value::Kind::kText, 0, text, {}}); }
  std::size_t pop() {
    if (stack_.empty() || stack_.back() == kMark) refuse("it takes what is not there");
    const auto top = stack_.back();
    stack_.pop_back();
    return top;
  }
  std::vector<std::size_t> pop_to_mark() {
    const auto mark = std::find(stack_.rbegin(), stack_.rend(), kMark);
    if (mark == stack_.rend()) refuse("it takes what is not there");
    std::vector<std::size_t> items(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return items;
  }
  void gather(Value::Kind kind, int count) {
    std::vector<std::size_t> items(static_cast<std::size_t>(count));
    for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
    push({kind, 0, {}, std::move(items)});
  }
  void add_to_top(const std::vector<std::size_t>& items) {
    const auto top = pop();
    auto& all = values_[top].items;
    all.insert(all.end(), items.begin(), items.end());
    stack_.push_back(top);
  }
  void remember(std::uint64_t place) {
    const auto top = pop();
    memo_[place] = top;
    stack_.push_back(top);
  }
  void recall(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) refuse("it takes what is not there");
    stack_.push_back(found->second);
  }

  /// One instruction; false at the end [Python's pickletools].
  bool step(unsigned char code) {
    switch (code) {
      case 0x80:
        take(1);
        break;  // PROTO
      case 0x95:
        take(8);
        break;  // FRAME
      case '.':
        return false;  // STOP
      case '(':
        stack_.push_back(kMark);
        break;  // MARK
      case 'N':
        push({});
        break;  // NONE
      case 0x88:
        push_number(1);
        break;  // NEWTRUE
      case 0x89:
        push_number(0);
        break;  // NEWFALSE
      case 'K':
        push_number(byte());
        break;  // BININT1
      case 'M':
        push_number(static_cast<std::int64_t>(little(2)));
        break;  // BININT2
      case 'J':
        push_number(static_cast<std::int32_t>(little(4)));
        break;      // BININT
      case 0x8a: {  // LONG1
        const auto digits = take(byte());
        if (digits.size() > 7) refuse("it holds a number that is too long");
        std::int64_t number = 0;
        for (std::size_t i = digits.size(); i-- > 0;)
          number = number << 8 | static_cast<unsigned char>(digits[i]);
        push_number(number);
        break;
      }
      case 'U':
      case 'C':
      case 0x8c:
        push_text(take(byte()));
        break;  // SHORT_BINSTRING, _BINBYTES, _BINUNICODE
      case 'T':
      case 'B':
      case 'X':
        push_text(take(little(4)));
        break;  // BINSTRING, BINBYTES, BINUNICODE
      case 0x8d:
      case 0x8e:
      case 0x96:
        push_text(take(little(8)));
        break;  // BINUNICODE8, BINBYTES8, BYTEARRAY8
      case 'c':
        line();
        line();
        push({});
        break;  // GLOBAL
      case 0x93:
        pop();
        pop();
        push({});
        break;  // STACK_GLOBAL
      case ')':
        push({Value::Kind::kTuple, 0, {}, {}});
        break;  // EMPTY_TUPLE
      case ']':
        push({Value::Kind::kList, 0, {}, {}});
        break;  // EMPTY_LIST
      case '}':
        push({Value::Kind::kDictionary, 0, {}, {}});
        break;  // EMPTY_DICT
      case 't':
        push({Value::Kind::kTuple, 0, {}, pop_to_mark()});
        break;  // TUPLE
      case 0x85:
      case 0x86:
      case 0x87:
        gather(Value::Kind::kTuple, code - 0x84);
        break;  // TUPLE1 .. 3
      case 'a':
        add_to_top({pop()});
        break;  // APPEND
      case 'e':
      case 'u':
        add_to_top(pop_to_mark());
        break;     // APPENDS, SETITEMS
      case 's': {  // SETITEM
        const auto item = pop(), key = pop();
        add_to_top({key, item});
        break;
      }
      case 'R':
      case 0x81:
        gather(Value::Kind::kObject, 2);
        break;  // REDUCE, NEWOBJ
      case 'b':
        add_to_top({pop()});
        break;  // BUILD
      case '0':
        pop();
        break;  // POP
      case 'q':
        remember(byte());
        break;  // BINPUT
      case 'r':
        remember(little(4));
        break;  // LONG_BINPUT
      case 0x94:
        remember(memo_.size());
        break;  // MEMOIZE
      case 'h':
        recall(byte());
        break;  // BINGET
      case 'j':
        recall(little(4));
        break;  // LONG_BINGET
      default:
        refuse(fmt::format("it holds the instruction {:#04x} at byte {}", code, at_ - 1));
    }
    return true;
  }

  std::string name_;
  std::string_view program_;
  std::size_t at_ = 0;
  std::vector<Value> values_;
  std::vector<std::size_t> stack_;
  std::map<std::uint64_t, std::size_t> memo_;
};

/// What an array of numpy is made from, however deep its parts lie.
struct ArrayParts {
  std::string_view bytes;
  bool has_shape = false;   // (n, 3072)
  bool of_bytes = false;    // its numbers are u1
  bool by_columns = false;  // Fortran's order
  std::set<std::size_t> seen;
};

void look_through(const Machine& machine, std::size_t number, std::int64_t images, int depth,
                  ArrayParts& parts) {
  constexpr int kDeepest = 6;
  if (!parts.seen.insert(number).second) return;
  const auto& value = machine.value(number);
  if (value.kind == Value::Kind::kText) {
    if (value.text.size() == static_cast<std::size_t>(images) * kImageBytes) parts.bytes = value.text;
    parts.of_bytes = parts.of_bytes || value.text == "u1";
    parts.by_columns = parts.by_columns || value.text == "F";
    return;
  }
  if (value.kind == Value::Kind::kTuple && value.items.size() == 2) {
    const auto &rows = machine.value(value.items[0]), &columns = machine.value(value.items[1]);
    parts.has_shape =
        parts.has_shape || (rows.kind == Value::Kind::kNumber && rows.number == images &&
                            columns.kind == Value::Kind::kNumber && columns.number == kImageBytes);
  }
  // An array's state is (version, shape, type, by columns, bytes).
  if (value.kind == Value::Kind::kTuple && value.items.size() == 5)
    parts.by_columns = parts.by_columns || machine.value(value.items[3]).number == 1;
  if (depth == kDeepest) return;
  for (const auto item : value.items) look_through(machine, item, images, depth + 1, parts);
}

}  // namespace

PickledImages read_pickled_images(const std::filesystem::path& path) {
  const MappedFile file(path.string());
  const auto bytes = file.bytes();
  Machine machine(path.string(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto& batch = machine.value(machine.run());
  if (batch.kind != Value::Kind::kDictionary) machine.refuse("it is no dictionary");
  const Value* labels = nullptr;
  std::size_t data = 0;
  bool found = false;
  for (std::size_t i = 0; i + 1 < batch.items.size(); i += 2) {
    const auto key = machine.value(batch.items[i]).text;
    if (key == "labels" || key == "fine_labels") labels = &machine.value(batch.items[i + 1]);
    if (key == "data") {
      data = batch.items[i + 1];
      found = true;
    }
  }
  if (!found || labels == nullptr) machine.refuse("it has no 'data', or no 'labels' and no 'fine_labels'");
  PickledImages images;
  for (const auto item : labels->items) {
    const auto& label = machine.value(item);
    if (label.kind != Value::Kind::kNumber || label.number < 0 || label.number >= kMostClasses)
      machine.refuse("a label is no whole number from 0 to 255");
    images.labels.push_back(label.number);
  }
  if (images.labels.empty()) machine.refuse("it has no labels");
  ArrayParts parts;
  look_through(machine, data, std::ssize(images.labels), 0, parts);
  if (parts.bytes.empty() || !parts.has_shape || !parts.of_bytes || parts.by_columns) {
    machine.refuse(fmt::format("'data' is no array of bytes of the shape [{}, {}], one row an image",
                               images.labels.size(), kImageBytes));
  }
  images.pixels.assign(parts.bytes.begin(), parts.bytes.end());
  return images;
}

}  // namespace laser
