// laser report DIR...: tables and figures from records alone.
#include "commands.hpp"
#include "output.hpp"

namespace laser {

void add_report(CLI::App& app, CommandLine&) {
  struct Arguments {
    std::vector<std::string> folders;
    std::string out;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      app.add_subcommand("report", "Tables, figures and an offline page from the records of runs");
  command->add_option("DIR", arguments->folders, "run folders, or folders that hold some")->required();
  command->add_option("--out", arguments->out, "where to write (default: report/ in the first DIR)");
  command->add_flag("--json", arguments->json, "print summary.json instead of the table");
  command->callback([arguments] {
    const auto out = arguments->out.empty() ? arguments->folders.front() + "/report" : arguments->out;
    print_report(arguments->folders, out, arguments->json);
  });
}

}  // namespace laser
