// Preloaded (LD_PRELOAD) into a program under test: the nth of its calls of one kind, on files
// below a folder, fails.
//
//   LASER_FAULT_FOLDER  only files whose path begins with this count
//   LASER_FAULT_CALL    open | write | fsync | rename | mmap | new (of the program itself, not its libraries)
//   LASER_FAULT_NUMBER  which of them fails, from 1 on
//   LASER_FAULT_KIND    EIO | ENOSPC | EINTR | full (ENOSPC from then on)
//                       | short (write: half is written; then as always) | kill (SIGKILL before the call)
//   LASER_FAULT_LOG     a file that gets a line where the fault happened; with LASER_FAULT_NUMBER=0
//                       nothing fails, and it gets how many calls there were
//
// Calls inside libc (fopen's own open) don't pass here; this program makes none of those that matter.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace {

const char* text(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::atomic<long> calls{0};

void note(const char* line) {
  static auto* const open_file = next<int(const char*, int, ...)>("open");
  static auto* const write_file = next<ssize_t(int, const void*, size_t)>("write");
  const int log = open_file(text("LASER_FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return;
  (void)!write_file(log, line, std::strlen(line));
  close(log);
}

struct Report {
  ~Report() {
    if (std::atol(text("LASER_FAULT_NUMBER")) == 0 && *text("LASER_FAULT_LOG") != 0) {
      char line[64];
      std::snprintf(line, sizeof line, "%ld calls\n", calls.load());
      note(line);
    }
  }
} report;

bool below_folder(const char* path) {
  const char* folder = text("LASER_FAULT_FOLDER");
  return *folder != 0 && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool below_folder(int descriptor) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return false;
  path[length] = 0;
  return below_folder(path);
}

// Whether this call fails; sets errno.
template <class Where>
bool fails(const char* call, Where where) {
  if (std::strcmp(text("LASER_FAULT_CALL"), call) != 0 || !below_folder(where)) return false;
  const long number = std::atol(text("LASER_FAULT_NUMBER")), count = ++calls;
  const char* kind = text("LASER_FAULT_KIND");
  const bool full = std::strcmp(kind, "full") == 0;
  if (number == 0 || (full ? count < number : count != number)) return false;
  if (count == number) note("fault\n");
  if (std::strcmp(kind, "kill") == 0) raise(SIGKILL);
  errno = std::strcmp(kind, "EINTR") == 0 ? EINTR : std::strcmp(kind, "EIO") == 0 ? EIO : ENOSPC;
  return true;
}

bool is_short() { return std::strcmp(text("LASER_FAULT_KIND"), "short") == 0; }

// Whether this address lies in the program itself: not in a library that it uses.
bool in_program(const void* address) {
  struct Range {
    ElfW(Addr) first = 0, end = 0;
  };
  static const Range code = [] {
    Range range;
    const auto read = [](dl_phdr_info* object, size_t, void* result) {
      for (int i = 0; i < object->dlpi_phnum; ++i) {
        const auto& part = object->dlpi_phdr[i];
        if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
        const auto first = object->dlpi_addr + part.p_vaddr;
        *static_cast<Range*>(result) = {first, first + part.p_memsz};
      }
      return 1;  // the first object is the program
    };
    dl_iterate_phdr(read, &range);
    return range;
  }();
  const auto place = reinterpret_cast<ElfW(Addr)>(address);
  return place >= code.first && place < code.end;
}

// What the program asks for before main, its constants, nothing can be done about.
std::atomic<bool> started{false};
using Main = int (*)(int, char**, char**);
Main program_main = nullptr;

int start(int count, char** arguments, char** environment) {
  started = true;
  return program_main(count, arguments, environment);
}

// Throws if this is the request for memory that fails; `caller` asked.
void fail_memory(const void* caller) {
  static const bool watched = std::strcmp(text("LASER_FAULT_CALL"), "new") == 0;
  static const long number = std::atol(text("LASER_FAULT_NUMBER"));
  if (!watched || !started || !in_program(caller) || ++calls != number) return;
  note("fault\n");
  throw std::bad_alloc();
}

int open_with(const char* name, const char* path, int flags, mode_t mode) {
  if (fails("open", path)) return -1;
  return next<int(const char*, int, ...)>(name)(path, flags, mode);
}

}  // namespace

extern "C" {

int __libc_start_main(Main main, int count, char** arguments, void (*before)(), void (*after)(),
                      void (*unload)(), void* stack) {
  program_main = main;
  using Start = int(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  return next<Start>("__libc_start_main")(start, count, arguments, before, after, unload, stack);
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_with("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_with("open64", path, flags, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  if (fails("open", path)) return nullptr;
  return next<FILE*(const char*, const char*)>("fopen64")(path, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  if (fails("write", descriptor)) {
    if (!is_short()) return -1;
    return real(descriptor, bytes, size > 1 ? size / 2 : size);
  }
  return real(descriptor, bytes, size);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  static auto* const real = next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  if (fails("write", descriptor)) {
    if (!is_short()) return -1;
    return real(descriptor, bytes, size > 1 ? size / 2 : size, offset);
  }
  return real(descriptor, bytes, size, offset);
}

int fsync(int descriptor) {
  if (fails("fsync", descriptor)) return -1;
  return next<int(int)>("fsync")(descriptor);
}

int rename(const char* from, const char* to) noexcept {
  if (fails("rename", to)) return -1;
  return next<int(const char*, const char*)>("rename")(from, to);
}

void* mmap(void* address, size_t length, int protection, int flags, int descriptor, off_t offset) noexcept {
  static auto* const real = next<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (descriptor >= 0 && fails("mmap", descriptor)) return MAP_FAILED;
  return real(address, length, protection, flags, descriptor, offset);
}

}  // extern "C"

void* operator new(size_t size) {
  static auto* const real = next<void*(size_t)>("_Znwm");
  fail_memory(__builtin_return_address(0));
  return real(size);
}

void* operator new[](size_t size) {
  static auto* const real = next<void*(size_t)>("_Znam");
  fail_memory(__builtin_return_address(0));
  return real(size);
}

void* operator new(size_t size, std::align_val_t alignment) {
  static auto* const real = next<void*(size_t, std::align_val_t)>("_ZnwmSt11align_val_t");
  fail_memory(__builtin_return_address(0));
  return real(size, alignment);
}
