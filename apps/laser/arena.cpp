// laser arena [METHOD ...] [--out DIR] [--quick]: methods against each other on equal terms.
//
// It is the Python package's laser.arena, which lets methods of one's own in as well; this starts it, in the
// place of this process, with the Python that has the package.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "commands.hpp"
#include "laser/core/error.hpp"
#include "laser/core/options.hpp"
#include "laser/core/resources.hpp"
#include "laser/train/experiment.hpp"
#include "python_program.hpp"

namespace laser {
namespace {

constexpr const char* kProgram = R"(
import sys
try:
    from laser import native
    from laser.arena import main
    if not native.COMPILED:
        raise ImportError("its laser has no compiled core")
except ImportError as problem:
    import shutil, textwrap
    told = (f"laser: {sys.executable} can't run the arena ({problem}). HINT: 'pip install .' in the source tree of laser, and "
            "LASER_PYTHON set to the Python of it")
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else len(told)
    print(textwrap.fill(told, width, subsequent_indent="  ", break_long_words=False), file=sys.stderr)
    sys.exit(2)
sys.exit(main(sys.argv[1:]))
)";

struct ArenaArguments {
  std::vector<std::string> methods, tasks;
  std::string folder, only;
  std::int64_t seeds = 0, jobs = 0, epochs = 0;  // 0: not given
  double power_scale = 1;
  bool quick = false, resume = false, dry_run = false, json = false;
};

/// The Python that was asked for, that of the tests where they have made one, or the first there is.
std::string python_of_the_package() {
  const char* given = std::getenv("LASER_PYTHON");
  if (given != nullptr && *given != '\0') return given;
  const auto built = resource_root() / "build" / "python" / "bin" / "python";
  std::error_code ignored;
  return std::filesystem::exists(built, ignored) ? built.string() : "python3";
}

/// Throws where METHOD or METHOD:key=value,... names what there is not: here it takes no Python to tell.
void check_method(const std::string& text) {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  const auto colon = std::min(text.find(':'), text.size());
  list.set("method", text.substr(0, colon));
  for (auto rest = text.substr(std::min(colon + 1, text.size())); !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto [key, value] = parse_assignment(rest.substr(0, comma));
    list.set(key, value);
    rest.erase(0, comma + 1);
  }
}

void run_arena(const ArenaArguments& a) {
  for (const auto& method : a.methods) check_method(method);
  std::vector<std::string> words{python_of_the_package(), "-c", kProgram};
  words.insert(words.end(), a.methods.begin(), a.methods.end());
  const auto add = [&](const std::string& option, const std::string& value) {
    words.push_back(option);
    words.push_back(value);
  };
  if (!a.folder.empty()) add("--out", a.folder);
  for (const auto& task : a.tasks) add("--task", task);
  if (a.power_scale != 1) add("--power-scale", number_text(a.power_scale));
  if (!a.only.empty()) add("--only", a.only);
  if (a.seeds > 0) add("--seeds", std::to_string(a.seeds));
  if (a.epochs > 0) add("--epochs", std::to_string(a.epochs));
  if (a.jobs > 0) add("--jobs", std::to_string(a.jobs));
  const std::pair<bool, const char*> flags[] = {
      {a.quick, "--quick"}, {a.resume, "--resume"}, {a.dry_run, "--dry-run"}, {a.json, "--json"}};
  for (const auto& [set, name] : flags) {
    if (set) words.emplace_back(name);
  }
  become_python(words);
}

}  // namespace

void add_arena(CLI::App& app) {
  auto a = std::make_shared<ArenaArguments>();
  auto* command = app.add_subcommand("arena", "Let methods compete on equal terms: docs/arena.md");
  command
      ->add_option("METHOD", a->methods,
                   "methods (default: all of the field); METHOD:key=value,... sets more")
      ->option_text("METHOD ...");
  command->add_option("--out", a->folder, "folder for results and report (default: runs/arena-DATE-TIME)");
  command->add_flag("--quick", a->quick,
                    "a first look: the linear model, few rounds, a coarse grid of step sizes");
  command->add_option("--seeds", a->seeds, "runs whose test accuracy counts (default: 3, or 2 with --quick)")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--task", a->tasks,
                   "this task alone, may be repeated: mnist, mnist_mlp (both by default) or mnist_mlp_long")
      ->check(CLI::IsMember({"mnist", "mnist_mlp", "mnist_mlp_long"}));
  command->add_option("--power-scale", a->power_scale, "multiplies the energies of all contests")
      ->check(CLI::Range(1e-9, 1e9))
      ->capture_default_str();
  command
      ->add_option("--epochs", a->epochs,
                   "of all contests but those at equal air time (default: 20 and 5, or 5 with --quick)")
      ->check(CLI::Range(1, 100000));
  command->add_option("--only", a->only, "contests with this text in their name, as iid_awgn or airtime");
  command->add_option("--jobs", a->jobs, "trainings at once (default: as many as there are cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--resume", a->resume, "go on with an interrupted one in --out, or add methods to it");
  command->add_flag("--dry-run", a->dry_run, "tell what it would cost and stop");
  command->add_flag("--json", a->json, "print the report as JSON");
  command->footer("Example: laser arena laser zsgd otalc --quick --out runs/arena");
  command->callback([a] { run_arena(*a); });
}

}  // namespace laser
