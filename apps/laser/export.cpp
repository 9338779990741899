// laser export DIR --to csv|tensorboard|wandb|mlflow [--out DIR]: runs for the trackers of others.
//
// It is the Python package's laser.export, which needs no compiled core; this starts it from the files that
// came with the program.
#include "commands.hpp"
#include "laser/core/resources.hpp"
#include "laser/report/figures.hpp"
#include "python_program.hpp"

namespace laser {
namespace {

constexpr const char* kExportProgram =
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from laser.export import main; sys.exit(main())";

}  // namespace

void add_export(CLI::App& app) {
  struct Arguments {
    std::string folder, format, out;
  };
  const auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "export", "Runs for TensorBoard, W&B, MLflow or a spreadsheet; nothing is sent anywhere");
  command->add_option("DIR", a->folder, "a run folder, or a folder that holds some")->required();
  command->add_option("--to", a->format, "csv, tensorboard, wandb or mlflow")
      ->required()
      ->check(CLI::IsMember({"csv", "tensorboard", "wandb", "mlflow"}));
  command->add_option("--out", a->out, "where to write (default: a folder named after the format in DIR)");
  command->footer("Example: laser export runs/mine --to csv");
  command->callback([a] {
    std::vector<std::string> words{
        figures_python(), "-c",   kExportProgram, (resource_root() / "python").string(),
        a->folder,        "--to", a->format};
    if (!a->out.empty()) words.insert(words.end(), {"--out", a->out});
    become_python(words);
  });
}

}  // namespace laser
