#include "completion.hpp"

#include <fmt/ranges.h>

namespace laser {
namespace {

/// Words of the scripts are letters, digits and "-_.=": nothing that a shell would read otherwise.
std::string plain(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (const auto& word : words) {
    const auto strange =
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+");
    if (strange == std::string::npos && !word.empty()) kept.push_back(word);
  }
  return fmt::format("{}", fmt::join(kept, " "));
}

std::string path_text(const CommandNode& node) { return fmt::format("{}", fmt::join(node.path, " ")); }

/// A shell function that maps its first argument to words; it says nothing where there are none.
struct WordTable {
  std::string text;
  explicit WordTable(const std::string& name) : text(fmt::format("{}() {{\n  case $1 in\n", name)) {}
  void add(const std::string& key, const std::vector<std::string>& words) {
    const auto list = plain(words);
    if (!list.empty()) text += fmt::format("    '{}') echo '{}' ;;\n", key, list);
  }
  [[nodiscard]] std::string end() const { return text + "  esac\n}\n"; }
};

/// The lists, in functions that bash and zsh read alike.
std::string word_tables(const CommandNode& root, const std::vector<SettingEntry>& settings) {
  WordTable commands("_laser_commands"), flags("_laser_flags"), valued("_laser_valued"),
      words("_laser_words"), values("_laser_values");
  std::vector<std::string> with_settings, keys;
  for (const auto* node : all_commands(root)) {
    const auto path = path_text(*node);
    std::vector<std::string> below, names, with_value, arguments;
    for (const auto& command : node->commands) below.push_back(command.path.back());
    for (const auto& option : node->options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      if (!option.has_value) continue;
      with_value.insert(with_value.end(), option.names.begin(), option.names.end());
      for (const auto& name : option.names)
        words.add(std::string(path).append(" ").append(name), option.words);
    }
    for (const auto& argument : node->arguments)
      arguments.insert(arguments.end(), argument.words.begin(), argument.words.end());
    commands.add(path, below);
    flags.add(path, names);
    valued.add(path, with_value);
    words.add(path, arguments);
    if (node->takes_settings) with_settings.push_back(path);
  }
  for (const auto& setting : settings) {
    keys.push_back(setting.name + "=");
    values.add(setting.name, setting.words);
  }
  return commands.end() + flags.end() + valued.end() + words.end() + values.end() +
         fmt::format("_laser_settings() {{\n  case $1 in\n    {}) echo '{}' ;;\n  esac\n}}\n",
                     fmt::join(with_settings, "|"), plain(keys));
}

constexpr const char* kBash = R"sh(
_laser() {
  local line=${COMP_LINE:0:COMP_POINT} word='' command='' before='' item candidates key value done
  local -a items
  COMPREPLY=()
  read -ra items <<<"$line"
  if [[ $line != *[[:space:]] ]]; then
    word=${items[-1]}
    unset 'items[-1]'
  fi
  for item in "${items[@]:1}"; do
    case " $(_laser_commands "$command") " in *" $item "*) command=${command:+$command }$item ;; esac
    before=$item
  done
  if [[ -n $before && " $(_laser_valued "$command") " == *" $before "* ]]; then
    candidates=$(_laser_words "$command $before")
    if [[ -n $candidates ]]; then
      COMPREPLY=($(compgen -W "$candidates" -- "$word"))
    else
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$word"))
    fi
    return
  fi
  candidates=$(_laser_settings "$command")
  if [[ -n $candidates && $word == *=* ]]; then  # the last of key=value,value,...
    key=${word%%=*} value=${word#*=} done=''
    [[ $value == *,* ]] && done=${value%,*},
    [[ $COMP_WORDBREAKS == *=* ]] || done=$key=$done
    for item in $(_laser_values "$key"); do
      [[ $item == "${value##*,}"* ]] && COMPREPLY+=("$done$item")
    done
    [[ $key == *_dir ]] && COMPREPLY=($(compgen -d -- "$value"))
    return
  fi
  COMPREPLY=($(compgen -W "$(_laser_commands "$command") $(_laser_words "$command") $candidates" -- "$word"))
  [[ $word == -* ]] && COMPREPLY+=($(compgen -W "$(_laser_flags "$command")" -- "$word"))
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  if [[ -n $command && $word != -* ]]; then
    if [[ -n $candidates ]]; then
      COMPREPLY+=($(compgen -f -X '!*.toml' -- "$word") $(compgen -d -S / -- "$word"))
    elif [[ ${#COMPREPLY[@]} -eq 0 ]]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$word"))
    fi
  fi
}
complete -F _laser laser ./laser
)sh";

constexpr const char* kZsh = R"sh(
_laser() {
  local command='' before='' item keys
  for item in "${(@)words[2,CURRENT-1]}"; do
    case " $(_laser_commands "$command") " in *" $item "*) command=${command:+$command }$item ;; esac
    before=$item
  done
  if [[ -n $before && " $(_laser_valued "$command") " == *" $before "* ]]; then
    item=$(_laser_words "$command $before")
    if [[ -n $item ]]; then compadd -- ${=item}; else _files; fi
    return
  fi
  keys=$(_laser_settings "$command")
  if [[ -n $keys && $PREFIX == *=* ]]; then  # the last of key=value,value,...
    item=${PREFIX%%=*}
    compset -P '*[=,]'
    if [[ $item == *_dir ]]; then _files -/; else compadd -- ${=$(_laser_values "$item")}; fi
    return
  fi
  item="$(_laser_commands "$command") $(_laser_words "$command")"
  compadd -- ${=item}
  [[ $PREFIX == -* ]] && compadd -- ${=$(_laser_flags "$command")}
  if [[ -n $keys ]]; then
    compadd -S '' -- ${=keys}
    _files -g '*.toml'
  elif [[ -n $command && -z ${item// /} ]]; then
    _files
  fi
}
if [[ ${funcstack[1]} == _laser ]]; then _laser "$@"; else compdef _laser laser ./laser; fi
)sh";

}  // namespace

std::string bash_completion(const CommandNode& root, const std::vector<SettingEntry>& settings) {
  return "# Completion of laser for bash:  eval \"$(laser completion bash)\"\n" +
         word_tables(root, settings) + kBash;
}

std::string zsh_completion(const CommandNode& root, const std::vector<SettingEntry>& settings) {
  return "#compdef laser\n# Completion of laser for zsh:  eval \"$(laser completion zsh)\"  after compinit, "
         "or as the "
         "file _laser\n# in a folder of $fpath.\n" +
         word_tables(root, settings) + kZsh;
}

}  // namespace laser
